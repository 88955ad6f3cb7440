#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Gangs of two and four ranks that add numbers through torch.distributed; one rank's worker and shim are killed in the middle.

usage: gang.py BIN_DIR

The attempt must end on all workers, be tried again as a whole, give the right sum, and leave no process behind. In the middle of the second attempt
the coordinator and the process of one worker are killed: it must go on.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from chaos import LIMIT_S, TOP, Assay, finished, kill, pause

GRID = os.path.join(TOP, "tests/e2e/grids/gang.yaml")


class Four(Assay):
    def ranks(self):
        """Processes of stages, by their folders; the shims are not among them."""
        found = []
        for process in self.stages():
            try:
                if "/attempts/" in os.readlink("/proc/%d/cwd" % process):
                    found.append(process)
            except OSError:
                continue
        return found

    def up(self):
        os.environ["ASSAY_PYTHON"] = "/usr/bin/python3"
        self.run("up", "--workers", "4")


def wait(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited too long for " + what)
        pause(0.1)


def expected(world, rounds, seed=1):
    return sum(sum((rank + 1) * (step + 1) + seed for rank in range(world)) for step in range(rounds))


def shim_of(assay, number):
    """The process that listens for worker NUMBER."""
    state = os.path.join(assay.state, "workers/%d" % number)
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if entry.isdigit() and words[0].endswith(b"assay-shim") and words[1] == state.encode():
            return int(entry)
    return None


def final_sums(assay):
    return {line.split("|")[0]: int(float(line.split("|")[1])) for line in assay.psql(
        "SELECT DISTINCT ON (stage) stage, value FROM results WHERE metric = 'sum' ORDER BY stage, step DESC")}


def steps(assay):
    """Of the attempt that runs: rank 0 writes a line a step."""
    for process in assay.ranks():
        try:
            with open("/proc/%d/cwd/metrics.jsonl" % process, encoding="utf-8") as file:
                return len(file.readlines())
        except OSError:
            continue
    return 0


def tree(assay, digest):
    with open(os.path.join(assay.state, "store/trees", digest[:2], digest), encoding="utf-8") as file:
        return {entry["name"]: entry for entry in json.load(file)["entries"]}


def check_per_rank(assay):
    digest, = assay.psql("SELECT output_digest FROM lineage WHERE task LIKE 'each/%'")
    whole = tree(assay, digest)
    if sorted(whole) != ["rank-0", "rank-1", "rank-2"]:
        raise SystemExit("outputs of ranks: %s" % sorted(whole))
    for rank in range(3):
        blob = tree(assay, whole["rank-%d" % rank]["digest"])["rank"]["digest"]
        with open(os.path.join(assay.state, "store/blobs", blob[:2], blob), encoding="utf-8") as file:
            if file.read() != "%d of 3\n" % rank:
                raise SystemExit("rank %d wrote something else" % rank)


def check_logs(assay):
    begins = []
    for rank in range(4):
        text = assay.run("logs", "gang", "four/seed=1", "--rank", str(rank)).stdout
        if "rank %d of 4 begins" % rank not in text or "rank %d is done" % rank not in text:
            raise SystemExit("the log of rank %d is not its own:\n%s" % (rank, text))
        begins.append(float(text.split(" begins at ")[1].split()[0]))
    print("  four ranks began within %.0f ms" % (1000 * (max(begins) - min(begins))), flush=True)


def check(assay):
    assay.up()
    assay.run("submit", GRID, "--set", "stages.four.with.pause_ms=100")
    wait("the first steps of four ranks", lambda: len(assay.ranks()) == 4 and steps(assay) >= 5)
    killed = time.monotonic()
    kill(assay.pid("worker-2"))
    kill(shim_of(assay, 2))
    wait("the end of the other ranks", lambda: not assay.ranks())
    print("  one rank lost: the others were gone after %.1f s" % (time.monotonic() - killed), flush=True)
    assay.up()
    wait("the ranks of the second attempt", lambda: len(assay.ranks()) == 4 and steps(assay) >= 5)
    kill(assay.pid("assayd"))  # the shims keep the ranks, and everybody finds together again
    kill(assay.pid("worker-1"))
    assay.up()
    wait("the end of the grid", lambda: finished(assay, "gang"))
    sums = final_sums(assay)
    if sums != {"two": expected(2, 50), "four": expected(4, 60)}:
        raise SystemExit("wrong sums: %s" % sums)
    row = assay.psql("SELECT failures, state FROM cells WHERE stage = 'four'")
    outcomes = assay.psql("SELECT o.word FROM attempt a JOIN attempt_outcome o ON o.code = a.outcome JOIN cells c USING (task_id) "
                          "WHERE c.stage <> 'each' ORDER BY a.attempt_id")
    if row != ["0|done"] or outcomes != ["done", "lost", "done"]:
        raise SystemExit("the lost rank counted against the task: %s %s" % (row, outcomes))
    ranks = assay.psql("SELECT count(*), count(DISTINCT p.worker_id), count(p.log) FROM placement p JOIN attempt a USING (attempt_id) "
                       "JOIN cells c USING (task_id) WHERE c.stage <> 'each' GROUP BY p.attempt_id ORDER BY p.attempt_id")
    if ranks[0] != "2|2|2" or ranks[2] != "4|4|4":
        raise SystemExit("placements: %s" % ranks)
    wait("the last process of a rank", lambda: not assay.ranks())
    check_logs(assay)
    check_per_rank(assay)


def main():
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    os.chmod(folder, 0o755)
    assay = Four(os.path.abspath(sys.argv[1]), os.path.join(folder, "state"))
    try:
        check(assay)
    except SystemExit:
        print(subprocess.run("tail -n 15 %s/log/*.log" % assay.state, shell=True, capture_output=True, text=True, check=False).stdout)
        raise
    finally:
        assay.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
