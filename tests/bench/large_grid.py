# SPDX-License-Identifier: Apache-2.0
"""What the benches of large grids share: a grid of four stages over N x N points with twelve edges to each point, and a real assayd with a
private PostgreSQL and no worker. N = 500 gives a million tasks and three million edges."""
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

SIDE = int(os.environ.get("ASSAY_BENCH_SIDE", "500"))

JOIN = """program: join
version: 1
about: waits for up to five tasks
command: ["true"]
parameters:
  i: {type: int, default: 0, help: tells tasks apart}
  j: {type: int, default: 0, help: tells tasks apart}
inputs:
  u: {kind: any, optional: true}
  v: {kind: any, optional: true}
  w: {kind: any, optional: true}
  x: {kind: any, optional: true}
  y: {kind: any, optional: true}
outputs:
  out: {kind: tree}
"""


def grid_text(name, side=SIDE):
    points = ", ".join(str(number) for number in range(side))
    run = 'over: [i, j], run: join, with: {i: "${i}", j: "${j}"}'
    row, column = "{stage: %s, where: {i: 0}}", "{stage: %s, where: {j: 0}}"
    sources = {
        "a": "",
        "b": f", from: {{u: a, v: {row % 'a'}, w: {column % 'a'}}}",
        "c": f", from: {{u: a, v: b, w: {row % 'b'}, x: {column % 'b'}}}",
        "d": f", from: {{u: a, v: b, w: c, x: {row % 'c'}, y: {column % 'c'}}}",
    }
    stages = "".join(f"  {stage}: {{{run}{read}}}\n" for stage, read in sources.items())
    return f"grid: {name}\naxes:\n  i: [{points}]\n  j: [{points}]\nstages:\n{stages}"


class Coordinator:
    """A coordinator that `assay up` runs, in a folder of its own."""

    def __init__(self, bench):
        self.assay = bench.program("assay")
        self.folder = tempfile.mkdtemp(prefix="assay-bench.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.state = os.path.join(self.folder, "state")

    def __enter__(self):
        os.mkdir(os.path.join(self.folder, "programs"))
        with open(os.path.join(self.folder, "programs", "join.yaml"), "w", encoding="utf-8") as file:
            file.write(JOIN)
        self.up()
        return self

    def __exit__(self, *ignored):
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def up(self):
        self.call("up", "--workers", "0")

    def down(self):
        subprocess.run([self.assay, "down", "--state", self.state], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def restart(self, query=("ls",)):
        """Kills assayd; seconds until a new one answers a query."""
        pid = self.pid()
        ended = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([ended], [], [])
        os.close(ended)
        started = time.perf_counter()
        self.up()
        self.call(*query)
        return time.perf_counter() - started

    def call(self, *args):
        done = subprocess.run([self.assay, *args, "--state", self.state], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout

    def json(self, *args):
        return json.loads(self.call(*args, "--json"))

    def submit(self, name, side=SIDE):
        """Seconds at the shell until the plan is stored."""
        path = os.path.join(self.folder, name + ".yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(grid_text(name, side))
        started = time.perf_counter()
        self.call("submit", path)
        return time.perf_counter() - started

    def settle(self, name):
        """Until every task that can be ready is: look-ups are over."""
        while True:
            counts = [stage["counts"] for stage in self.json("status", name)["stages"]]
            if counts[0]["ready"] == counts[0]["total"]:
                return

    def pid(self):
        """Of assayd, by the state folder in its arguments."""
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[0].endswith("/assayd") and f"--state={self.state}" in words:
                return int(entry)
        raise RuntimeError("assayd is not there")

    def memory_mib(self, field="VmRSS"):
        with open(f"/proc/{self.pid()}/status", encoding="utf-8") as file:
            return int(re.search(rf"{field}:\s+(\d+) kB", file.read()).group(1)) / 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.pid()}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def answers_while(self, work):
        """Longest wait in ms for `assay ls`, one after the other, while `work` runs in a thread."""
        thread = threading.Thread(target=work)
        thread.start()
        longest = 0.0
        while thread.is_alive():
            started = time.perf_counter()
            self.call("ls")
            longest = max(longest, (time.perf_counter() - started) * 1000)
        thread.join()
        return longest
