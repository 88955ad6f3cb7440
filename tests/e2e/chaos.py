#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tiny grid on real parts, first undisturbed, then under kill -9 of a worker, its shim, a stage, the coordinator and PostgreSQL.

usage: chaos.py BIN_DIR [ROUNDS [SEED]]

Real PostgreSQL, coordinator, workers and PyTorch stages in private state folders. The result table of every disturbed run must equal the
undisturbed one, every key must have exactly one current result, and nothing may hang. ROUNDS = 0 is the plain end-to-end test.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRID = os.path.join(TOP, "tests/e2e/grids/tiny.yaml")
LIMIT_S = 240  # a run that takes longer hangs
RESULTS = ("SELECT stage, point::text, metric, tag, step, value FROM results WHERE metric IN ('bpb', 'bpb_dev', 'mini_acc', "
           "'mini_margin', 'loss', 'tokens_seen', 'documents', 'bytes', 'tokens') ORDER BY 1, 2, 3, 4, 5, 6")


class Assay:
    """One local assay in a state folder."""

    def __init__(self, bin_dir, folder):
        self.bin_dir, self.state = bin_dir, folder
        os.makedirs(folder)
        os.chmod(folder, 0o755)

    def run(self, *args, check=True):
        done = subprocess.run([os.path.join(self.bin_dir, "assay"), args[0], *args[1:], "--state", self.state],
                              capture_output=True, text=True, timeout=LIMIT_S)
        if check and done.returncode != 0:
            raise SystemExit("assay %s: exit %d\n%s%s" % (" ".join(args), done.returncode, done.stdout, done.stderr))
        return done

    def up(self):
        self.run("up", "--workers", "2")

    def down(self):
        self.run("down", check=False)

    def psql(self, query):
        with open(os.path.join(self.state, "database"), encoding="utf-8") as file:
            conninfo = file.read().strip()
        done = subprocess.run(["psql", conninfo, "-XAtqc", "SET search_path = assay; " + query], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit("psql: " + done.stderr)
        return done.stdout.splitlines()

    def pid(self, name):
        try:
            with open(os.path.join(self.state, "run", name + ".pid"), encoding="utf-8") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def postmaster(self):
        try:
            with open(os.path.join(self.state, "pg/data/postmaster.pid"), encoding="utf-8") as file:
                return int(file.readline())
        except (OSError, ValueError):
            return None

    def inside(self):
        """Processes that run below the workers' folders, each with its folder."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                folder = os.readlink("/proc/%s/cwd" % entry)
                if entry.isdigit() and folder.startswith(self.state + "/workers/"):
                    found.append((int(entry), folder))
            except OSError:
                continue
        return found

    def stages(self):
        """Processes that run in an attempt's folder."""
        return [pid for pid, folder in self.inside() if "/attempts/" in folder]

    def shims(self):
        return [pid for pid, folder in self.inside() if "/attempts/" not in folder]


def pause(seconds):
    """Chaos comes at random moments: here time itself is what is waited for."""
    threading.Event().wait(seconds)


def kill(pid):
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def disturb(assay, draw):
    """Kills something; what does not come back by itself is started again by `assay up`."""
    what = draw.choice(["worker", "shim", "stage", "coordinator", "postgres"])
    if what == "worker":
        hit = kill(assay.pid("worker-%d" % draw.choice([1, 2])))
    elif what in ("stage", "shim"):
        found = assay.stages() if what == "stage" else assay.shims()
        hit = bool(found) and kill(draw.choice(found))
    elif what == "coordinator":
        hit = kill(assay.pid("assayd"))
    else:
        hit = kill(assay.postmaster())
    print("  kill -9 %s%s" % (what, "" if hit else " (none ran)"), flush=True)
    pause(draw.uniform(0.05, 0.6))
    assay.up()


def finished(assay, grid):
    done = assay.run("status", grid, "--json", check=False)
    if done.returncode not in (0, 3):
        return False
    return json.loads(done.stdout)["grid"]["state"] == "finished"


def run_grid(assay, pool, draw, disturbances):
    """Submits, disturbs, waits; returns the lines of the result table."""
    assay.up()
    assay.run("submit", GRID, "--set", "pool=" + pool)
    end = time.monotonic() + LIMIT_S
    for _ in range(disturbances):
        pause(draw.uniform(0.3, 3.0))
        if finished(assay, "tiny"):
            break
        disturb(assay, draw)
    while not finished(assay, "tiny"):
        if time.monotonic() > end:
            raise SystemExit("the grid hangs:\n" + assay.run("status", "tiny", check=False).stdout)
        pause(0.3)
    lines = assay.psql(RESULTS)
    twice = assay.psql("SELECT count(*) FROM (SELECT key FROM result WHERE current GROUP BY key HAVING count(*) > 1) AS t")
    accepted = assay.psql("SELECT count(*) FROM (SELECT task_id FROM attempt WHERE accepted GROUP BY task_id HAVING count(*) > 1) AS t")
    states = assay.psql("SELECT DISTINCT state FROM cells")
    if twice != ["0"] or accepted != ["0"]:
        raise SystemExit("a key or a task has more than one accepted result: %s %s" % (twice, accepted))
    if states != ["done"]:
        raise SystemExit("cells are not all done: %s\n%s" % (states, assay.run("status", "tiny", check=False).stdout))
    return lines


def check_cache(assay, pool):
    """The same grid again computes nothing."""
    before = assay.psql("SELECT count(*) FROM attempt")
    done = assay.run("submit", GRID, "--set", "pool=" + pool, "--wait")
    if assay.psql("SELECT count(*) FROM attempt") != before:
        raise SystemExit("a grid that was finished ran again:\n" + done.stderr)
    print("  the same grid again: everything cached", flush=True)


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 30)
    folder = tempfile.mkdtemp(prefix="assay-e2e.", dir="/tmp")
    os.chmod(folder, 0o755)
    pool = os.path.join(folder, "pool/pool.yaml")
    subprocess.run([sys.executable, os.path.join(TOP, "tests/e2e/make_pool.py"), os.path.dirname(pool)], check=True)
    print("seed %d" % seed, flush=True)
    running = None
    try:
        expected = None
        for number in range(rounds + 1):
            draw = random.Random(seed * 1000 + number)
            running = Assay(bin_dir, os.path.join(folder, "state-%d" % number))
            started = time.monotonic()
            lines = run_grid(running, pool, draw, 0 if number == 0 else 6)
            if number == 0:
                expected = lines
                if len(lines) < 50:
                    raise SystemExit("only %d results:\n%s" % (len(lines), "\n".join(lines)))
                check_cache(running, pool)
            elif lines != expected:
                different = sorted(set(lines) ^ set(expected))[:20]
                raise SystemExit("results differ from the undisturbed run:\n" + "\n".join(different))
            print("run %d: %d results in %.0f s%s" % (number, len(lines), time.monotonic() - started,
                                                      "" if number == 0 else ", equal to the undisturbed run"), flush=True)
            running.down()
            running = None
    finally:
        if running is not None:
            for name in ("assayd", "worker-1", "worker-2"):
                path = os.path.join(running.state, "log", name + ".log")
                if os.path.exists(path):
                    print("== %s\n%s" % (name, open(path, encoding="utf-8", errors="replace").read()[-3000:]))
            running.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
