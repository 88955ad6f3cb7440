# SPDX-License-Identifier: Apache-2.0
"""What every item of the suite `mini` must satisfy, whatever the documents."""
import collections
import json
import os
import random
import shutil
import tempfile
import unittest

import artifacts
from artifacts import ITEMS, Attempt

import items
from task import TaskError

WORDS = "the a disk pool of coordinator tasks runs naïve each größe worker finds Việt and keeps its lease".split()


def documents(count=12, paragraphs=6):
    draw = random.Random(3)
    found = []
    for number in range(count):
        lines = [" ".join(draw.choice(WORDS) + str(draw.randrange(30)) for _ in range(draw.randrange(3, 40)))
                 for _ in range(paragraphs)]
        found.append({"text": "\n\n".join(lines) + "\n  code   here\n", "domain": "d%d" % (number % 3), "id": str(number)})
    return found


class ItemsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.documents = documents()
        artifacts.write_documents(os.path.join(self.folder, "docs"), self.documents)

    def make(self, name="a", **changes):
        attempt = Attempt(os.path.join(self.folder, name), "items", dict(ITEMS, **changes),
                          {"documents": os.path.join(self.folder, "docs")}, ["items"])
        attempt.call()
        folder = os.path.join(attempt.folder, "out/items")
        with open(os.path.join(folder, "texts.jsonl"), encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
        with open(os.path.join(folder, "items.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file], texts

    def test_every_item_keeps_the_rules(self):
        made, texts = self.make()
        self.assertEqual(len(made), 40)
        self.assertEqual(len({item["id"] for item in made}), 40)
        golds = []
        for item in made:
            options = [texts[row] for row in item["options"]]
            sizes = {len(option.encode()) for option in options}
            self.assertEqual(len(sizes), 1)
            self.assertTrue(12 <= sizes.pop() <= 24)
            self.assertEqual(len(set(options)), 4)
            context, gold = texts[item["context"]], options[item["gold"]]
            self.assertGreaterEqual(len(context.encode()), 24)
            homes = [document for document in self.documents if context + gold in document["text"]]
            self.assertTrue(homes, "the gold option follows the context in some document")
            golds.append(gold)
            for option in options:
                self.assertTrue(option.startswith(" ") and "\n" not in option)
            others = [option for option in options if option != gold]
            if item["tag"] == "near":
                self.assertTrue(any(all(option in home["text"] for option in others) for home in homes))
            else:
                for option in others:
                    self.assertTrue(any(option in document["text"] and document["domain"] == home["domain"]
                                        for home in homes for document in self.documents if document is not home))
        self.assertEqual(collections.Counter(item["tag"] for item in made), {"near": 20, "far": 20})
        for tag in ("near", "far"):
            places = collections.Counter(item["gold"] for item in made if item["tag"] == tag)
            self.assertEqual(places, {0: 5, 1: 5, 2: 5, 3: 5})

    def test_the_seed_decides(self):
        first, again, other = self.make("a"), self.make("b"), self.make("c", seed=8)
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_golds_do_not_overlap(self):
        made, _ = self.make(items=100000)
        self.assertGreater(len(made), 60)
        maker = items.Maker([(document["domain"], document["text"]) for document in self.documents],
                            dict(ITEMS, items=100000))
        taken = []
        original = items.overlaps

        def overlaps(ranges, start, end):
            taken.append(ranges)
            return original(ranges, start, end)
        items.overlaps = overlaps
        self.addCleanup(setattr, items, "overlaps", original)
        maker.make()
        for ranges in taken:
            for (_, end), (start, _) in zip(ranges, ranges[1:]):
                self.assertLessEqual(end, start)

    def test_too_little_text_is_an_error_that_says_so(self):
        with self.assertRaisesRegex(TaskError, "fewer than items_min 5000"):
            self.make(items=5000, items_min=5000)
        with self.assertRaisesRegex(TaskError, "above option_bytes_max"):
            self.make(option_bytes_min=30)


if __name__ == "__main__":
    unittest.main()
