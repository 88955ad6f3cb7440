#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The database's bad days, under load: it restarts, goes away, hangs, refuses statements, has no room. Nothing acknowledged is lost, nothing doubled.

usage: database.py BIN_DIR [--seconds N] [DAY...]      days: restart outage hang refuse full (default: all)

N is the length of the outage (default 5; 60 by name: tests/chaos/run --outage 60). `full` needs root, for a small file system of its own.
"""
import argparse
import json
import os
import signal
import subprocess
import tempfile
import time

from cluster import Cluster, Failed, Postgres, pause, wait

TASKS = 8
LINES_MAX = 12  # of an outage in a coordinator's log: no storm


def is_degraded(cluster):
    done = cluster.assay("status", "walk", "--json", "--patience=5s", check=False)
    return done.returncode == 0 and json.loads(done.stdout)["degraded"]


def is_well(cluster):
    done = cluster.assay("status", "walk", "--json", "--patience=5s", check=False)
    return done.returncode == 0 and not json.loads(done.stdout)["degraded"]


def accepted(cluster):
    return set(cluster.postgres.query("SELECT attempt_id FROM attempt WHERE accepted"))


def restart(cluster, _seconds):
    """Twice, once politely and once by kill -9 of the postmaster."""
    cluster.postgres.stop("fast")
    cluster.postgres.start()
    wait("work to go on", lambda: is_well(cluster))
    os.kill(cluster.postgres.postmaster(), signal.SIGKILL)
    cluster.postgres.start()
    wait("work to go on", lambda: is_well(cluster))


def outage(cluster, seconds):
    """Answers say so meanwhile, submissions are refused, logs stay short, and stages run on."""
    lines = sum(len(one.text().splitlines()) for one in cluster.coordinators)
    cluster.postgres.stop("immediate")
    began = time.monotonic()
    wait("degraded answers", lambda: is_degraded(cluster), limit_s=10)
    refused = cluster.assay("submit", cluster.walk, check=False)
    if refused.returncode != 4 or "database" not in refused.stderr:
        raise Failed("a submission during an outage: exit %d, %s" % (refused.returncode, refused.stderr))
    pause(max(0, seconds - (time.monotonic() - began)))
    more = sum(len(one.text().splitlines()) for one in cluster.coordinators) - lines
    cluster.postgres.start()
    back, _ = wait("work to go on", lambda: is_well(cluster))
    if more > LINES_MAX:
        raise Failed("%d log lines in an outage of %d s" % (more, seconds))
    return "back %.1f s after the database, %d log lines meanwhile" % (back, more)


def hang(cluster, seconds):
    """Every process of the server is stopped: connections stand and nothing answers."""
    stopped = cluster.postgres.processes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait("degraded answers", lambda: is_degraded(cluster), limit_s=40)
        pause(min(seconds, 8))
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
    wait("work to go on", lambda: is_well(cluster))


def refuse(cluster, _seconds):
    """A statement of every batch with an attempt fails, for two seconds: rolled back, tried again, loaded anew, and nothing is lost."""
    cluster.postgres.query("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by a test'; END $$;"
                           " CREATE TRIGGER no BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION no()")
    wait("a batch to be rolled back", lambda: any(one.lines("a batch was rolled back") for one in cluster.coordinators), limit_s=30)
    pause(2)
    cluster.postgres.query("DROP TRIGGER no ON attempt")
    wait("work to go on", lambda: is_well(cluster))


def full(cluster, seconds):
    """No room: first for new pages (an error), then for the write-ahead log (the server panics and cannot start again)."""
    filler = os.path.join(cluster.postgres.folder, "filler")
    room = os.statvfs(cluster.postgres.folder)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 4096)
    for _ in range(6):
        cluster.postgres.query("SELECT pg_switch_wal()", check=False)
    wait("a full disk to be noticed", lambda: is_degraded(cluster), limit_s=60)
    pause(min(seconds, 5))
    os.unlink(filler)
    cluster.postgres.start()
    wait("work to go on", lambda: is_well(cluster))


DAYS = {"restart": restart, "outage": outage, "hang": hang, "refuse": refuse, "full": full}


def small_disk(folder):
    """Where the database lives when its disk is to be filled; None without the right to mount."""
    place = os.path.join(folder, "disk")
    os.makedirs(place)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", place], capture_output=True, check=False)
    return place if done.returncode == 0 else None


def live(bin_dir, day, seconds):
    folder = tempfile.mkdtemp(prefix="assay-chaos.", dir="/tmp")
    disk = small_disk(folder) if day == "full" else None
    if day == "full" and disk is None:
        print("full: skipped, a small file system cannot be mounted here", flush=True)
        os.rmdir(os.path.join(folder, "disk"))
        os.rmdir(folder)
        return
    cluster = Cluster(bin_dir, folder, postgres=Postgres(os.path.join(disk, "pg")) if disk else None)
    try:
        cluster.make("min_wal_size = 32MB\nmax_wal_size = 64MB" if disk else "")
        cluster.start()
        cluster.submit_walk(TASKS)
        wait("the first results", lambda: len(accepted(cluster)) > 10)
        before = accepted(cluster)
        began = time.monotonic()
        told = DAYS[day](cluster, seconds)
        took = time.monotonic() - began
        line = cluster.check_walk(TASKS)
        if not before <= accepted(cluster):
            raise Failed("accepted results are gone: %s" % (before - accepted(cluster)))
        print("%s: %.1f s%s; %s" % (day, took, ", " + told if told else "", line), flush=True)
    except BaseException:
        cluster.print_logs()
        raise
    finally:
        cluster.stop()
        if disk:
            subprocess.run(["umount", "-l", disk], check=False)
        cluster.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("days", nargs="*", metavar="DAY")
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_intermixed_args()
    for day in arguments.days or list(DAYS):
        live(arguments.bin_dir, day, arguments.seconds)


if __name__ == "__main__":
    main()
