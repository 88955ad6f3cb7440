# SPDX-License-Identifier: Apache-2.0
"""Resident memory of assayd (VmRSS) with one grid of a million tasks and three million edges: once it has been submitted and looked up, and
after a restart. floor: assayd without a grid."""
from large_grid import Coordinator


def run(bench):
    fresh, loaded, floors, peaks = [], [], [], []
    for number in range(bench.runs):
        with Coordinator(bench) as coordinator:
            floors.append(coordinator.memory_mib())
            coordinator.submit(f"million-{number}")
            coordinator.settle(f"million-{number}")
            fresh.append(coordinator.memory_mib())
            peaks.append(coordinator.memory_mib("VmHWM"))
            coordinator.restart()
            coordinator.settle(f"million-{number}")
            loaded.append(coordinator.memory_mib())
    bench.figure("submitted", fresh, "MiB", floor_samples=floors, less_is_better=True)
    bench.figure("peak", peaks, "MiB", floor_samples=floors, less_is_better=True)
    bench.figure("restarted", loaded, "MiB", floor_samples=floors, less_is_better=True)
