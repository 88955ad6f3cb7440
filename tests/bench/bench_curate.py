# SPDX-License-Identifier: Apache-2.0
"""The local measure pass of assay-curate on one core: text of the Gopher measures, stop-word share and prose share a
second, in MB of UTF-8 text per second of processor time, decompression and JSON included.

floor: the same files only read and scanned. peer: the same rules in plain Python, the way that DCLM runs them (peer_curate.py,
ours), on the first MB of the same text.
"""
import json
import subprocess
import sys
from pathlib import Path

CORPUS_MB = 40
PEER_BYTES = 1_000_000


def run(bench):
    program = bench.program("assay-bench-curate")
    shards = bench.corpus
    if not shards:
        shards = [str(bench.scratch / f"made-{CORPUS_MB}.jsonl.zst")]
        subprocess.run([program, "make", shards[0], str(CORPUS_MB)], check=True)
    peer_program = str(Path(__file__).with_name("peer_curate.py"))
    sample = bench.scratch / "peer.jsonl"
    subprocess.run([program, "sample", str(sample), str(PEER_BYTES), *shards], check=True)
    measured, floor, peer = [], [], []
    for _ in range(bench.runs):
        for line in bench.lines(program, "run", "1", *shards):
            measured.append(line["bytes"] / 1e6 / line["measure_s"])
            floor.append(line["bytes"] / 1e6 / line["read_s"])
        done = subprocess.run([sys.executable, peer_program, str(sample)], check=True, stdout=subprocess.PIPE, text=True)
        line = json.loads(done.stdout)
        peer.append(line["bytes"] / 1e6 / line["measure_s"])
    bench.figure("", measured, "MB/s", "plain Python", peer, floor)
