# SPDX-License-Identifier: Apache-2.0
"""Makes the multiple-choice suite `mini` out of held-out documents: the program `items`.

An item is a context and four options that could follow it: one does, three were cut from elsewhere. All are whole words of one
line and all options of an item have the same number of UTF-8 bytes, so that length says nothing. Distractors come from the same
document (tag `near`) or from other documents of the same domain (`far`); items alternate between the two. Gold positions are
balanced: each place holds the answer equally often, up to one. Golds of different items do not overlap. Everything follows
from the documents and the seed.
"""
import bisect
import hashlib
import json
import os
import re
import struct

from documents import Documents
from task import TaskError, run

OPTIONS = 4
WORD = re.compile(rb"[^ ]+")
TRIES = 8


class Draws:
    """Uniform whole numbers from SHA-256 of (seed, counter): the same on every version of every library."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

    def below(self, limit):
        digest = hashlib.sha256(b"items" + struct.pack("<qQ", self.seed, self.count)).digest()
        self.count += 1
        return int.from_bytes(digest[:8], "little") % limit  # limits are far below 2^64: the bias is below 2^-40

    def shuffle(self, values):
        for place in range(len(values) - 1, 0, -1):
            other = self.below(place + 1)
            values[place], values[other] = values[other], values[place]
        return values


class Spans:
    """All runs of whole words of 'option' length in one document, found by length: (length, start) sorted.

    A span begins with the blank before its first word, as the text that follows a context does, and stays within a line.
    """

    def __init__(self, text, option_bytes):
        self.text = text
        low, high = option_bytes
        self.spans = []
        for line in re.finditer(rb"[^\n]+", text):
            words = [(line.start() + word.start(), line.start() + word.end()) for word in WORD.finditer(line.group())]
            for first in range(1, len(words)):
                start = words[first][0] - 1
                if words[first - 1][1] != start:
                    continue  # more than one blank: a table or code
                for last in range(first, len(words)):
                    length = words[last][1] - start
                    if length > high or (last > first and words[last][0] != words[last - 1][1] + 1):
                        break
                    if length >= low:
                        self.spans.append((length, start))
        self.spans.sort()

    def of_length(self, length):
        """Starts of the spans of that many bytes, as a range of `spans`."""
        return range(bisect.bisect_left(self.spans, (length, -1)), bisect.bisect_left(self.spans, (length + 1, -1)))

    def get(self, start, length):
        return self.text[start:start + length]

    def context(self, start, bytes_wanted):
        """What precedes `start` in its line: whole words, the fewest that reach the bytes wanted; None when there are fewer."""
        line = self.text.rfind(b"\n", 0, start) + 1
        if start - line < bytes_wanted:
            return None
        cut = self.text.rfind(b" ", line, start - bytes_wanted) + 1
        return self.text[max(cut, line):start]


class Maker:
    def __init__(self, documents, settings):
        self.settings, self.draws = settings, Draws(settings["seed"])
        low, high = settings["option_bytes_min"], settings["option_bytes_max"]
        if low > high:
            raise TaskError("option_bytes_min %d is above option_bytes_max %d" % (low, high))
        self.documents = [(domain, Spans(text.encode(), (low, high))) for domain, text in documents]
        self.texts, self.text_rows, self.items = [], {}, []

    def make(self):
        """As many items as wanted, or as the text allows."""
        candidates = [(number, place) for number, (_, spans) in enumerate(self.documents)
                      for place in range(len(spans.spans))]
        taken = [[] for _ in self.documents]
        for number, place in self.draws.shuffle(candidates):
            if len(self.items) == self.settings["items"]:
                break
            spans = self.documents[number][1]
            length, start = spans.spans[place]
            if overlaps(taken[number], start, start + length):
                continue
            tag = ("near", "far")[len(self.items) % 2]
            options = self.options(number, start, length, tag)
            if options is not None:
                bisect.insort(taken[number], (start, start + length))
                self.add(spans.context(start, self.settings["context_bytes"]), options, tag)
        self.balance()

    def options(self, number, start, length, tag):
        """Gold first, then three distractors, all different; None when the text has too few or no context."""
        domain, spans = self.documents[number]
        context = spans.context(start, self.settings["context_bytes"])
        if context is None:
            return None
        options = [spans.get(start, length)]
        sources = [number] if tag == "near" else [
            other for other, (other_domain, _) in enumerate(self.documents) if other_domain == domain and other != number]
        for _ in range(TRIES * OPTIONS):
            if len(options) == OPTIONS or not sources:
                break
            other = self.documents[sources[self.draws.below(len(sources))]][1]
            found = other.of_length(length)
            if not found:
                continue
            place = other.spans[found[self.draws.below(len(found))]][1]
            text = other.get(place, length)
            beside = other is spans and place < start + length and place + length > start - len(context)
            if not beside and text not in options:
                options.append(text)
        return options if len(options) == OPTIONS else None

    def row(self, text):
        """Row of a text among the texts, added when it is new."""
        if text not in self.text_rows:
            self.text_rows[text] = len(self.texts)
            self.texts.append(text.decode())
        return self.text_rows[text]

    def add(self, context, options, tag):
        number = len(self.items)
        self.items.append({"id": "mini-%05d" % number, "context": self.row(context),
                           "options": [self.row(option) for option in options], "gold": 0, "tag": tag})

    def balance(self):
        """Moves the golds, until now at place 0, so that within each tag every place holds as many, up to one."""
        for tag in ("near", "far"):
            items = [item for item in self.items if item["tag"] == tag]
            places = self.draws.shuffle([number % OPTIONS for number in range(len(items))])
            for item, gold in zip(items, places):
                rest = item["options"][1:]
                item["options"], item["gold"] = rest[:gold] + item["options"][:1] + rest[gold:], gold


def overlaps(taken, start, end):
    """Whether [start, end) meets one of the sorted, disjoint ranges."""
    place = bisect.bisect_left(taken, (start, start))
    return (place < len(taken) and taken[place][0] < end) or (place > 0 and taken[place - 1][1] > start)


def read_documents(folder):
    """(domain, text) of every document of a `documents` input."""
    documents = Documents(folder)
    return [(documents.domain(fields, source), fields[documents.text]) for fields, source in documents.rows() if fields]


def main(task):
    maker = Maker(read_documents(task.input("documents")), task.parameters)
    maker.make()
    if len(maker.items) < task.parameters["items_min"]:
        raise TaskError("the held-out text gives %d items, fewer than items_min %d: lower items_min, context_bytes or "
                        "option_bytes_min, or hold out more text" % (len(maker.items), task.parameters["items_min"]))
    folder = task.output("items")
    with open(os.path.join(folder, "items.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(item) + "\n" for item in maker.items)
    with open(os.path.join(folder, "texts.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in maker.texts)
    with open(os.path.join(folder, "items.json"), "w", encoding="utf-8") as file:
        json.dump({"assay_items": 1, "items": len(maker.items), "suite": "mini"}, file)
    task.metric("items", len(maker.items))
    print("%d items from %d documents" % (len(maker.items), len(maker.documents)))


if __name__ == "__main__":
    run(main)
