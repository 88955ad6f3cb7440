# SPDX-License-Identifier: Apache-2.0
"""1,000 real worker connections (one process, CURVE, HELLO and WELCOME each): seconds until all are welcome, first and after the coordinator
was killed and started again (from the first to the last WELCOME), and what they cost the coordinator in memory."""
import glob
import json
import os
import signal
import subprocess

from local import Local

WORKERS = 1000


def coordinator(local):
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                command = file.read()
        except OSError:
            continue
        if os.path.basename(command.split("\0")[0]) == "assayd" and local.state in command:
            return int(path.split("/")[2])
    raise RuntimeError("no coordinator runs")


def rss_mb(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(bench):
    joined, again, memory = [], [], []
    for _ in range(bench.runs):
        with Local(bench, 1) as local:
            with open(os.path.join(local.state, "endpoint"), encoding="utf-8") as file:
                endpoint = file.read().strip()
            before = rss_mb(coordinator(local))
            with subprocess.Popen(
                    [bench.program("assay-bench-connections"), endpoint, os.path.join(local.state, "keys", "server.pub"),
                     os.path.join(local.state, "keys", "worker"), str(WORKERS)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as workers:
                joined.append(json.loads(workers.stdout.readline())["welcomed_ms"] / 1000)
                memory.append(rss_mb(coordinator(local)) - before)
                os.kill(coordinator(local), signal.SIGKILL)
                workers.stdin.write("\n")
                workers.stdin.flush()
                local.call("up", "--workers", "1")
                line = json.loads(workers.stdout.readline())
                again.append((line["welcomed_ms"] - line["first_ms"]) / 1000)
                workers.stdin.close()
    bench.figure("join", joined, "s", less_is_better=True)
    bench.figure("again", again, "s", less_is_better=True)
    bench.figure("memory", memory, "MB", less_is_better=True)
