# SPDX-License-Identifier: Apache-2.0
"""Blocks, permutations and the accounting of tokens, against the definition in docs/formats.md and GRID's epochs."""
import hashlib
import os
import random
import shutil
import tempfile
import unittest

import artifacts
import numpy as np

import data
from task import TaskError

VOCAB, EOT, SEED = 50, 49, 5


def random_documents(seed, count, longest):
    draw = random.Random(seed)
    return [[draw.randrange(VOCAB - 1) for _ in range(draw.randrange(longest))] for _ in range(count)]


class DataTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def stream(self, groups, seq, kept=None, repeats=None, data_seed=SEED):
        view, order = (os.path.join(self.folder, name) for name in ("view", "order"))
        artifacts.write_view(view, groups, VOCAB, EOT, kept)
        artifacts.write_order(order, groups, SEED, kept, repeats)
        return data.Stream(view, order, seq, data_seed)

    def flat(self, stream):
        """The stream by its definition: documents in order, EOT after each; and the component of each token."""
        ids, owners = [], []
        for entry in stream.order:
            row = stream.segments[entry["segment"]].row(entry["row"])
            ids.extend(list(row) + [EOT])
            owners.extend([stream._component[entry["segment"]]] * (len(row) + 1))
        return np.array(ids), np.array(owners)

    def test_blocks_tile_the_stream(self):
        for seq in (1, 3, 8, 64):
            stream = self.stream([(0, random_documents(1, 40, 20)), (0, random_documents(2, 30, 9))], seq)
            ids, _ = self.flat(stream)
            self.assertEqual(stream.blocks, (len(ids) - 1) // seq)
            for block in range(stream.blocks):
                np.testing.assert_array_equal(stream.read(block), ids[block * seq:(block + 1) * seq + 1])

    def test_every_epoch_walks_every_block_in_another_order(self):
        stream = self.stream([(0, random_documents(1, 80, 20))], 4)
        walk = [stream.block_index(number) for number in range(3 * stream.blocks)]
        epochs = [[block for epoch, block in walk if epoch == number] for number in range(3)]
        for epoch in epochs:
            self.assertEqual(sorted(epoch), list(range(stream.blocks)))
        self.assertNotEqual(epochs[0], epochs[1])
        self.assertNotEqual(epochs[1], epochs[2])

    def test_the_permutation_is_fixed_for_good(self):
        self.assertEqual(list(data.block_permutation(8, 7, 0)), [2, 5, 6, 3, 7, 1, 0, 4])
        for count, data_seed, epoch in ((8, 7, 0), (8, 8, 0), (8, 7, 1), (100, 2 ** 62, 3)):
            self.assertEqual(list(data.block_permutation(count, data_seed, epoch)),
                             slow_permutation(count, data_seed, epoch))

    def test_permutations_have_no_place_of_preference(self):
        counts = np.zeros((10, 10))
        for epoch in range(2000):
            counts[np.arange(10), data.block_permutation(10, 1, epoch)] += 1
        self.assertLess(((counts - 200) ** 2 / 200).sum(), 81 + 5 * 13)  # chi-squared with 81 degrees of freedom

    def test_targets_are_counted_exactly(self):
        groups = [(0, random_documents(1, 30, 20)), (1, random_documents(2, 25, 30)), (0, random_documents(3, 9, 9))]
        kept = [range(0, 30, 2), range(25), range(3)]
        stream = self.stream(groups, 6, kept, repeats=[2, 1])
        _, owners = self.flat(stream)
        for blocks in (0, 1, 7, stream.blocks, 2 * stream.blocks + 5):
            expected = np.zeros(2, dtype=int)
            for number in range(blocks):
                first = stream.block_index(number)[1] * 6 + 1
                expected += np.bincount(owners[first:first + 6], minlength=2)
            self.assertEqual(stream.targets_seen(blocks), expected.tolist())
            self.assertEqual(sum(stream.targets_seen(blocks)), blocks * 6)

    def test_available_tokens_count_each_document_once(self):
        groups = [(0, [[1, 2, 3], [4], []]), (1, [[5, 6]])]
        stream = self.stream(groups, 2, kept=[[0, 2], [0]], repeats=[3, 1])
        self.assertEqual(stream.tokens_available(), [3 + 2, 2 + 1])
        self.assertEqual(int(stream.starts[-1]), 3 * 5 + 3)

    def test_batches_go_on_over_the_end_of_an_epoch(self):
        stream = self.stream([(0, random_documents(4, 12, 9))], 3)
        batch = stream.batch(stream.blocks - 2, 5)
        self.assertEqual(batch.shape, (5, 4))
        for place, number in enumerate(range(stream.blocks - 2, stream.blocks + 3)):
            epoch, block = divmod(number, stream.blocks)
            walked = data.block_permutation(stream.blocks, SEED, epoch)[block]
            np.testing.assert_array_equal(batch[place], stream.read(int(walked)))

    def test_what_does_not_fit_is_refused(self):
        with self.assertRaisesRegex(TaskError, "fewer than one sequence"):
            self.stream([(0, [[1, 2]])], 64)
        with self.assertRaisesRegex(TaskError, "made for data_seed"):
            self.stream([(0, [[1, 2, 3]])], 2, data_seed=SEED + 1)
        np.save(os.path.join(self.folder, "view/tokens/000-0000/offsets.npy"), np.array([0, 2], dtype="<u8"))
        with self.assertRaisesRegex(TaskError, "do not fit"):
            data.Tokens(os.path.join(self.folder, "view/tokens/000-0000"))
        np.save(os.path.join(self.folder, "view/tokens/000-0000/offsets.npy"), np.array([0, 3], dtype="<i8"))
        with self.assertRaisesRegex(TaskError, "holds int64"):
            data.Tokens(os.path.join(self.folder, "view/tokens/000-0000"))


def slow_permutation(count, data_seed, epoch):
    """The definition in the head of data.py, in whole numbers."""
    text = b"blocks" + data_seed.to_bytes(8, "little") + epoch.to_bytes(8, "little")
    key = int.from_bytes(hashlib.sha256(text).digest()[:8], "little")

    def rank(index):
        x = (key + index * 0x9E3779B97F4A7C15) % 2 ** 64
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2 ** 64
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2 ** 64
        return x ^ (x >> 31)
    return sorted(range(count), key=rank)


if __name__ == "__main__":
    unittest.main()
