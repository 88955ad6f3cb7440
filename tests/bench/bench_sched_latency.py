# SPDX-License-Identifier: Apache-2.0
"""Latency of one task on an idle system, one after the other: from the submission to the grant and to the committed result by the
coordinator's clock (whole milliseconds), and of `assay submit --wait` at the shell, process start and CURVE handshake included. value is the
median over all tasks.
"""
import statistics
import time

from local import Local

TASKS = 60


def run(bench):
    granted, done, shell = [], [], []
    with Local(bench, 1) as local:
        for number in range(TASKS * bench.runs):
            name = f"one-{number}"
            started = time.perf_counter()
            local.submit(name, "null", 1)
            shell.append((time.perf_counter() - started) * 1000)
            done.append(local.seconds(name) * 1000)
            granted.append(local.value(
                "SELECT extract(epoch FROM a.granted_at - g.submitted_at) * 1000 FROM assay.grid g JOIN assay.attempt a "
                f"ON (a.task_id >> 32)::int4 = g.grid_id WHERE g.name = '{name}'"))
    bench.figure("granted", granted, "ms", less_is_better=True)
    bench.figure("granted/p99", [statistics.quantiles(granted, n=100)[98]], "ms", less_is_better=True)
    bench.figure("done", done, "ms", less_is_better=True)
    bench.figure("shell", shell, "ms", less_is_better=True)
