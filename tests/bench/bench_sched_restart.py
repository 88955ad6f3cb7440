# SPDX-License-Identifier: Apache-2.0
"""From the start of a coordinator after SIGKILL, with a grid of a million tasks in its database, until it answers a status of that grid. floor:
the same with an empty database, most of which is the stale leader row that a new coordinator waits for."""
from large_grid import Coordinator


def run(bench):
    floors, seconds = [], []
    with Coordinator(bench) as coordinator:
        for _ in range(bench.runs):
            floors.append(coordinator.restart(("ls",)))
        coordinator.submit("million")
        for _ in range(bench.runs):
            seconds.append(coordinator.restart(("status", "million")))
    bench.figure("", seconds, "s", floor_samples=floors, less_is_better=True)
