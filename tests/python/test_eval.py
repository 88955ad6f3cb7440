# SPDX-License-Identifier: Apache-2.0
"""Bits per byte and multiple choice against naive computations, token by token."""
import json
import math
import os
import shutil
import tempfile
import unittest

import artifacts
import numpy as np
import torch
from artifacts import EVAL, Attempt
from test_data import EOT, VOCAB, random_documents

import checkpoint
import eval as evaluation
import model as models
import score
from task import TaskError

CONFIG = models.Config(vocab=VOCAB, dim=16, layers=2, heads=2, seq=8, multiple_of=16)
DIGEST = "t" * 64


def small_model(seed=1):
    return models.init_weights(models.Decoder(CONFIG), seed)


def small_limits(tokens):
    """So small that several batches and pieces of logits are made."""
    limits = score.Limits("cpu")
    limits.tokens, limits.rows = tokens, 7
    return limits


def naive_nats(model, prefix, target):
    """-log p(target | prefix), by one forward pass over the prefix alone."""
    with torch.no_grad():
        logits = model(torch.tensor([prefix]))[0, -1].double()
    return float(logits.logsumexp(0) - logits[target])


def naive_document(model, ids, window, stride):
    """Each token from the window that scores it first: the earliest one that holds its place."""
    ids, total = [EOT] + list(ids), 0.0
    for place in range(1, len(ids)):
        start = max(0, math.ceil((place - window) / stride) * stride)
        total += naive_nats(model, ids[start:place], ids[place])
    return total


class ScoreTest(unittest.TestCase):
    def test_every_target_is_scored_once_with_enough_context(self):
        for length in (0, 1, 7, 8, 9, 30):
            for window, stride in ((8, 8), (8, 3), (8, 1), (1, 1)):
                scored = []
                for start, end, first in score.windows(length, window, stride):
                    self.assertLessEqual(end - start, window)
                    scored.extend(range(first, end))
                    self.assertGreaterEqual(first - start, 0 if start == 0 else window - stride)
                self.assertEqual(scored, list(range(length)))
        with self.assertRaises(ValueError):
            list(score.windows(5, 4, 5))

    def test_documents_are_scored_as_one_by_one(self):
        model, documents = small_model(), random_documents(3, 9, 40) + [[]]
        for window, stride in ((8, 8), (8, 5), (8, 1)):
            nats = score.document_nats(model, documents, EOT, window, stride, limits=small_limits(50))
            expected = [naive_document(model, document, window, stride) for document in documents]
            np.testing.assert_allclose(nats, expected, rtol=1e-5)

    def test_items_are_scored_as_one_by_one(self):
        model = models.init_weights(models.Decoder(models.Config(VOCAB, 16, 2, 2, 12, 16)), 1)
        items = [(document[:number], random_documents(number, 4, 6)) for number, document in
                 enumerate(random_documents(5, 12, 15))]
        items = [(context, [option or [1] for option in options]) for context, options in items]
        for (context, options), nats in zip(items, score.item_nats(model, items, EOT, 12, limits=small_limits(60))):
            room = 12 - max(map(len, options))
            prefix = [EOT] + list(context[max(0, len(context) - room):])
            expected = [sum(naive_nats(model, prefix + option[:place], option[place]) for place in range(len(option)))
                        for option in options]
            np.testing.assert_allclose(nats, expected, rtol=1e-5)

    def test_an_option_longer_than_the_window_is_refused(self):
        with self.assertRaises(ValueError):
            score.item_nats(small_model(), [([1], [[1] * 9, [2]])], EOT, 8)


class OutcomeTest(unittest.TestCase):
    def test_ties_earn_their_share(self):
        for scores, gold, correct, margin in (
                ([1, 0, 0, 0], 0, 1, 1), ([1, 0, 0, 0], 1, 0, -1), ([1, 1, 0, 0], 1, 1 / 2, 0), ([1, 1, 0, 0], 3, 0, -1),
                ([2, 2, 2, 2], 2, 1 / 4, 0)):
            answer = evaluation.item_outcome(np.array(scores, dtype=float), gold)
            self.assertEqual(answer, (0, correct, margin))

    def test_not_a_number_fails(self):
        with self.assertRaises(TaskError):
            evaluation.item_outcome(np.array([1, np.nan, 0, 0]), 0)


class EvalTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.model = small_model()
        os.mkdir(self.path("model"))
        checkpoint.save_model(self.path("model"), self.model, {"digest": DIGEST, "vocab": VOCAB, "eot": EOT, "name": ""})
        self.documents = random_documents(8, 10, 30)
        self.sizes = [3 * len(document) + 1 for document in self.documents]
        artifacts.write_tokens(self.path("test"), self.documents, VOCAB, EOT, DIGEST, ["x", "y"] * 5, self.sizes)
        self.texts = [document or [1] for document in random_documents(9, 50, 6)]
        artifacts.write_tokens(self.path("texts"), self.texts, VOCAB, EOT, DIGEST, sizes=[12] * 50)
        self.items = [{"id": "i%d" % n, "context": 5 * n, "options": [5 * n + k for k in range(1, 5)], "gold": n % 4,
                       "tag": ("near", "far")[n % 2]} for n in range(10)]
        self.write_items()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write_items(self):
        os.makedirs(self.path("items"), exist_ok=True)
        artifacts.write_json(self.path("items/items.json"), {"assay_items": 1, "items": len(self.items), "suite": "mini"})
        with open(self.path("items/items.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(item) + "\n" for item in self.items)

    def attempt(self, **inputs):
        inputs = inputs or {"test": "test", "items": "items", "item_tokens": "texts"}
        inputs = {name: self.path(path) for name, path in dict(inputs, model="model").items()}
        return Attempt(self.path("a"), "eval", EVAL, inputs, ["outcomes"])

    def test_metrics_are_those_of_the_outcomes_and_of_a_naive_sum(self):
        attempt = self.attempt()
        attempt.call()
        metrics = {(name, tag): value for name, _, value, tag in attempt.metrics()}
        model, _ = checkpoint.load_model(self.path("model"), 16)  # read by a longer window than it was trained with
        nats = np.array([naive_document(model, document, 16, 8) for document in self.documents])
        sizes = np.array(self.sizes)
        self.assertAlmostEqual(metrics["bpb", ""], nats.sum() / math.log(2) / sizes.sum(), places=5)
        self.assertAlmostEqual(metrics["bpb", "y"], nats[1::2].sum() / math.log(2) / sizes[1::2].sum(), places=5)
        outcomes = np.load(os.path.join(attempt.folder, "out/outcomes/items.npy"))
        self.assertAlmostEqual(metrics["mini_acc", ""], 100 * outcomes["correct"].mean(), places=4)
        self.assertAlmostEqual(metrics["mini_margin", "far"], outcomes["margin"][1::2].mean(), places=5)
        for item, outcome in zip(self.items, outcomes):
            scores = [-sum(naive_nats(model, [EOT] + self.texts[item["context"]] + self.texts[row][:place],
                                      self.texts[row][place]) for place in range(len(self.texts[row]))) / 12
                      for row in item["options"]]
            self.assertEqual(outcome["answer"], int(np.argmax(scores)))
        rows = np.load(os.path.join(attempt.folder, "out/outcomes/test.npy"))
        np.testing.assert_allclose(rows["nats"], nats, rtol=1e-5)
        np.testing.assert_array_equal(rows["bytes"], sizes)

    def test_a_model_that_yields_no_number_fails(self):
        broken = small_model()
        with torch.no_grad():
            broken.norm.weight.fill_(math.nan)
        checkpoint.save_model(self.path("model"), broken, {"digest": DIGEST})
        for inputs in ({"test": "test"}, {"items": "items", "item_tokens": "texts"}):
            with self.assertRaisesRegex(TaskError, "not a number"):
                self.attempt(**inputs).call()

    def test_inputs_that_do_not_belong_together_are_refused(self):
        self.items[3]["options"][2] = 50
        self.write_items()
        with self.assertRaisesRegex(TaskError, "items.jsonl:4"):
            self.attempt(items="items", item_tokens="texts").call()
        artifacts.write_tokens(self.path("test"), self.documents, VOCAB, EOT, "u" * 64)
        with self.assertRaisesRegex(TaskError, "another tokenizer"):
            self.attempt(test="test").call()

    def test_a_damaged_model_is_refused(self):
        with open(self.path("model/model.safetensors"), "r+b") as file:
            file.truncate(1000)
        with self.assertRaisesRegex(TaskError, "cannot read the model"):
            self.attempt(test="test").call()


if __name__ == "__main__":
    unittest.main()
