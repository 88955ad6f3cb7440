# SPDX-License-Identifier: Apache-2.0
"""Leases of 10,000 workers, each with four attempts, renewed every 5 s: RENEW messages as bytes, below the socket: unpacked, stepped through the
core, and the answers packed. value is the share of a core in per cent. Without database and network."""


def run(bench):
    samples = [bench.lines(bench.program("assay-bench-leases"))[0] for _ in range(bench.runs)]
    bench.figure("core", [sample["core_percent"] for sample in samples], "%", less_is_better=True)
    bench.figure("renew", [sample["renew_us"] for sample in samples], "us", less_is_better=True)
