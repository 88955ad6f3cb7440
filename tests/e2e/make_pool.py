#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a small pool for end-to-end tests: make_pool.py DIR makes DIR/pool.yaml with shards and held-out text.

The documents are made up: prose from a few English sentences' patterns, tables of numbers, pages of an invented language, exact
copies and pages that repeat themselves. So filters have something to remove and a model has something to learn. The same bytes
every time; standard library only.
"""
import gzip
import json
import os
import random
import sys

NOUNS = ("worker coordinator lease document filter model token corpus page measure experiment cluster queue record digest "
         "variant seed shard artifact program result variance curve sample").split()
VERBS = "keeps reads writes renews counts compares drops finds stores repeats loses needs follows explains".split()
ADJECTIVES = "small old durable noisy clean late second plain exact random careful busy".split()
CLAUSES = ("when the {n} is {a}", "because it was the {a} {n}", "and the {n} {v} it again", "which is what every {n} has to do",
           "but not before the {n} {v} the {n}", "as they have been told by the {a} {n}")
SYLLABLES = "ka to mi ru ven sol pha dri ock ul en ish".split()
PAGES, COPIES, HELDOUT = 240, 20, 24

POOL = """pool: tiny
about: made-up pages for end-to-end tests
shards: ["shards/*"]
domain: {field: domain}
group_bytes: 60KB
heldout:
  stands_for: the prose of the made-up pages
  dev: {shards: ["heldout/dev.jsonl"]}
  test: {shards: ["heldout/test.jsonl"]}
decontaminate: {n: 13, max_fraction: 0.1}
"""


def sentence(draw):
    text = "the {a} {n} {v} the {n} " + draw.choice(CLAUSES)
    while "{" in text:
        text = text.replace("{n}", draw.choice(NOUNS), 1).replace("{v}", draw.choice(VERBS), 1)
        text = text.replace("{a}", draw.choice(ADJECTIVES), 1)
    return text.capitalize() + "."


def prose(draw):
    return "\n\n".join(" ".join(sentence(draw) for _ in range(draw.randrange(2, 5))) for _ in range(draw.randrange(3, 7)))


def table(draw):
    return "\n".join(" | ".join("%s %d" % (draw.choice(NOUNS), draw.randrange(10000)) for _ in range(5))
                     for _ in range(draw.randrange(8, 20)))


def foreign(draw):
    def word():
        return "".join(draw.choice(SYLLABLES) for _ in range(draw.randrange(1, 4)))
    return "\n".join(" ".join(word() for _ in range(draw.randrange(8, 16))).capitalize() + "."
                     for _ in range(draw.randrange(5, 12)))


def repeated(draw):
    return "\n".join([sentence(draw)] * draw.randrange(6, 12))


def pages(draw, kinds, count, label):
    """Documents of the kinds in turn, numbered."""
    return [{"id": "%s-%03d" % (label, number), "url": "https://example.org/%s/%d" % (label, number),
             "domain": kinds[number % len(kinds)].__name__, "text": kinds[number % len(kinds)](draw) + "\n"}
            for number in range(count)]


def write(path, documents):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = "".join(json.dumps(document) + "\n" for document in documents).encode()
    with open(path, "wb") as file:
        file.write(gzip.compress(data, mtime=0) if path.endswith(".gz") else data)


def main(folder):
    draw = random.Random(20)
    found = pages(draw, (prose, table, prose, foreign, prose, repeated), PAGES, "page")
    found += [dict(document, id="copy-" + document["id"]) for document in draw.sample(found, COPIES)]
    draw.shuffle(found)
    third = len(found) // 3
    write(os.path.join(folder, "shards", "a.jsonl"), found[:third])
    write(os.path.join(folder, "shards", "b.jsonl.gz"), found[third:2 * third])
    write(os.path.join(folder, "shards", "c.jsonl"), found[2 * third:])
    heldout = pages(draw, (prose,), HELDOUT, "heldout")
    write(os.path.join(folder, "heldout", "dev.jsonl"), heldout[:HELDOUT // 3])
    write(os.path.join(folder, "heldout", "test.jsonl"), heldout[HELDOUT // 3:])
    with open(os.path.join(folder, "pool.yaml"), "w", encoding="utf-8") as file:
        file.write(POOL)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_pool.py DIR")
    main(sys.argv[1])
