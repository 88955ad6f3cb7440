# SPDX-License-Identifier: Apache-2.0
"""Durable null tasks: real assayd, two real workers and a private PostgreSQL with fsync, CURVE on. The rate is from the submission to the
last committed result; latency is of one task, from the submission to its committed result, by the coordinator's clock.

peer: a bare loop that spawns /bin/true and waits for it, which is not durable (spawn_loop below).
"""
import os
import shutil
import subprocess
import tempfile
import time

TASKS = 4000
LATENCY_TASKS = 20
SPAWNS = 1000


def grid(path, name, count):
    points = ", ".join(str(number) for number in range(count))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'grid: {name}\naxes: {{n: [{points}]}}\nstages: {{work: {{over: [n], run: "null", with: {{i: "${{n}}"}}}}}}\n')


def spawn_loop():
    """Processes a second of posix_spawn and wait, one at a time."""
    started = time.perf_counter()
    for _ in range(SPAWNS):
        os.waitpid(os.posix_spawn("/bin/true", ["/bin/true"], {}), 0)
    return SPAWNS / (time.perf_counter() - started)


def run(bench):
    assay = bench.program("assay")
    folder = tempfile.mkdtemp(prefix="assay-bench.", dir="/tmp")
    os.chmod(folder, 0o755)
    state = os.path.join(folder, "state")

    def call(*args):
        subprocess.run([assay, *args, "--state", state], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def seconds(name):
        """From submission to the end of a grid, as stored."""
        with open(os.path.join(state, "database"), encoding="utf-8") as file:
            conninfo = file.read().strip()
        query = f"SELECT extract(epoch FROM finished_at - submitted_at) FROM assay.grid WHERE name = '{name}'"
        return float(subprocess.run(["psql", conninfo, "-XAtqc", query], check=True, capture_output=True, text=True).stdout)

    try:
        call("up", "--workers", "2")
        rates, latencies, spawns = [], [], []
        for number in range(bench.runs):
            name = f"null-{number}"
            grid(os.path.join(folder, "grid.yaml"), name, TASKS)
            call("submit", os.path.join(folder, "grid.yaml"), "--wait")
            rates.append(TASKS / seconds(name))
            spawns.append(spawn_loop())
        for number in range(LATENCY_TASKS):
            name = f"one-{number}"
            grid(os.path.join(folder, "grid.yaml"), name, 1)
            call("submit", os.path.join(folder, "grid.yaml"), "--wait")
            latencies.append(seconds(name) * 1000)
        bench.figure("rate", rates, "tasks/s", "bare spawn loop", spawns)
        bench.figure("latency", latencies, "ms", less_is_better=True)
    finally:
        subprocess.run([assay, "down", "--state", state], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(folder, ignore_errors=True)
