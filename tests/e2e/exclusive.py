#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two attempts of an exclusive program never overlap, although the worker of the first is stopped past its lease.

usage: exclusive.py BIN_DIR

The program does not heed SIGTERM; nobody but the shim is there to end it. The coordinator waits for the lease and the grace period (30 s each)
and gives the task to the other worker.
"""
import os
import shutil
import signal
import sys
import tempfile
import time

from chaos import LIMIT_S, TOP, Assay, finished, pause

GRID = os.path.join(TOP, "tests/e2e/grids/exclusive.yaml")


def wait(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited too long for " + what)
        pause(0.2)


def spans(place):
    """attempt -> (first, last) second in which it was there, in the order in which they came."""
    found = {}
    if os.path.exists(place):
        with open(place, encoding="utf-8") as file:
            for line in file.read().splitlines():
                attempt, at = line.split()
                first, _ = found.get(attempt, (float(at), 0))
                found[attempt] = (first, float(at))
    return found


def worker_of(assay, stage):
    """The name of the worker in whose folder the process runs."""
    return os.readlink("/proc/%d/cwd" % stage)[len(assay.state + "/workers/"):].split("/")[0]


def check(assay, place):
    assay.up()
    assay.run("submit", GRID, "--set", "stages.hold.with.place=" + place)
    wait("the first attempt", lambda: len(spans(place)) == 1)
    name = worker_of(assay, assay.stages()[0])
    worker = assay.pid("worker-" + name if name.isdigit() else name)
    stopped = time.monotonic()
    os.kill(worker, signal.SIGSTOP)
    try:
        wait("the second attempt", lambda: len(spans(place)) == 2)
    finally:
        os.kill(worker, signal.SIGCONT)
    second_after = time.monotonic() - stopped
    with open(place + ".go", "w", encoding="utf-8"):
        pass
    wait("the end of the grid", lambda: finished(assay, "exclusive"))
    (_, last), (first, _) = spans(place).values()
    if last >= first:
        raise SystemExit("two attempts overlap: %s" % spans(place))
    accepted = assay.psql("SELECT count(*) FROM attempt WHERE accepted")
    if accepted != ["1"]:
        raise SystemExit("%s accepted attempts" % accepted)
    print("the first ended %.1f s after its worker was stopped, the second began %.1f s later (%.0f s in all)"
          % (last - stopped, first - last, second_after), flush=True)


def main():
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    os.chmod(folder, 0o755)
    assay = Assay(os.path.abspath(sys.argv[1]), os.path.join(folder, "state"))
    try:
        check(assay, os.path.join(folder, "place"))
    finally:
        assay.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
