# SPDX-License-Identifier: Apache-2.0
"""The rules of gopher-quality, gopher-repetition, stop-word-share and prose-share in plain Python, document by document and rule by
rule, for bench_curate.py. It counts what the engine's columns hold; words of the n-grams are found by a regular expression,
which is faster and coarser than UAX 29. usage: peer_curate.py FILE.jsonl"""
import json
import re
import sys
import time
from collections import Counter

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
WORD = re.compile(r"\w+(?:[.']\w+)*")
SENTENCE_END = re.compile(r"[.!?\u2026][\"')\]\u2019\u201d]*$")


def pieces(text, separator):
    return [stripped for piece in text.split(separator) if (stripped := piece.strip())]


def gopher_quality(text):
    words = text.split()
    lines = pieces(text, "\n")
    return (
        sum(1 for word in re.split(r"[ \n\r\t\v\f\0]", text) if word and word[0].isalnum()),
        sum(map(len, words)),
        sum(1 for word in words if not any(char.isalpha() for char in word)),
        sum(text.count(symbol) for symbol in ("#", "...", ". . .", "\u2026")),
        sum(1 for word in words if word.lower() in STOP_WORDS),
        sum(1 for line in lines if line.startswith(("\u25cf", "\u2022", "*", "-"))),
        sum(1 for line in lines if line.endswith(("...", ". . .", "\u2026"))),
    )


def repeated_pieces(segments):
    counts = Counter(segments)
    return (
        sum(count for count in counts.values() if count > 1),
        sum(len(segment) * count for segment, count in counts.items() if count > 1),
    )


def repeated_ngrams(words, n):
    ngrams = list(zip(*(words[i:] for i in range(n))))
    if not ngrams:
        return 0
    counts = Counter(ngrams)
    top = max(counts.values())
    if top == 1:
        return 0
    if n < 5:
        return top * max(sum(map(len, ngram)) for ngram, count in counts.items() if count == top)
    covered = set()
    for index, ngram in enumerate(ngrams):
        if counts[ngram] > 1:
            covered.update(range(index, index + n))
    return sum(len(words[index]) for index in covered)


def gopher_repetition(text):
    words = WORD.findall(text)
    return (
        repeated_pieces(pieces(text, "\n")),
        repeated_pieces(pieces(text, "\n\n")),
        [repeated_ngrams(words, n) for n in range(2, 11)],
    )


def stop_word_share(text):
    return sum(1 for word in text.split() if word.strip(".,;:!?\"'()[]").lower() in STOP_WORDS)


def prose_share(text):
    return sum(
        len(line) for line in pieces(text, "\n") if len(line.split()) >= 10 and SENTENCE_END.search(line))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.readlines()
    start = time.process_time()
    size = 0
    for line in lines:
        text = json.loads(line)["text"]
        size += len(text.encode())
        gopher_quality(text)
        gopher_repetition(text)
        stop_word_share(text)
        prose_share(text)
    print(json.dumps({"bytes": size, "measure_s": time.process_time() - start}))


main()
