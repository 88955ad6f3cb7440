# SPDX-License-Identifier: Apache-2.0
"""Durable null tasks a second: real assayd, two real workers of one slot and a private PostgreSQL with fsync, CURVE on. The rate is from
the submission to the last committed result; cpu/NAME are microseconds of processor time per task of each kind of process, which tell the
floor of two cores: 2,000,000 / their sum.

peer: a bare loop that spawns /bin/true and waits for it, which is not durable.
"""
import os
import time

from local import Local

TASKS = 60000
SPAWNS = 1000


def spawn_loop():
    """Processes a second of posix_spawn and wait, one at a time."""
    started = time.perf_counter()
    for _ in range(SPAWNS):
        os.waitpid(os.posix_spawn("/bin/true", ["/bin/true"], {}), 0)
    return SPAWNS / (time.perf_counter() - started)


def run(bench):
    rates, spawns, floors = [], [], []
    costs = {}
    with Local(bench, 2) as local:
        for number in range(bench.runs):
            before = local.cpu_seconds()
            local.submit(f"null-{number}", "null", TASKS)
            rates.append(TASKS / local.seconds(f"null-{number}"))
            after = local.cpu_seconds()
            each = {name: (after[name] - before.get(name, 0)) * 1e6 / TASKS for name in after}
            for name, cost in each.items():
                costs.setdefault(name, []).append(cost)
            floors.append(2e6 / sum(each.values()))
            spawns.append(spawn_loop())
    bench.figure("rate", rates, "tasks/s", "bare spawn loop", spawns, floors)
    for name in sorted(costs):
        bench.figure("cpu/" + name, costs[name], "us", less_is_better=True)
