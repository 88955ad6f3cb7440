# SPDX-License-Identifier: Apache-2.0
"""A cluster of real parts in one folder: PostgreSQL, several coordinators that share keys and store, workers, a command line.

Without a network all listen on the loopback; with one (network.py) each coordinator and worker lives in a network namespace of its own.
"""
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time

import replay
from replay import Failed

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = 60  # what takes longer hangs


def pause(seconds):
    """Chaos comes at random moments: here time itself is what is waited for."""
    threading.Event().wait(seconds)


def wait(what, condition, limit_s=LIMIT_S, every_s=0.02):
    """Until the condition is true; returns how many seconds that took, and what it gave."""
    began = time.monotonic()
    while True:
        given = condition()
        if given:
            return time.monotonic() - began, given
        if time.monotonic() > began + limit_s:
            raise Failed("waited more than %d s for %s" % (limit_s, what))
        pause(every_s)


def walk_table(first, last):
    """What the grid walk with n = first..last comes to, by its own arithmetic (grids/programs/walk.py)."""
    def number(n, seed):
        return n * 7919 % 1009 + seed

    found = []
    ns = range(first, last + 1)
    for seed in (1, 2):
        totals = {("first", '{"n": "%d", "seed": "%d"}' % (n, seed)): number(n, seed) for n in ns}
        totals.update({("second", '{"n": "%d", "seed": "%d"}' % (n, seed)): 2 * number(n, seed) for n in ns})
        totals["sum", '{"seed": "%d"}' % seed] = number(0, seed) + sum(2 * number(n, seed) for n in ns)
        found += ["%s|%s|value||%d|%d" % (stage, point, step, total * step // 10)
                  for (stage, point), total in totals.items() for step in range(1, 11)]
    return sorted(found)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A private server on a Unix socket, and on an address when there is one."""

    def __init__(self, folder, address=None, data=None):
        self.folder, self.address = folder, address
        self.data = data or os.path.join(folder, "data")
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.prefix = []
        os.makedirs(folder, exist_ok=True)
        if os.geteuid() == 0:
            self.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    def call(self, *args, check=True):
        return subprocess.run([*self.prefix, *args], cwd="/", check=check, capture_output=True, text=True)

    def make(self, settings=""):
        self.call(self.bin + "/initdb", "-D", self.data, "-U", "assay", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        conf = subprocess.run([*self.prefix, "tee", "-a", self.data + "/postgresql.conf"], input=(
            "listen_addresses = '%s'\nunix_socket_directories = '%s'\nshared_buffers = 32MB\nmax_connections = 60\n%s\n"
            % (self.address or "", self.folder, settings)), cwd="/", text=True, capture_output=True, check=True)
        if self.address:
            subprocess.run([*self.prefix, "tee", "-a", self.data + "/pg_hba.conf"], input="host all all 10.0.0.0/8 trust\n",
                           cwd="/", text=True, capture_output=True, check=True)
        self.start()
        self.call(self.bin + "/createdb", "-h", self.folder, "-U", "assay", "assay")
        return conf

    def start(self, check=True):
        """A killed postmaster leaves backends that need a moment to notice: until then the new one refuses."""
        def started():
            return self.call(self.bin + "/pg_ctl", "-D", self.data, "-w", "-l", self.folder + "/log", "start", check=False).returncode == 0
        if self.postmaster() is None:
            self.call("rm", "-f", self.data + "/postmaster.pid")
        if check:
            wait("PostgreSQL", started, every_s=0.2)
        else:
            started()

    def stop(self, mode="fast"):
        self.call(self.bin + "/pg_ctl", "-D", self.data, "-w", "-m", mode, "stop", check=False)

    def postmaster(self):
        """Its pid, when a server runs."""
        try:
            with open(self.data + "/postmaster.pid", encoding="utf-8") as file:
                pid = int(file.readline())
            return pid if "postgres" in os.readlink("/proc/%d/exe" % pid) else None
        except (OSError, ValueError):
            return None

    def processes(self):
        """The postmaster and its children."""
        boss = self.postmaster()
        found = [boss] if boss else []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry, encoding="utf-8") as file:
                        if int(file.read().rsplit(")", 1)[1].split()[1]) == boss:
                            found.append(int(entry))
                except (OSError, ValueError, IndexError):
                    continue
        return found

    def conninfo(self, address=None):
        return "host=%s user=assay dbname=assay" % (address or self.folder)

    def query(self, sql, check=True):
        done = subprocess.run(["psql", self.conninfo(), "-XAtqc", "SET search_path = assay; " + sql], capture_output=True, text=True,
                              timeout=LIMIT_S)
        if done.returncode != 0:
            if check:
                raise Failed("psql: " + done.stderr)
            return None
        return done.stdout.splitlines()


class Process:
    """A daemon that can be started again; its log is one file for all its lives."""

    def __init__(self, name, argv, log, namespace=None):
        self.name, self.log, self.child, self.environment = name, log, None, {}
        self.argv = (["ip", "netns", "exec", namespace] if namespace else []) + argv

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                          env={**os.environ, **self.environment})

    def runs(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.runs():
            self.child.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.child is not None:
            self.child.wait()

    def end(self):
        """As an operator would; what is stopped hears it, too."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            if self.child is not None:
                self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self, what):
        return self.text().count(what)


class Cluster:
    """Coordinators c0, c1, ... and workers w0, w1, ...; see the module."""

    def __init__(self, bin_dir, folder, coordinators=2, workers=2, network=None, postgres=None):
        self.bin, self.folder, self.network = os.path.abspath(bin_dir), folder, network
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.postgres = postgres or Postgres(os.path.join(folder, "pg"), network and network.address("db"))
        self.keys = os.path.join(folder, "keys")
        self.walk = os.path.join(TOP, "tests/chaos/grids/walk.yaml")
        self.endpoints, self.coordinators, self.workers = [], [], []
        self.shape = (coordinators, workers)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def program(self, name):
        return os.path.join(self.bin, name)

    def make(self, settings=""):
        """Database, keys and processes, which do not run yet."""
        self.postgres.make(settings)
        os.makedirs(self.keys, mode=0o700)
        with open(self.keys + "/authorized", "w", encoding="utf-8") as table:
            for name, role in (("server", None), ("user", "admin"), ("worker", "worker")):
                key = subprocess.run([self.program("assay"), "keygen", os.path.join(self.keys, name)], check=True, capture_output=True,
                                     text=True).stdout.strip()
                if role:
                    table.write("%s %s %s\n" % (key, name, role))
        os.chmod(self.keys + "/authorized", 0o600)
        for number in range(self.shape[0]):
            self.add_coordinator("c%d" % number)
        for number in range(self.shape[1]):
            self.add_worker("w%d" % number)

    def add_coordinator(self, name):
        address = self.network.address(name) if self.network else "127.0.0.1"
        endpoint = "tcp://%s:%d" % (address, 7717 if self.network else free_port())
        os.makedirs(self.path(name))
        self.endpoints.append(endpoint)
        self.coordinators.append(Process(name, [
            self.program("assayd"), "--state=" + self.path(name), "--store=" + self.path("store"), "--listen=" + endpoint,
            "--database=" + self.postgres.conninfo(self.network and self.network.address("db")), "--key=" + self.keys + "/server",
            "--authorized=" + self.keys + "/authorized"], self.path(name + ".log"), self.network and self.network.namespace(name)))

    def add_worker(self, name, slots=1):
        self.workers.append(Process(name, [
            self.program("assay-worker"), "--coordinator=" + ",".join(self.endpoints), "--server-key=" + self.keys + "/server.pub",
            "--key=" + self.keys + "/worker", "--state=" + self.path(name), "--store=" + self.path("store"), "--name=" + name,
            "--slots=%d" % slots, "--cpus=%d" % slots, "--python=/usr/bin/python3"], self.path(name + ".log"),
            self.network and self.network.namespace(name)))

    def start(self):
        self.coordinators[0].start()
        wait("the first coordinator", lambda: os.path.exists(self.path("c0", "endpoint")))
        for process in self.coordinators[1:] + self.workers:
            process.start()
        for number in range(1, len(self.coordinators)):
            wait("coordinator %d" % number, lambda at=number: os.path.exists(self.path("c%d" % at, "endpoint")))

    def stop(self):
        for process in self.workers + self.coordinators:
            process.end()
        for pid in self.stages():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.postgres.stop("immediate")

    def stages(self):
        """Processes below a worker's folder: shims, stages."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                cwd = os.readlink("/proc/%s/cwd" % entry) if entry.isdigit() else ""
            except OSError:
                continue
            if cwd.startswith(self.folder + "/w"):
                found.append(int(entry))
        return found

    def assay(self, *args, check=True, endpoints=None):
        command = [self.program("assay"), *args]
        for endpoint in endpoints or self.endpoints:
            command.append("--endpoint=" + endpoint)
        command += ["--state=" + self.path("none"), "--server-key=" + self.keys + "/server.pub", "--key=" + self.keys + "/user",
                    "--database=" + self.postgres.conninfo()]
        namespace = ["ip", "netns", "exec", self.network.namespace("cli")] if self.network else []
        done = subprocess.run(namespace + command, capture_output=True, text=True, timeout=LIMIT_S)
        if check and done.returncode != 0:
            raise Failed("assay %s: exit %d\n%s%s" % (" ".join(args), done.returncode, done.stdout, done.stderr))
        return done

    def epoch(self):
        rows = self.postgres.query("SELECT epoch FROM leader", check=False)
        return int(rows[0]) if rows else 0

    def leader(self):
        """The coordinator that the row names."""
        rows = self.postgres.query("SELECT endpoint FROM leader")
        return self.coordinators[self.endpoints.index(rows[0])]

    def finished(self, grid):
        done = self.assay("status", grid, "--json", check=False)
        return done.returncode in (0, 3) and json.loads(done.stdout)["grid"]["state"] == "finished"

    def submit_walk(self, count):
        self.assay("submit", self.walk, "--set", "axes.n=[%s]" % ", ".join(str(n) for n in range(1, count + 1)))

    def check_grid(self, grid, first, last):
        """A walk's results, as people see them, are what arithmetic says. A submission whose answer was lost makes a grid of that name, too."""
        for number in self.postgres.query("SELECT grid_id FROM grid WHERE name = '%s'" % grid):
            found = sorted(self.postgres.query(
                "SELECT stage, point::text, metric, tag, step, value FROM results WHERE grid_id = " + number))
            if found != walk_table(first, last):
                raise Failed("%d results of %s (grid %s), not %d; differences: %s" % (
                    len(found), grid, number, len(walk_table(first, last)), sorted(set(found) ^ set(walk_table(first, last)))[:5]))

    def check_all(self):
        """Rows hold together, and the events give them. Returns a line."""
        self.check_rows()
        rows, events = replay.check(self.postgres.query)
        count = self.postgres.query("SELECT count(*) FROM results")[0]
        return "%s results as computed by hand, %d events give the %d rows" % (count, events, rows)

    def check_walk(self, count):
        wait("the end of the grid", lambda: self.finished("walk"), every_s=0.3)
        self.check_grid("walk", 1, count)
        return self.check_all()

    def check_rows(self):
        """Invariants that must hold in the rows, whatever happened."""
        checks = {
            "a key has more than one current result": "SELECT key FROM result WHERE current GROUP BY key HAVING count(*) > 1",
            "a deposed leader has written": "SELECT seq FROM (SELECT seq, epoch, lag(epoch) OVER (ORDER BY seq) AS before FROM event) AS e"
                                            " WHERE epoch < before",
            "a task has more than one accepted attempt":
                "SELECT task_id FROM attempt WHERE accepted GROUP BY task_id HAVING count(*) > 1",
            "a cell is not done": "SELECT task FROM cells WHERE state <> 'done'",
            "an attempt is open": "SELECT attempt_id FROM attempt WHERE outcome = 0",
        }
        for what, query in checks.items():
            rows = self.postgres.query(query)
            if rows:
                raise Failed("%s: %s" % (what, rows[:5]))

    def print_logs(self, characters=4000):
        for process in self.coordinators + self.workers:
            if os.path.exists(process.log):
                print("== %s\n%s" % (process.name, process.text()[-characters:]), flush=True)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
