# SPDX-License-Identifier: Apache-2.0
"""A million tasks and three million edges in one process (plan_bench.c): lowering, the stored form, and what the core takes for an edge when the
task above it is done. Rows and audit of the tasks that become done are in the latter."""
import os

UNITS = {"load_ms": "ms", "lower_ms": "ms", "encode_ms": "ms", "decode_ms": "ms", "graph_ms": "ms", "edge_ns": "ns", "stored_bytes": "bytes",
         "plan_bytes": "bytes", "core_bytes": "bytes"}


def run(bench):
    lines = [bench.lines(bench.program("assay-bench-plan"), os.environ.get("ASSAY_BENCH_SIDE", "500"))[0] for _ in range(bench.runs)]
    for name, unit in UNITS.items():
        part = name.rsplit("_", 1)[0]
        bench.figure(part, [line[name] for line in lines], unit, less_is_better=True)
