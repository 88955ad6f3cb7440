# SPDX-License-Identifier: Apache-2.0
"""Real processes a second, each with its directory, its log, and a durable result: `true` as a program without inputs and outputs, eight
workers of one slot. A spawn floor is a C program that the environment names (ASSAY_BENCH_SPAWN, prints {"per_s": ...} as its last line);
without it the floor is posix_spawn from Python, one at a time.
"""
from bench_sched_null import spawn_loop
from local import Local, peer

TASKS = 1000


def run(bench):
    rates, floors = [], []
    with Local(bench, 8) as local:
        local.program("noop", "/bin/true")
        for number in range(bench.runs):
            local.submit(f"processes-{number}", "noop", TASKS)
            rates.append(TASKS / local.seconds(f"processes-{number}"))
            floors.append(peer("ASSAY_BENCH_SPAWN", "per_s") or spawn_loop())
    bench.figure("rate", rates, "tasks/s", "bare spawn loop", floors, floors)
