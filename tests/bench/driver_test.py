# SPDX-License-Identifier: Apache-2.0
"""The bench driver works: one short run prints a figure of the agreed form. usage: driver_test.py BUILD"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIELDS = ["bench", "value", "unit", "runs", "min", "max", "peer", "peer_value", "ratio", "floor"]


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        shard = folder + "/small.jsonl.zst"
        subprocess.run([build + "/bin/assay-bench-curate", "make", shard, "1"], check=True)
        done = subprocess.run(
            [HERE / "run", "--build", build, "--runs", "2", "curate", "--corpus", shard],
            check=True, stdout=subprocess.PIPE, text=True)
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(figure) for figure in figures] == [FIELDS], done.stdout
    figure = figures[0]
    assert figure["bench"] == "curate" and figure["unit"] == "MB/s" and figure["runs"] == 2, figure
    assert 0 < figure["min"] <= figure["value"] <= figure["max"] <= figure["floor"], figure
    assert figure["ratio"] > 0, figure
    refused = subprocess.run([HERE / "run", "--build", build, "nope"], stderr=subprocess.PIPE, text=True, check=False)
    assert refused.returncode == 2 and "no bench 'nope'; there are: " in refused.stderr, refused.stderr


main()
