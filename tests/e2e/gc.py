#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Garbage collection on real parts: plan, doom, go, pardon; never of what is kept, live or pinned; killed at any moment it does no harm.

usage: gc.py BIN_DIR
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from chaos import LIMIT_S, TOP, Assay, pause
from gone import GRID, expect, submit, wait


def outputs(assay, grid):
    return set(assay.psql(
        "SELECT encode(o.digest, 'hex') FROM task t JOIN result_output o ON o.key = t.key AND o.attempt_id = t.attempt_id "
        "WHERE t.task_id >> 32 = %d" % grid))


def stored(assay, digests):
    return {d for d in digests if os.path.exists(os.path.join(assay.state, "store/trees", d[:2], d))}


def gc(assay, *more):
    return json.loads(assay.run("gc", "--yes", "--json", "--grace", "0s", *more).stdout)


def whole(assay):
    """Every blob that a stored tree names is there."""
    root = os.path.join(assay.state, "store")
    for folder, _, files in os.walk(os.path.join(root, "trees")):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for entry in json.load(file)["entries"]:
                    digest = entry["digest"]
                    section = "trees" if entry["kind"] == "tree" else "blobs"
                    if not os.path.exists(os.path.join(root, section, digest[:2], digest)):
                        raise SystemExit("tree %s lacks %s %s" % (name, entry["kind"], digest))


def check_policy(assay):
    submit(assay, 10)
    wait(assay, "1")
    submit(assay, 20)
    wait(assay, "2")
    first, second = outputs(assay, 1), outputs(assay, 2)
    shared, own = first & second, first - second
    expect("trees that both have", len(shared), 1)
    gc(assay)
    gc(assay)
    expect("of kept grids nothing goes", stored(assay, first | second), first | second)
    if assay.run("rm", "1", check=False).returncode != 0:
        raise SystemExit("rm of a finished grid is refused")
    pinned = sorted(own)[0]
    assay.run("pin", pinned, "--note", "for the paper")
    if "for the paper" not in assay.run("pins").stdout:
        raise SystemExit("pins does not show it")
    plan = json.loads(assay.run("gc", "--plan", "--json", "--grace", "0s").stdout)
    if plan["dead"] < 2 or plan["plan"] is not True:
        raise SystemExit("plan: %s" % plan)
    expect("a plan takes nothing", stored(assay, first), first)
    gc(assay)
    expect("what goes", stored(assay, first), shared | {pinned})
    expect("what stays", stored(assay, second), second)
    whole(assay)
    expect("metrics of the grid that is not kept", assay.psql("SELECT count(*) FROM results WHERE grid_id = 1"), ["4"])
    return pinned


def check_made_again(assay, pinned):
    """What went is no answer any more: the same grid again makes it again."""
    pause(6)  # the coordinator asks every few seconds; in life the grace is much longer
    before = int(assay.psql("SELECT count(*) FROM attempt WHERE accepted")[0])
    submit(assay, 10)
    wait(assay, "3")
    expect("attempts", int(assay.psql("SELECT count(*) FROM attempt WHERE accepted")[0]) - before, 2)
    expect("verdict", assay.psql("SELECT verdict FROM grid WHERE grid_id = 3"), ["1"])
    assay.run("unpin", pinned)


def check_saved(assay):
    """Doomed and wanted again before the grace is over."""
    assay.run("rm", "3")
    own = outputs(assay, 3) - outputs(assay, 2)
    pause(3)
    assay.run("gc", "--yes", "--grace", "2s")  # old enough, and doomed since now
    expect("doomed", int(assay.psql("SELECT count(*) FROM doomed")[0]) >= len(own), True)
    pause(8)  # the coordinator asks every few seconds whether anything is
    before = assay.psql("SELECT count(*) FROM attempt")
    submit(assay, 10)
    wait(assay, "4")
    expect("attempts when all is there", assay.psql("SELECT count(*) FROM attempt"), before)
    left = set(assay.psql("SELECT encode(digest, 'hex') FROM doomed"))
    expect("doomed after it was planned with", left & own, set())
    gc(assay)
    expect("what a kept grid was answered with", stored(assay, own), own)


def check_killed(assay, rounds, draw):
    """Killed at any moment, then run to the end."""
    for number in range(rounds):
        grid = 5 + number
        submit(assay, 100 + number)
        wait(assay, str(grid))
        assay.run("rm", str(grid))
        with open(os.path.join(assay.state, "log/gc.log"), "ab") as log:
            child = subprocess.Popen(
                [os.path.join(assay.bin_dir, "assayd"), "gc", "--state=" + assay.state, "--gc-grace=0s",
                 "--database=host=%s/pg/socket user=assay dbname=assay" % assay.state], stdout=log, stderr=log)
        pause(draw.uniform(0, 0.12))
        child.send_signal(signal.SIGKILL)
        child.wait(LIMIT_S)
        whole(assay)
        expect("kept after a kill", stored(assay, outputs(assay, 2)), outputs(assay, 2))
        gc(assay)
        own = outputs(assay, grid) - outputs(assay, 2)
        expect("gone after the next run", stored(assay, own), set())
        expect("left over", assay.psql("SELECT count(*) FROM doomed"), ["0"])
        whole(assay)


def main():
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    os.chmod(folder, 0o755)
    assay = Assay(os.path.abspath(sys.argv[1]), os.path.join(folder, "state"))
    try:
        assay.up()
        check_made_again(assay, check_policy(assay))
        check_saved(assay)
        check_killed(assay, 6, random.Random(7))
    except SystemExit:
        print(subprocess.run("tail -n 15 %s/log/*.log" % assay.state, shell=True, capture_output=True, text=True, check=False).stdout)
        raise
    finally:
        assay.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
