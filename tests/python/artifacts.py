# SPDX-License-Identifier: Apache-2.0
"""Small artifacts in the formats of docs/formats.md, and attempts of the Python programs, for tests."""
import contextlib
import hashlib
import importlib
import io
import json
import os
import signal
import struct
import subprocess
import sys

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPENLM = os.path.join(ROOT, "recipes", "openlm")
sys.path.insert(0, OPENLM)

import task as task_module  # noqa: E402

TRAIN = dict(dim=16, layers=2, heads=2, seq=16, multiple_of=16, qk_norm=True, batch=4, accumulate=1, tokens=1280, max_epochs=4,
             lr=1e-2, lr_final=1e-3, warmup=3, weight_decay=0.033, z_loss=1e-4, clip=1.0, beta1=0.9, beta2=0.95, eps=1e-8,
             precision="float32", dev_tokens=200, log_every=5, checkpoint_s=1000, seed=1, init_seed=11, data_seed=22)
EVAL = dict(suite="mini", window=16, stride=8, precision="float32")
ITEMS = dict(items=40, items_min=1, context_bytes=24, option_bytes_min=12, option_bytes_max=24, seed=7)


def write_json(path, document):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)


def write_tokens(folder, documents, vocab, eot, tokenizer="t" * 64, domains=None, sizes=None):
    """documents: lists of token ids; sizes: bytes of each text, by default 4 a token."""
    os.makedirs(folder, exist_ok=True)
    lengths = [len(document) for document in documents]
    flat = [token for document in documents for token in document]
    sizes = sizes or [4 * length for length in lengths]
    np.save(os.path.join(folder, "tokens.npy"), np.array(flat, dtype="<u2" if vocab <= 65536 else "<u4"))
    np.save(os.path.join(folder, "offsets.npy"), np.concatenate(([0], np.cumsum(lengths))).astype("<u8"))
    np.save(os.path.join(folder, "bytes.npy"), np.array(sizes, dtype="<u4"))
    digests = [hashlib.sha256(struct.pack("<%dQ" % len(document), *document)).digest() for document in documents]
    np.save(os.path.join(folder, "digests.npy"), np.frombuffer(b"".join(digests), dtype="|u1").reshape(-1, 32))
    about = {"assay_tokens": 1, "rows": len(documents), "tokens": sum(lengths), "bytes": sum(sizes), "vocab": vocab,
             "eot": eot, "tokenizer": tokenizer}
    if domains:
        about["domains"] = sorted(set(domains))
        np.save(os.path.join(folder, "domain.npy"), np.array([about["domains"].index(name) for name in domains], dtype="<u4"))
    write_json(os.path.join(folder, "tokens.json"), about)
    return digests


def write_view(folder, groups, vocab, eot, kept=None, tokenizer="t" * 64):
    """A view with tokens. groups: [(component, documents)]; kept: for each group the rows that the selection keeps."""
    kept = kept or [range(len(documents)) for _, documents in groups]
    components = []
    for number, ((component, documents), rows) in enumerate(zip(groups, kept)):
        while len(components) <= component:
            components.append({"name": "c%d" % len(components), "pool": "pool", "weight": 0, "repeat": 1, "steps": [],
                               "funnel": [], "segments": []})
        components[component]["segments"].append({
            "group": number, "rows": len(documents), "kept": len(rows), "bytes": 0, "text_base": "b" * 64,
            "tokens": sum(len(documents[row]) for row in rows)})
        write_tokens(os.path.join(folder, "tokens", "%03d-%04d" % (component, number)), documents, vocab, eot, tokenizer)
    total = sum(segment["tokens"] for component in components for segment in component["segments"])
    write_json(os.path.join(folder, "view.json"), {
        "assay_view": 1, "variant": "test", "components": components, "tokens": total,
        "documents": sum(map(len, kept)), "bytes": 0,
        "tokenizer": {"digest": tokenizer, "vocab": vocab, "eot": eot, "name": "test"}})


def write_order(folder, groups, data_seed, kept=None, repeats=None):
    """The order of a view written by write_view; repeats: copies of each component's documents."""
    os.makedirs(folder, exist_ok=True)
    kept = kept or [range(len(documents)) for _, documents in groups]
    keyed = []
    for segment, ((component, documents), rows) in enumerate(zip(groups, kept)):
        for row in rows:
            digest = hashlib.sha256(struct.pack("<%dQ" % len(documents[row]), *documents[row])).digest()
            for copy in range(repeats[component] if repeats else 1):
                key = hashlib.sha256(struct.pack("<q", data_seed) + digest + struct.pack("<Q", copy)).digest()[:8]
                keyed.append((key, segment, row, len(documents[row]), copy))
    keyed.sort()
    order = np.array([entry[1:] for entry in keyed],
                     dtype=[("segment", "<u4"), ("row", "<u4"), ("tokens", "<u4"), ("copy", "<u4")])
    np.save(os.path.join(folder, "order.npy"), order)
    names = sorted({component for component, _ in groups})
    write_json(os.path.join(folder, "order.json"), {
        "assay_order": 1, "data_seed": data_seed, "documents": len(order), "tokens": int(order["tokens"].sum() + len(order)),
        "segments": [{"component": component, "group": number, "tokens_path": "tokens/%03d-%04d" % (component, number)}
                     for number, (component, _) in enumerate(groups)],
        "components": [{"name": "c%d" % name, "weight": 0, "repeat": 1, "documents": 0, "tokens": 0} for name in names]})


def write_documents(folder, documents, domain_field="domain"):
    """A `documents` input of one plain JSONL shard."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "000000.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(document) + "\n" for document in documents)
    write_json(os.path.join(folder, "documents.json"), {
        "assay_documents": 1, "text": "text", "url": "url", "id": "id", "domain": {"field": domain_field}, "group": -1,
        "shards": [{"path": "000000.jsonl", "source": "shards/a.jsonl", "bytes": 0, "sha256": "0" * 64}]})


class Attempt:
    """A private directory with a task.json, as the worker makes it."""

    def __init__(self, folder, program, parameters, inputs, outputs, threads=1):
        self.folder, self.program = folder, program
        os.makedirs(os.path.join(folder, "checkpoint"), exist_ok=True)
        os.makedirs(os.path.join(folder, "out"), exist_ok=True)
        write_json(os.path.join(folder, "task.json"), {
            "assay_task": 1, "task": program, "program": program, "version": 1, "parameters": parameters,
            "inputs": {name: {"kind": "test", "path": path} for name, path in inputs.items()},
            "outputs": {name: {"kind": "test", "path": "out/" + name} for name in outputs},
            "volatile": {"attempt": 1, "threads": threads, "devices": [], "checkpoint": "checkpoint",
                         "metrics": "metrics.jsonl"}})

    def start(self):
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
        return subprocess.Popen([sys.executable, os.path.join(OPENLM, self.program + ".py"), "task.json"], cwd=self.folder,
                                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self):
        """(exit status, log)"""
        with self.start() as process:
            log, _ = process.communicate(timeout=60)
            return process.returncode, log

    def call(self):
        """The program in this process: quicker, and raises what it raises."""
        program = importlib.import_module(self.program)
        with open(os.path.join(self.folder, "task.json"), encoding="utf-8") as file:
            task = task_module.Task(json.load(file), self.folder)
        before = signal.getsignal(signal.SIGTERM)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as log:
                program.main(task)
            return log.getvalue()
        finally:
            signal.signal(signal.SIGTERM, before)

    def metrics(self):
        """[(name, step, value, tag)] in the order written."""
        with open(os.path.join(self.folder, "metrics.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        return [(line["name"], line.get("step", 0), line["value"], line.get("tag", "")) for line in lines if "name" in line]
