# SPDX-License-Identifier: Apache-2.0
"""What training reads: token files, the order of documents, and the blocks cut from them (docs/formats.md, section 4).

The stream is the documents in their order, each followed by EOT. Block b covers stream positions [b seq, (b + 1) seq], seq + 1
tokens: it predicts seq targets and shares its last token with the next block, so every token but the first is a target exactly
once an epoch; a remainder shorter than seq is left out. The blocks of epoch e are walked in the order of
splitmix64(key + index x 0x9E3779B97F4A7C15), where key = the first 8 bytes (little endian) of SHA-256("blocks", data_seed as
i64, epoch as u64, little endian). splitmix64 is one-to-one, so there are no ties, and the same on every platform.

All files are memory-mapped and only the documents of a batch are touched.
"""
import hashlib
import json
import os
import struct

import numpy as np

from task import TaskError


def read_json(path, version_key, version=1):
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError) as error:
        raise TaskError("cannot read %s: %s" % (path, error)) from None
    if document.get(version_key) != version:
        raise TaskError("%s: %s is %r, this program reads %d" % (path, version_key, document.get(version_key), version))
    return document


def map_array(path, dtypes):
    """A read-only memory map; an empty array cannot be mapped and is read."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise TaskError("cannot read %s: %s" % (path, error)) from None
    if array.dtype.descr not in [np.dtype(dtype).descr for dtype in dtypes]:
        raise TaskError("%s holds %s, expected %s" % (path, array.dtype, " or ".join(map(str, dtypes))))
    return array


class Tokens:
    """A tokens artifact: row i is document i; `tokens[offsets[i]:offsets[i + 1]]` are its ids, without EOT."""

    def __init__(self, folder):
        self.folder = folder
        self.about = read_json(os.path.join(folder, "tokens.json"), "assay_tokens")
        self.vocab, self.eot = self.about["vocab"], self.about["eot"]
        self.tokens = map_array(os.path.join(folder, "tokens.npy"), ["<u2", "<u4"])
        self.offsets = map_array(os.path.join(folder, "offsets.npy"), ["<u8"])
        if len(self.offsets) != self.about["rows"] + 1 or int(self.offsets[-1]) != len(self.tokens):
            raise TaskError("%s: offsets do not fit the tokens" % folder)

    def __len__(self):
        return len(self.offsets) - 1

    def row(self, index):
        return self.tokens[int(self.offsets[index]):int(self.offsets[index + 1])]

    def bytes(self):
        """UTF-8 bytes of each document."""
        return map_array(os.path.join(self.folder, "bytes.npy"), ["<u4"])

    def domains(self):
        """(index of each row, names), or None when the documents have no domains."""
        if not self.about.get("domains"):
            return None
        return map_array(os.path.join(self.folder, "domain.npy"), ["<u4"]), self.about["domains"]


ORDER_DTYPE = np.dtype([("segment", "<u4"), ("row", "<u4"), ("tokens", "<u4"), ("copy", "<u4")])


def splitmix64(x):
    """The mixing function of SplitMix64 (Steele, Lea and Flood 2014), on an array of u64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def block_permutation(count, data_seed, epoch):
    """Order of the blocks 0..count-1 in an epoch."""
    key = hashlib.sha256(b"blocks" + struct.pack("<qQ", data_seed, epoch)).digest()[:8]
    with np.errstate(over="ignore"):
        ranks = splitmix64(np.frombuffer(key, "<u8") + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return np.argsort(ranks)


class Stream:
    """A view with tokens, in an order, as blocks of seq + 1 tokens."""

    def __init__(self, view_folder, order_folder, seq, data_seed):
        self.view = read_json(os.path.join(view_folder, "view.json"), "assay_view")
        about = read_json(os.path.join(order_folder, "order.json"), "assay_order")
        if not self.view.get("tokenizer"):
            raise TaskError("the view has no tokens: a tokenize stage belongs between curation and training")
        if about["data_seed"] != data_seed:
            raise TaskError("the order was made for data_seed %d, not %d" % (about["data_seed"], data_seed))
        self.seq, self.data_seed = seq, data_seed
        self.order = map_array(os.path.join(order_folder, "order.npy"), [ORDER_DTYPE])
        self.segments = [Tokens(os.path.join(view_folder, segment["tokens_path"])) for segment in about["segments"]]
        self.components = [component["name"] for component in about["components"]]
        self._component = np.array([segment["component"] for segment in about["segments"]], dtype=np.int64)
        self.vocab, self.eot = self.view["tokenizer"]["vocab"], self.view["tokenizer"]["eot"]
        # starts[i] = stream position of document i; the last entry is the length of the stream.
        self.starts = np.zeros(len(self.order) + 1, dtype=np.int64)
        np.cumsum(self.order["tokens"].astype(np.int64) + 1, out=self.starts[1:])
        self.blocks = max(0, (int(self.starts[-1]) - 1) // seq)
        if self.blocks == 0:
            raise TaskError("the view has %d tokens, fewer than one sequence of %d" % (self.starts[-1], seq))
        self._epoch, self._permutation = -1, None

    def tokens_available(self):
        """Tokens of each component's selected documents, one EOT each, copies and weights aside."""
        return [sum(segment["tokens"] + segment["kept"] for segment in component["segments"])
                for component in self.view["components"]]

    def block_index(self, number):
        """(epoch, block) of the number-th block that training walks."""
        epoch, place = divmod(number, self.blocks)
        if epoch != self._epoch:
            self._epoch, self._permutation = epoch, block_permutation(self.blocks, self.data_seed, epoch)
        return epoch, int(self._permutation[place])

    def read(self, block):
        """Token ids of a block, (seq + 1,) int64."""
        first = block * self.seq
        ids = np.full(self.seq + 1, self.eot, dtype=np.int64)
        document = int(np.searchsorted(self.starts, first, side="right")) - 1
        while document < len(self.order) and self.starts[document] < first + self.seq + 1:
            start = int(self.starts[document])
            entry = self.order[document]
            row = self.segments[int(entry["segment"])].row(int(entry["row"]))
            if len(row) != int(entry["tokens"]):
                raise TaskError("the order does not fit the view: document %d has %d tokens, not %d"
                                % (document, len(row), entry["tokens"]))
            low, high = max(first, start), min(first + self.seq + 1, start + len(row))
            if low < high:
                ids[low - first:high - first] = row[low - start:high - start]
            document += 1
        return ids

    def batch(self, first, count):
        """Blocks number first .. first + count - 1 of the walk, (count, seq + 1)."""
        return np.stack([self.read(self.block_index(number)[1]) for number in range(first, first + count)])

    def targets_seen(self, blocks):
        """Predicted targets of each component in the first `blocks` blocks of the walk: their sum is blocks x seq."""
        per_block = self._targets_per_block()
        epochs, rest = divmod(blocks, self.blocks)
        seen = per_block.sum(axis=1) * epochs
        if rest:
            seen = seen + per_block[:, block_permutation(self.blocks, self.data_seed, epochs)[:rest]].sum(axis=1)
        return [int(value) for value in seen]

    def _targets_per_block(self):
        """(components, blocks): targets of block b are the stream positions b seq + 1 .. (b + 1) seq."""
        lengths = np.diff(self.starts)
        owner = self._component[self.order["segment"]]
        edges = np.arange(self.blocks + 1, dtype=np.int64) * self.seq + 1
        document = np.minimum(np.searchsorted(self.starts, edges, side="right") - 1, len(self.order) - 1)
        counts = np.empty((len(self.components), self.blocks), dtype=np.int64)
        for component in range(len(self.components)):
            before = np.concatenate(([0], np.cumsum(np.where(owner == component, lengths, 0))))
            inside = np.where(owner[document] == component, edges - self.starts[document], 0)
            counts[component] = np.diff(before[document] + inside)
        return counts
