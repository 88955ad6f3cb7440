#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An output is deleted from the store under a finished grid; the next grid that reads it has it made again, once.

usage: gone.py BIN_DIR
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from chaos import LIMIT_S, TOP, Assay, finished, pause

GRID = os.path.join(TOP, "tests/e2e/grids/chain.yaml")
FIRST = ("SELECT encode(o.digest, 'hex') FROM task t JOIN result_output o ON o.key = t.key AND o.attempt_id = t.attempt_id "
         "WHERE t.stage = 'first' ORDER BY t.task_id DESC LIMIT 1")


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit("%s: found %s, expected %s" % (what, found, wanted))


def wait(assay, grid):
    end = time.monotonic() + LIMIT_S
    while not finished(assay, grid):
        if time.monotonic() > end:
            raise SystemExit("grid %s does not end" % grid)
        pause(0.1)


def delete(assay, digest, sections=("trees", "checkouts")):
    for section in sections:
        path = os.path.join(assay.state, "store", section, digest[:2], digest)
        if not os.path.exists(path):
            raise SystemExit("%s is not there" % path)
        subprocess.run(["chmod", "-R", "u+w", path], check=True)
        subprocess.run(["rm", "-r", path], check=True)


def submit(assay, number, *more):
    assay.run("submit", GRID, "--set", "stages.second.with.add=%d" % number, *more)


def attempts(assay, stage):
    return int(assay.psql("SELECT count(*) FROM attempt a JOIN task t USING (task_id) WHERE a.accepted AND t.stage = '%s'" % stage)[0])


def check_made_again(assay):
    submit(assay, 10)
    wait(assay, "1")
    expect("attempts of the first run", (attempts(assay, "first"), attempts(assay, "second")), (1, 3))
    delete(assay, assay.psql(FIRST)[0])
    submit(assay, 20)
    wait(assay, "2")
    expect("verdict", assay.psql("SELECT verdict FROM grid WHERE grid_id = 2"), ["1"])
    expect("attempts after it was gone", (attempts(assay, "first"), attempts(assay, "second")), (2, 6))
    expect("numbers", sorted(assay.psql("SELECT value::int FROM results WHERE grid_id = 2 AND stage = 'second'")), ["22", "23", "24"])
    expect("the first grid's metrics", assay.psql("SELECT count(*) FROM results WHERE grid_id = 1"), ["4"])
    expect("events", assay.psql("SELECT grid_id FROM events WHERE kind = 'task-remade'"), ["2"])
    said = assay.run("explain", "2", "first").stdout
    if "it ran again, since what it had made was gone from the store" not in said:
        raise SystemExit("explain does not say why:\n" + said)


def check_program_files(assay):
    """What no task makes: the attempt fails, and says what to do; submitted again, the files are sent again."""
    files = assay.psql("SELECT encode(files, 'hex') FROM program_revision WHERE name = 'number'")[0]
    delete(assay, files)
    assay.run("submit", GRID, "--set", "stages.second.with.add=30")
    wait(assay, "3")
    expect("verdict", assay.psql("SELECT verdict FROM grid WHERE grid_id = 3"), ["1"])


def main():
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    os.chmod(folder, 0o755)
    assay = Assay(os.path.abspath(sys.argv[1]), os.path.join(folder, "state"))
    try:
        assay.up()
        check_made_again(assay)
        check_program_files(assay)
    except SystemExit:
        print(subprocess.run("tail -n 15 %s/log/*.log" % assay.state, shell=True, capture_output=True, text=True, check=False).stdout)
        raise
    finally:
        assay.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
