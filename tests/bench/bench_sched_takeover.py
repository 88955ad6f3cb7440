# SPDX-License-Identifier: Apache-2.0
"""Seconds from what happens to the leading coordinator until the standby leads, and until every worker is welcome there: the process is killed
(kill -9), stopped (SIGSTOP), or told to end (SIGTERM). Two coordinators, two workers, a private PostgreSQL, stages running.
"""
import os
import sys
import tempfile

from bench import Bench

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "chaos"))
from cluster import Cluster  # noqa: E402
from takeover import take_over  # noqa: E402


def run(bench: Bench):
    cluster = Cluster(str(bench.build / "bin"), tempfile.mkdtemp(prefix="assay-bench.", dir="/tmp"))
    try:
        cluster.make()
        cluster.start()
        cluster.submit_walk(300)
        for way in ("kill", "stop", "end"):
            pairs = [take_over(cluster, way) for _ in range(bench.runs)]
            bench.figure(way + "/leads", [lead for lead, _ in pairs], "s", less_is_better=True)
            bench.figure(way + "/workers", [work for _, work in pairs], "s", less_is_better=True)
    finally:
        cluster.stop()
        cluster.remove()
