#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A task of higher priority takes the room of a lower one, which goes on from its checkpoint on another worker.

usage: preempt.py BIN_DIR
"""
import os
import shutil
import sys
import tempfile

from chaos import TOP, Assay, finished
from exclusive import wait

GRID = os.path.join(TOP, "tests/e2e/grids/preempt.yaml")


def lines(place):
    """(attempt, begun from, count) of each line."""
    if not os.path.exists(place):
        return []
    with open(place, encoding="utf-8") as file:
        return [tuple(int(word) for word in line.split()) for line in file.read().splitlines() if line.count(" ") == 2]


def attempts(place):
    return sorted({attempt for attempt, _, _ in lines(place)})


def let_end(place):
    with open(place + ".go", "w", encoding="utf-8"):
        pass


def submit(assay, name, place, priority):
    assay.run("submit", GRID, "--set", "grid=" + name, "--set", "priority=%d" % priority,
              "--set", "stages.count.with.place=" + place)


def check(assay, low, high):
    assay.up()
    assay.run("drain", "worker-2")
    submit(assay, "low", low, 0)
    wait("the first attempt to get on", lambda: len(lines(low)) > 30)
    submit(assay, "high", high, 9)
    wait("the urgent task", lambda: attempts(high))
    if len(attempts(low)) != 1:
        raise SystemExit("the lower task runs beside the higher one: %s" % attempts(low))
    told = assay.run("explain", "low", "count/seed=1").stdout
    if "higher priority" not in told and "is ready" not in told:
        raise SystemExit("explain does not say why it waits:\n" + told)
    assay.run("undrain", "worker-2")
    wait("the lower task on the other worker", lambda: len(attempts(low)) == 2)
    first, second = attempts(low)
    left = max(count for attempt, _, count in lines(low) if attempt == first)
    begun = {begin for attempt, begin, _ in lines(low) if attempt == second}
    if begun != {left}:
        raise SystemExit("it stopped at %d and went on from %s" % (left, begun))
    let_end(low)
    let_end(high)
    wait("the end of both grids", lambda: finished(assay, "low") and finished(assay, "high"))
    rows = assay.psql("SELECT o.word, w.name FROM attempt a JOIN attempt_outcome o ON o.code = a.outcome JOIN worker w USING (worker_id) "
                      "WHERE a.attempt_id IN (%d, %d) ORDER BY a.attempt_id" % (first, second))
    if rows != ["preempted|worker-1", "done|worker-2"]:
        raise SystemExit("the attempts ended as %s" % rows)
    print("stopped at %d on worker-1, went on from there on worker-2" % left, flush=True)


def main():
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    os.chmod(folder, 0o755)
    assay = Assay(os.path.abspath(sys.argv[1]), os.path.join(folder, "state"))
    with open(os.path.join(folder, "state/assayd.yaml"), "w", encoding="utf-8") as file:
        file.write("preempt-after: 1s\npreempt-run: 1s\n")
    try:
        check(assay, os.path.join(folder, "low"), os.path.join(folder, "high"))
    finally:
        assay.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
