#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Full disks, one after the other: of the state folder, the artifact store, the workers, the database.

usage: full_disk.py BIN_DIR        exit 77: no mount namespace to be had here

Nothing hangs, nothing is counted as a task's own failure, and after room was made the grid finishes with one result per task, the same as
on a disk with room. The disks are small file systems in a mount namespace of this test's own.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from chaos import TOP, Assay, finished, pause

LIMIT_S = 90  # longer is a hang
GRID = os.path.join(TOP, "tests/e2e/grids/blobs.yaml")
TABLE = "SELECT DISTINCT stage, point::text, metric, value FROM results ORDER BY 1, 2, 3"


def mount(path, *options):
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", path], check=True)


def resize(path, size):
    subprocess.run(["mount", "-o", "remount,size=" + size, path], check=True)


def fill(folder):
    """Writes until not a byte goes."""
    with open(os.path.join(folder, "ballast"), "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def make_room(folder):
    os.unlink(os.path.join(folder, "ballast"))


def wait(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("waited too long for " + what)
        pause(0.2)


def check(what, said, *words):
    text = said.stdout + said.stderr
    if said.returncode == 0 or not all(word in text for word in words):
        raise SystemExit("%s: expected an error with %s, found exit %d and\n%s" % (what, words, said.returncode, text))
    print("%s: %s" % (what, said.stderr.strip().splitlines()[-2 if "help:" in said.stderr else -1]), flush=True)


def submit(assay, place, check_it=True):
    return assay.run("submit", GRID, "--set", "stages.blob.with.place=" + place, check=check_it)


def go(place):
    with open(place + ".go", "w", encoding="utf-8"):
        pass


def outcomes(assay):
    return assay.psql("SELECT DISTINCT word FROM attempt JOIN attempt_outcome ON code = outcome WHERE outcome <> 0")


def check_table(assay, what, expected):
    wait(what + ": the end of the grid", lambda: finished(assay, "blobs"))
    lines = assay.psql(TABLE)
    accepted = assay.psql("SELECT count(*) FROM attempt WHERE accepted AND task_id >> 32 = (SELECT max(grid_id) FROM grid)")
    if expected is not None and lines != expected:
        raise SystemExit("%s: results differ:\n%s" % (what, "\n".join(sorted(set(lines) ^ set(expected)))))
    if len(lines) != 12 or accepted != ["12"]:
        raise SystemExit("%s: %d results, %s accepted attempts" % (what, len(lines), accepted))
    print("%s: 12 results, each once" % what, flush=True)
    return lines


def full_state(assay, folder):
    resize(folder, "2m")
    check("no room for a database", assay.run("up", check=False), "free", "make room")
    resize(folder, "400m")
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    check("a state that cannot be written", assay.run("up", check=False), "Read-only")
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)


def full_store(assay, place, expected):
    store = os.path.join(assay.state, "store")
    assay.down()
    mount(store, "size=2m", "mode=755")
    assay.up()
    fill(store)
    check("no room for a submission", submit(assay, place, False), "No space left")
    make_room(store)
    submit(assay, place)
    go(place)
    wait("outputs that do not fit", lambda: "store" in " ".join(outcomes(assay)))
    resize(store, "100m")
    check_table(assay, "the store", expected)


def full_workers(assay, place, expected):
    workers = os.path.join(assay.state, "workers")
    assay.down()
    mount(workers, "size=4m", "mode=755")
    assay.up()
    submit(assay, place)
    wait("two stages", lambda: len(assay.stages()) == 2)
    fill(workers)
    go(place)
    pause(2)
    make_room(workers)
    check_table(assay, "the workers", expected)


def full_database(assay, folder, place, expected):
    for name in ("store", "workers"):
        resize(os.path.join(assay.state, name), "100m")
    submit(assay, place)
    wait("two stages", lambda: len(assay.stages()) == 2)
    fill(folder)
    go(place)
    pause(5)
    said = assay.run("status", "blobs", "--json", check=False)  # answers, whatever
    print("status on a full disk: exit %d %s" % (said.returncode, said.stderr.strip()[:100]), flush=True)
    make_room(folder)
    assay.up()  # starts what a full disk has ended
    check_table(assay, "the database", expected)


def run(bin_dir, folder):
    assay = Assay(bin_dir, os.path.join(folder, "state"))
    places = [os.path.join(folder, "place-%d" % i) for i in range(4)]
    try:
        full_state(assay, folder)
        assay.up()
        go(places[0])
        submit(assay, places[0])
        expected = check_table(assay, "a disk with room", None)
        full_store(assay, places[1], expected)
        full_workers(assay, places[2], expected)
        full_database(assay, folder, places[3], expected)
        counted = [word for word in outcomes(assay) if word not in ("done", "store", "lost", "revoked", "retracted", "preempted", "again")]
        if counted:
            raise SystemExit("a full disk was counted against a task: %s" % counted)
    except BaseException:
        for name in ("assayd", "worker-1", "worker-2"):
            path = os.path.join(assay.state, "log", name + ".log")
            if os.path.exists(path):
                print("== %s\n%s" % (name, open(path, encoding="utf-8", errors="replace").read()[-4000:]))
        raise
    finally:
        assay.down()


def main():
    if len(sys.argv) == 2:
        # Root makes the mounts; PostgreSQL and the rest run as they always do.
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
            print("skipped: needs root and a mount namespace")
            sys.exit(77)
        os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(__file__), sys.argv[1], "inside"])
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    mount(folder, "size=400m", "mode=755")
    run(os.path.abspath(sys.argv[1]), folder)
    subprocess.run(["umount", "-R", "-l", folder], check=False)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
