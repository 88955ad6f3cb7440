# SPDX-License-Identifier: Apache-2.0
"""Gangs of eight ranks on eight workers of this machine: real assayd, PostgreSQL with fsync, CURVE on.

    skew    from the first rank's first instruction to the last one's, by their own clocks
    start   from the grant until the coordinator has heard of all ranks that they run (prepare, accept, commit, GO and spawn)

Workers share the machine's cores, so that both are bound by eight preparations and eight spawns on as many cores as there are.
"""
import os
import shutil
import subprocess
import tempfile

RANKS = 8
TARGET_MS = 50  # skew

PROGRAM = """program: rank
version: 1
command: [/bin/bash, program/rank.sh]
files: [rank.sh]
parameters:
  run: {type: int}
outputs:
  out: {kind: tree}
needs: {cpus: 0.1, memory: 50MB}
cache: false
"""
SCRIPT = 'echo "$EPOCHREALTIME"\nmkdir -p out/out\n'
GRID = """grid: gang-%d
axes: {run: [%d]}
stages:
  all: {over: [run], run: rank, with: {run: "${run}"}, needs: {nodes: %d}}
"""


def run(bench):
    assay = bench.program("assay")
    folder = tempfile.mkdtemp(prefix="assay-bench.", dir="/tmp")
    os.chmod(folder, 0o755)
    state = os.path.join(folder, "state")
    for name, text in (("programs/rank.yaml", PROGRAM), ("programs/rank.sh", SCRIPT)):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def call(*args):
        return subprocess.run([assay, *args, "--state", state], check=True, capture_output=True, text=True).stdout

    def skew_ms(name, run_number):
        begins = [float(call("logs", name, f"all/run={run_number}", "--rank", str(rank)).split()[0]) for rank in range(RANKS)]
        return (max(begins) - min(begins)) * 1000

    def start_ms(name):
        with open(os.path.join(state, "database"), encoding="utf-8") as file:
            conninfo = file.read().strip()
        query = ("SELECT extract(epoch FROM a.started_at - a.granted_at) * 1000 FROM assay.attempt a JOIN assay.grid g "
                 f"ON g.grid_id = (a.task_id >> 32)::int4 WHERE g.name = '{name}' AND a.accepted")
        return float(subprocess.run(["psql", conninfo, "-XAtqc", query], check=True, capture_output=True, text=True).stdout)

    try:
        call("up", "--workers", str(RANKS))
        skews, starts = [], []
        for number in range(bench.runs + 1):
            name = f"gang-{number}"
            with open(os.path.join(folder, "grid.yaml"), "w", encoding="utf-8") as file:
                file.write(GRID % (number, number, RANKS))
            call("submit", os.path.join(folder, "grid.yaml"), "--wait")
            if number > 0:  # the first one warms caches
                skews.append(skew_ms(name, number))
                starts.append(start_ms(name))
        bench.figure("skew", skews, "ms", "target", [TARGET_MS], less_is_better=True)
        bench.figure("start", starts, "ms", less_is_better=True)
    finally:
        subprocess.run([assay, "down", "--state", state], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(folder, ignore_errors=True)
