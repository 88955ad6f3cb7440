# SPDX-License-Identifier: Apache-2.0
"""`assay status` and `assay ls` at the shell with a grid of a million tasks; floor: `assay ls` before there was a grid."""
import time

from large_grid import Coordinator

QUERIES = 20


def run(bench):
    samples = {"status": [], "ls": [], "floor": []}
    with Coordinator(bench) as coordinator:
        def measure(name, *args):
            for _ in range(QUERIES * bench.runs):
                started = time.perf_counter()
                coordinator.call(*args)
                samples[name].append((time.perf_counter() - started) * 1000)

        measure("floor", "ls")
        coordinator.submit("million")
        coordinator.settle("million")
        measure("status", "status", "million")
        measure("ls", "ls")
    bench.figure("", samples["status"], "ms", floor_samples=samples["floor"], less_is_better=True)
    bench.figure("ls", samples["ls"], "ms", floor_samples=samples["floor"], less_is_better=True)
