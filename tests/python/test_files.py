# SPDX-License-Identifier: Apache-2.0
"""Files that the Python programs read and write: tensors, documents, metrics, and the Python step."""
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import artifacts
import numpy as np
import torch

import documents
import task
import tensors


class TensorsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "x.safetensors")
        self.tensors = {"b": torch.randn(3, 4), "a": torch.arange(5), "empty": torch.zeros(0, 2),
                        "c": torch.tensor([1, 255], dtype=torch.uint8)}

    def test_what_is_read_is_what_was_written(self):
        tensors.save(self.path, self.tensors)
        found = tensors.load(self.path)
        self.assertEqual(found.keys(), self.tensors.keys())
        for name, tensor in self.tensors.items():
            self.assertTrue(torch.equal(found[name], tensor), name)
            self.assertEqual(found[name].dtype, tensor.dtype)

    def test_the_layout_is_safetensors(self):
        tensors.save(self.path, {"x": torch.tensor([[1.5, -2.0]])})
        with open(self.path, "rb") as file:
            data = file.read()
        length = int.from_bytes(data[:8], "little")
        self.assertEqual(json.loads(data[8:8 + length]), {"x": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}})
        self.assertEqual((8 + length) % 8, 0)
        self.assertEqual(data[8 + length:], np.array([1.5, -2.0], dtype="<f4").tobytes())

    def test_damage_is_seen(self):
        tensors.save(self.path, self.tensors)
        with open(self.path, "rb") as file:
            data = file.read()
        for damaged in (b"", data[:5], data[:20], data[:-1], b"\xff" * 8 + data[8:],
                        data.replace(b'"shape":[3,4]', b'"shape":[3,5]')):
            with open(self.path, "wb") as file:
                file.write(damaged)
            with self.assertRaises(ValueError):
                tensors.load(self.path)


class DocumentsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.lines = [b'{"body": "one"}\n', b"null\n", b"\n", b'{"body": 3}\n', b"broken\n", b'{"body": "two", "d": "x"}']

    def write(self, domain):
        with gzip.open(os.path.join(self.folder, "0.jsonl.gz"), "wb") as file:
            file.write(b"".join(self.lines))
        with open(os.path.join(self.folder, "1.jsonl"), "wb") as file:
            file.write(b'{"body": "three"}\n')
        artifacts.write_json(os.path.join(self.folder, "documents.json"), {
            "assay_documents": 1, "text": "body", "domain": domain,
            "shards": [{"path": "0.jsonl.gz", "source": "shards/web/a.jsonl.gz"}, {"path": "1.jsonl", "source": "b.jsonl"}]})
        return documents.Documents(self.folder)

    def test_every_line_that_is_not_blank_is_a_row(self):
        found = [fields["body"] if fields else None for fields, _ in self.write(None).rows()]
        self.assertEqual(found, ["one", None, None, None, "two", "three"])

    def test_domains(self):
        for rule, expected in ((None, ["", "", ""]), ({"field": "d"}, ["", "x", ""]), ({"path": 1}, ["web", "web", ""]),
                               ({"path": 2}, ["a", "a", ""]), ({"path": 0}, ["shards", "shards", "b"])):
            reader = self.write(rule)
            found = [reader.domain(fields, source) for fields, source in reader.rows() if fields]
            self.assertEqual(found, expected)

    def test_a_damaged_shard_is_an_error(self):
        reader = self.write(None)
        with open(os.path.join(self.folder, "0.jsonl.gz"), "r+b") as file:
            file.truncate(30)
        with self.assertRaisesRegex(task.TaskError, "0.jsonl.gz"):
            list(reader.rows())


class StepTest(unittest.TestCase):
    def test_the_python_step_yields_a_column_of_all_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            artifacts.write_documents(os.path.join(folder, "text"), [{"text": "abcd\n\nab"}, {"text": "\n"}, None])
            attempt = artifacts.Attempt(folder, "line_length", {}, {"text": "text"}, ["measure"])
            step = os.path.join(artifacts.ROOT, "recipes", "steps", "line_length.py")
            subprocess.run([sys.executable, step, "task.json"], cwd=attempt.folder, check=True,
                           env=dict(os.environ, PYTHONPATH=artifacts.OPENLM, PYTHONDONTWRITEBYTECODE="1"))
            column = np.load(os.path.join(folder, "out/measure/mean.npy"))
            self.assertEqual(column.dtype, np.dtype("<f4"))
            np.testing.assert_array_equal(column, [3, 0, np.nan])


class TaskTest(unittest.TestCase):
    def test_metrics_are_whole_lines_and_finite(self):
        with tempfile.TemporaryDirectory() as folder:
            attempt = task.Task({"assay_task": 1, "parameters": {}}, folder)
            attempt.metric("loss", 2.5, 3)
            attempt.metric("bpb", 1, tag="x")
            attempt.progress(1, 4, "tokens")
            with self.assertRaises(task.TaskError):
                attempt.metric("loss", float("nan"), 4)
            with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            self.assertEqual(lines, [{"name": "loss", "step": 3, "value": 2.5},
                                     {"name": "bpb", "step": 0, "value": 1, "tag": "x"},
                                     {"progress": 0.25, "done": 1, "total": 4, "unit": "tokens"}])
            self.assertEqual(attempt.metrics_offset(), os.path.getsize(os.path.join(folder, "metrics.jsonl")))

    def test_another_version_is_refused(self):
        with self.assertRaises(task.TaskError):
            task.Task({"assay_task": 2})


if __name__ == "__main__":
    unittest.main()
