# SPDX-License-Identifier: Apache-2.0
"""Placement in the pure core, without database and network: 100,000 tasks of five shapes over 10,000 workers of four kinds, of which the
first fill an empty cluster and the second are placed one by one as others end. Figures are microseconds of everything the core does for a
task; join is that of a worker's HELLO."""


def run(bench):
    samples = [bench.lines(bench.program("assay-bench-placement"))[0] for _ in range(bench.runs)]
    for part in ("fill", "refill", "join"):
        bench.figure(part, [sample[part + "_us"] for sample in samples], "us", less_is_better=True)
