# SPDX-License-Identifier: Apache-2.0
"""A grid of a million tasks and three million edges: seconds at the shell from `assay submit` until its plan is stored, what of that is reading
the file (`assay check`, which the client does first), the processor time of assayd, and the longest that `assay ls` waited meanwhile."""
import os
import subprocess
import time

from large_grid import Coordinator


def run(bench):
    seconds, checks, processor, waits = [], [], [], []
    with Coordinator(bench) as coordinator:
        for number in range(bench.runs):
            before = coordinator.cpu_seconds()
            waits.append(coordinator.answers_while(lambda: seconds.append(coordinator.submit(f"million-{number}"))))
            processor.append(coordinator.cpu_seconds() - before)
            started = time.perf_counter()
            path = os.path.join(coordinator.folder, f"million-{number}.yaml")
            subprocess.run([coordinator.assay, "check", path], check=True, stdout=subprocess.DEVNULL)
            checks.append(time.perf_counter() - started)
    bench.figure("stored", seconds, "s", less_is_better=True)
    bench.figure("check", checks, "s", less_is_better=True)
    bench.figure("processor", processor, "s", less_is_better=True)
    bench.figure("longest-answer", waits, "ms", less_is_better=True)
