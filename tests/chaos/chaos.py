#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Chaos on real processes in network namespaces: cuts, one-way loss, thin wires, resets, kill -9 of everything, leaders stopped past their deadline.

usage: chaos.py BIN_DIR [--minutes M] [--seed N]

Two coordinators, two workers, PostgreSQL and the command line, each in a namespace of its own. While grids run, faults drawn from the seed come and go;
then all is healed and everything must end: results are what arithmetic says, one accepted result per key, no write of a deposed leader, and the events
give the rows. Exit status 77, with the reason, where namespaces cannot be made.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from cluster import Cluster, Failed, Postgres, pause, wait
from network import Network, is_possible

TASKS = 10  # n of one grid: 44 attempts of a third of a second, and null ones
SKIPPED = 77


class SpacePostgres(Postgres):
    """In the namespace of the node db."""

    def __init__(self, folder, network):
        super().__init__(folder, network.address("db"))
        self.prefix = ["ip", "netns", "exec", network.namespace("db"), *self.prefix]


class Chaos:
    """Draws faults and takes them back; what it does is told with the time since it began."""

    def __init__(self, cluster, draw):
        self.cluster, self.network, self.draw = cluster, cluster.network, draw
        self.began = time.monotonic()
        self.healing = []  # (when, what, function)
        self.count = 0

    def tell(self, text):
        print("%7.1f  %s" % (time.monotonic() - self.began, text), flush=True)

    def later(self, seconds, what, function):
        self.healing.append((time.monotonic() + seconds, what, function))

    def due(self, all_of_them=False):
        now = time.monotonic()
        ready = [entry for entry in self.healing if all_of_them or entry[0] <= now]
        self.healing = [entry for entry in self.healing if entry not in ready]
        for _, what, function in ready:
            self.tell("  " + what)
            function()

    def node(self):
        return self.draw.choice(["c0", "c1", "w0", "w1"])

    def at_wire(self, what, node, seconds, function):
        self.tell("%s %s for %.1f s" % (what, node, seconds))
        function()
        self.later(seconds, "heal " + node, lambda: self.network.heal(node))

    def kill(self, process):
        self.tell("kill -9 " + process.name)
        process.kill()
        self.later(self.draw.uniform(0.1, 3), "start " + process.name, process.start)

    def kill_stage(self):
        stages = self.cluster.stages()
        if stages:
            pid = self.draw.choice(stages)
            self.tell("kill -9 a stage or shim")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def kill_postgres(self):
        pid = self.cluster.postgres.postmaster()
        if pid:
            self.tell("kill -9 postgres")
            os.kill(pid, signal.SIGKILL)
            self.later(self.draw.uniform(0.1, 5), "start postgres", self.cluster.postgres.start)

    def stop_leader(self):
        rows = self.cluster.postgres.query("SELECT endpoint FROM leader", check=False)
        if not rows or rows[0] not in self.cluster.endpoints:
            return
        leader = self.cluster.coordinators[self.cluster.endpoints.index(rows[0])]
        if leader.runs():
            self.tell("stop " + leader.name)
            leader.signal(signal.SIGSTOP)
            self.later(self.draw.uniform(5, 14), "wake " + leader.name, lambda: leader.signal(signal.SIGCONT))

    def strike(self):
        network, draw = self.network, self.draw
        node, seconds = self.node(), self.draw.uniform(0.5, 12)
        one_way = draw.choice(["INPUT", "OUTPUT"])
        share = draw.uniform(0.05, 0.4)
        everyone = self.cluster.coordinators + self.cluster.workers
        faults = [
            lambda: self.at_wire("cut off", node, seconds, lambda: network.drop(node, "INPUT", "OUTPUT")),
            lambda: self.at_wire("unplug", node, seconds, lambda: network.unplug(node)),
            lambda: self.at_wire("drop %s of" % one_way, node, seconds, lambda: network.drop(node, one_way)),
            lambda: self.at_wire("lose %.0f %% of %s of" % (100 * share, one_way), node, seconds,
                                 lambda: network.lose(node, one_way, share)),
            lambda: self.at_wire("thin wire at", node, seconds, lambda: network.delay(node)),
            lambda: self.at_wire("reset connections of", node, min(seconds, 2), lambda: network.reset(node)),
            lambda: self.kill(draw.choice(everyone)),
            lambda: self.kill(draw.choice(everyone)),
            self.kill_stage, self.kill_postgres, self.stop_leader, self.stop_leader,
        ]
        self.count += 1
        draw.choice(faults)()

    def heal_all(self):
        self.due(all_of_them=True)
        for process in self.cluster.coordinators + self.cluster.workers:
            process.signal(signal.SIGCONT)
            if not process.runs():
                self.tell("start %s, which had ended: %s" % (process.name, process.text()[-300:]))
                process.start()


class Load:
    """Grids one after the other, each with other numbers, until the time is up."""

    def __init__(self, cluster):
        self.cluster, self.names = cluster, []

    def submit(self):
        """True when it is known to be there; else it is tried again, which finds everything cached if it was."""
        number = len(self.names)
        name = "walk-%d" % number
        done = self.cluster.assay("submit", self.cluster.walk, "--set", "grid=" + name, "--set", "axes.n=[%s]" % ", ".join(
            str(n) for n in range(number * TASKS + 1, (number + 1) * TASKS + 1)), "--patience=5s", check=False)
        if done.returncode == 0:
            self.names.append(name)
        return done.returncode == 0

    def keep_on(self):
        rows = self.cluster.postgres.query("SELECT count(*) FROM grid WHERE state <> 2", check=False)
        if rows == ["0"] or not self.names:
            self.submit()

    def check(self):
        for number, name in enumerate(self.names):
            self.cluster.check_grid(name, number * TASKS + 1, (number + 1) * TASKS)


def run(cluster, seed, minutes):
    chaos = Chaos(cluster, random.Random(seed))
    load = Load(cluster)
    load.submit()
    end = time.monotonic() + minutes * 60
    strike_at = time.monotonic() + 2
    while time.monotonic() < end:
        chaos.due()
        if time.monotonic() >= strike_at:
            chaos.strike()
            strike_at = time.monotonic() + chaos.draw.uniform(0.5, 6)
        load.keep_on()
        pause(0.2)
    chaos.heal_all()
    chaos.tell("healed after %d faults, epoch %d; everything must end now" % (chaos.count, cluster.epoch()))
    wait("all grids to end", lambda: cluster.postgres.query("SELECT count(*) FROM grid WHERE state <> 2") == ["0"], limit_s=150, every_s=0.5)
    load.check()
    chaos.tell("%d grids: %s" % (len(load.names), cluster.check_all()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    arguments = parser.parse_args()
    reason = is_possible()
    if reason:
        print("skipped: " + reason)
        return SKIPPED
    print("seed %d" % arguments.seed, flush=True)
    folder = tempfile.mkdtemp(prefix="assay-chaos.", dir="/tmp")
    network = Network(["c0", "c1", "w0", "w1", "cli"])
    os.chmod(folder, 0o755)
    cluster = None
    try:
        network.make()
        cluster = Cluster(arguments.bin_dir, folder, network=network, postgres=SpacePostgres(os.path.join(folder, "pg"), network))
        cluster.make()
        cluster.start()
        run(cluster, arguments.seed, arguments.minutes)
    except BaseException:
        print("replay: %s %s --minutes %s --seed %d" % (sys.argv[0], arguments.bin_dir, arguments.minutes, arguments.seed))
        if cluster:
            cluster.print_logs()
        raise
    finally:
        if cluster:
            cluster.stop()
        network.remove()
        subprocess.run(["rm", "-rf", folder], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
