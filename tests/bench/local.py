# SPDX-License-Identifier: Apache-2.0
"""A local assay for benches: `assay up` in a folder of its own, grids of one stage, what the database and /proc say of them."""
import glob
import json
import os
import shlex
import shutil
import subprocess
import tempfile


def thread_ns(path):
    """Time on a processor of one thread."""
    with open(path, encoding="utf-8") as file:
        return int(file.read().split()[0])


class Local:
    """Real assayd, real workers of one slot and a private PostgreSQL with fsync; CURVE on. In a folder of /tmp, or of what
    ASSAY_BENCH_DIR names: on another file system."""

    def __init__(self, bench, workers):
        self.assay = bench.program("assay")
        self.workers = workers
        self.folder = tempfile.mkdtemp(prefix="assay-bench.", dir=os.environ.get("ASSAY_BENCH_DIR", "/tmp"))
        self.state = os.path.join(self.folder, "state")
        os.chmod(self.folder, 0o755)

    def __enter__(self):
        try:
            self.call("up", "--workers", str(self.workers))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([self.assay, "down", "--state", self.state], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, *args):
        subprocess.run([self.assay, *args, "--state", self.state], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def program(self, name, *command):
        """A program without inputs, outputs and files, for the grids of this folder."""
        folder = os.path.join(self.folder, "programs")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as file:
            file.write(f"program: {name}\nversion: 1\nabout: a bench\ncommand: {json.dumps(command)}\ncache: false\n"
                       "parameters: {i: {type: int, default: 0}}\nneeds: {cpus: 0.01, memory: 1MB}\n")

    def submit(self, name, program, tasks):
        """One stage over `tasks` points, to its end."""
        path = os.path.join(self.folder, "grid.yaml")
        points = ", ".join(str(number) for number in range(tasks))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'grid: {name}\naxes: {{n: [{points}]}}\n'
                       f'stages: {{work: {{over: [n], run: "{program}", with: {{i: "${{n}}"}}}}}}\n')
        self.call("submit", path, "--wait")

    def value(self, query):
        """The one number that a query gives."""
        with open(os.path.join(self.state, "database"), encoding="utf-8") as file:
            conninfo = file.read().strip()
        done = subprocess.run(["psql", conninfo, "-XAtqc", query], check=True, capture_output=True, text=True)
        return float(done.stdout)

    def seconds(self, name):
        """From submission to the end of a grid, as stored."""
        return self.value(f"SELECT extract(epoch FROM finished_at - submitted_at) FROM assay.grid WHERE name = '{name}'")

    def cpu_seconds(self):
        """Processor time so far by kind of process; of PostgreSQL, that of its whole cluster."""
        used = {}
        postmaster = ""
        parents = {}
        for path in glob.glob("/proc/[0-9]*"):
            try:
                with open(path + "/cmdline", encoding="utf-8", errors="replace") as file:
                    command = file.read().replace("\0", " ")
                with open(path + "/stat", encoding="utf-8", errors="replace") as file:
                    stat = file.read()
                seconds = sum(thread_ns(thread) for thread in glob.glob(path + "/task/*/schedstat")) / 1e9
            except OSError:
                continue
            name = stat[stat.index("(") + 1:stat.rindex(")")]
            pid = path[len("/proc/"):]
            if name == "postgres":
                parents[pid] = (stat[stat.rindex(")") + 2:].split()[1], seconds)
                if self.state in command:
                    postmaster = pid
            elif self.state in command and name.startswith("assay"):
                used[name] = used.get(name, 0) + seconds
        used["postgres"] = sum(seconds for pid, (parent, seconds) in parents.items() if postmaster in (pid, parent))
        return used


def peer(variable, key):
    """The figure that a peer's runner prints, when an environment variable names its command: the number under `key` (dotted) of
    the last JSON line; None without it."""
    command = os.environ.get(variable)
    if not command:
        return None
    done = subprocess.run(shlex.split(command), check=True, stdout=subprocess.PIPE, text=True)
    value = json.loads(done.stdout.strip().splitlines()[-1])
    for part in key.split("."):
        value = value[part]
    return float(value)
