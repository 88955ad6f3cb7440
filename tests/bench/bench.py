# SPDX-License-Identifier: Apache-2.0
"""What every bench is given: where programs are, how often to run, and how figures are printed."""
import json
import statistics
import subprocess
import sys


class Bench:
    """One bench in one run of the driver.

    name    of the bench; a figure's name is the bench's, or bench/part
    build   folder of the build
    runs    how often to repeat
    corpus  shards named on the command line, or []
    """

    def __init__(self, name, build, runs, corpus):
        self.name = name
        self.build = build
        self.runs = runs
        self.corpus = corpus
        self.scratch = build / "bench"
        self.scratch.mkdir(exist_ok=True)

    def program(self, name):
        """Path of a program of the build."""
        path = self.build / "bin" / name
        if not path.exists():
            sys.exit(f"{self.name}: no program {path}; build it first, or name another build with --build")
        return str(path)

    def lines(self, *command):
        """The JSON lines that a command prints."""
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def figure(self, part, samples, unit, peer=None, peer_samples=None, floor_samples=None, less_is_better=False):
        """Prints one figure: medians of the samples, and the ratio to the peer's."""
        value = statistics.median(samples)
        peer_value = statistics.median(peer_samples) if peer_samples else None
        ratio = None
        if peer_value:
            ratio = peer_value / value if less_is_better else value / peer_value
        rounded = {
            "value": value, "min": min(samples), "max": max(samples), "peer_value": peer_value, "ratio": ratio,
            "floor": statistics.median(floor_samples) if floor_samples else None,
        }
        rounded = {name: number if number is None else float(f"{number:.4g}") for name, number in rounded.items()}
        print(json.dumps({
            "bench": self.name + ("/" + part if part else ""), "value": rounded["value"], "unit": unit,
            "runs": len(samples), "min": rounded["min"], "max": rounded["max"], "peer": peer,
            "peer_value": rounded["peer_value"], "ratio": rounded["ratio"], "floor": rounded["floor"],
        }), flush=True)
