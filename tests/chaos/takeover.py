#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two coordinators: the leader is killed, stopped, told to end; the other one takes over and running attempts survive.

usage: takeover.py BIN_DIR [WAY...]      ways: kill stop end (default: all)

Prints, for each way, the seconds until the standby leads and until every worker is welcome there. What a stopped leader does when it wakes up is
checked, too: it writes nothing and stands by.
"""
import json
import signal
import socket
import sys
import tempfile

from cluster import Cluster, Failed, wait

TASKS = 12
# seconds: to lead, by what happened to the leader
LIMITS = {"kill": 3.0, "stop": 10.0, "end": 3.0}


def hit(leader, way):
    if way == "kill":
        leader.kill()
    else:
        leader.signal(signal.SIGSTOP if way == "stop" else signal.SIGTERM)


def wake(cluster, leader, epoch):
    """The zombie: it finds itself deposed, writes nothing, and stands by."""
    told = leader.lines("standing by")
    leader.signal(signal.SIGCONT)
    wait("the stopped leader to stand by", lambda: leader.lines("standing by") > told)
    if cluster.epoch() != epoch + 1:
        raise Failed("the stopped leader took the lead back")


def take_over(cluster, way):
    """Returns seconds to lead, and to the last worker's welcome."""
    epoch = cluster.epoch()
    leader = cluster.leader()
    heir = next(other for other in cluster.coordinators if other is not leader)
    led = heir.lines("msg=leading")
    welcomes = [worker.lines("welcomed") for worker in cluster.workers]
    hit(leader, way)
    to_lead, _ = wait("a new leader", lambda: heir.lines("msg=leading") > led, every_s=0.005)
    to_work, _ = wait("the workers", lambda: all(
        worker.lines("welcomed") > before for worker, before in zip(cluster.workers, welcomes)), every_s=0.005)
    if cluster.epoch() != epoch + 1 or cluster.leader() is not heir:
        raise Failed("epoch %d led by %s" % (cluster.epoch(), cluster.leader().name))
    if to_lead > LIMITS[way]:
        raise Failed("%s: %.1f s until the standby leads, more than %.0f s" % (way, to_lead, LIMITS[way]))
    if way == "stop":
        wake(cluster, leader, epoch)
    else:
        leader.child.wait()
        leader.start()
        wait("the old leader to stand by", lambda: "tcp" in (leader.text().rsplit("standing by", 1) + [""])[1])
    return to_lead, to_lead + to_work


class Notified:
    """Stands in for systemd: what each coordinator says of itself."""

    def __init__(self, cluster):
        self.sockets = {}
        for one in cluster.coordinators:
            self.sockets[one.name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.sockets[one.name].bind(cluster.path(one.name + ".notify"))
            self.sockets[one.name].setblocking(False)
            one.environment = {"NOTIFY_SOCKET": cluster.path(one.name + ".notify"), "WATCHDOG_USEC": "1000000"}

    def said(self, name):
        lines = []
        try:
            while True:
                lines.append(self.sockets[name].recv(4096).decode())
        except BlockingIOError:
            return lines

    def check(self):
        for name, status in (("c0", "STATUS=leading, epoch 1"), ("c1", "STATUS=standby; the leader is tcp://")):
            lines = []

            def is_told():
                lines.extend(self.said(name))
                return "READY=1" in lines and any(line.startswith(status) for line in lines)

            wait("systemd to hear READY=1 and %s of %s" % (status, name), is_told)
        wait("the watchdog's sign", lambda: "WATCHDOG=1" in self.said("c0"), limit_s=10)


def check_standby_answers(cluster):
    """One that asks a standby alone is told who leads, and led there."""
    standby = next(number for number, one in enumerate(cluster.coordinators) if one is not cluster.leader())
    cluster.assay("ls", endpoints=[cluster.endpoints[standby]])


def main():
    ways = sys.argv[2:] or ["kill", "stop", "end"]
    cluster = Cluster(sys.argv[1], tempfile.mkdtemp(prefix="assay-chaos.", dir="/tmp"))
    try:
        cluster.make()
        notified = Notified(cluster)
        cluster.start()
        notified.check()
        cluster.submit_walk(TASKS)
        check_standby_answers(cluster)
        for way in ways:
            to_lead, to_work = take_over(cluster, way)
            print("%s: leads after %.2f s, workers are back after %.2f s" % (way, to_lead, to_work), flush=True)
        line = cluster.check_walk(TASKS)
        # A grant may be lost on its way; what runs is not.
        lost = cluster.postgres.query("SELECT attempt_id, detail FROM attempt WHERE NOT accepted AND started_at IS NOT NULL")
        if lost:
            raise Failed("running attempts did not survive: %s" % lost)
        told = json.loads(cluster.assay("events", "walk", "--json", "--limit", "100000").stdout)["events"]
        if [len(told)] != [int(n) for n in cluster.postgres.query("SELECT count(*) FROM events WHERE grid_id = 1")]:
            raise Failed("assay events tells %d events" % len(told))
        print("no running attempt lost; " + line, flush=True)
    except BaseException:
        cluster.print_logs()
        raise
    finally:
        cluster.stop()
        cluster.remove()


if __name__ == "__main__":
    main()
