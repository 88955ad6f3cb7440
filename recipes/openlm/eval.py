# SPDX-License-Identifier: Apache-2.0
"""Measures a model: the program `eval` (recipes/programs/eval.yaml holds its parameters).

Bits per byte on the held-out `test` part (`bpb`) and on `dev` (`bpb_dev`), pooled and per domain; and, where items are given,
multiple choice: the option of highest log-likelihood per byte is the answer, options that tie for it earn 1/k each
(`mini_acc`, in percent), and `mini_margin` is the gold option's log-likelihood per byte less the best other one's. Outcomes of
every document and item are written to `outcomes`, so that comparisons can pair them.
"""
import contextlib
import json
import os

import numpy as np
import torch

import checkpoint
import data
import score
from task import TaskError, run

ITEM_DTYPE = np.dtype([("item", "<u4"), ("tag", "<u1"), ("gold", "<u1"), ("answer", "<u1"), ("correct", "<f4"), ("margin", "<f4")])
DOCUMENT_DTYPE = np.dtype([("row", "<u4"), ("bytes", "<u4"), ("nats", "<f8")])
TAGS = ("near", "far")


class Evaluation:
    def __init__(self, task):
        self.task, self.set = task, task.parameters
        torch.set_num_threads(task.threads)
        torch.set_flush_denormal(True)
        self.device = "cuda" if task.devices and torch.cuda.is_available() else "cpu"
        self.model, self.about = checkpoint.load_model(task.input("model"), self.set["window"])
        self.model.to(self.device).eval()
        self.options = {"device": self.device, "autocast": self.autocast}
        self.outcomes = task.output("outcomes")

    def autocast(self):
        if self.set["precision"] == "bfloat16":
            return torch.autocast(self.device, dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def tokens(self, name):
        tokens = data.Tokens(self.task.input(name))
        if tokens.about["tokenizer"] != self.about["tokenizer"]["digest"]:
            raise TaskError("'%s' was encoded with another tokenizer than the model was trained with" % name)
        return tokens

    def documents(self, part, metric):
        """Bits per byte of one held-out part."""
        tokens = self.tokens(part)
        nats = score.document_nats(self.model, [tokens.row(row) for row in range(len(tokens))], tokens.eot,
                                   self.set["window"], self.set["stride"], **self.options)
        sizes = np.asarray(tokens.bytes())
        if not np.isfinite(nats).all():
            raise TaskError("the likelihood of document %d of '%s' is not a number" % (np.argmin(np.isfinite(nats)), part))
        if sizes.sum() == 0:
            raise TaskError("'%s' holds no text" % part)
        self.task.metric(metric, score.bits_per_byte(nats, sizes))
        domains = tokens.domains()
        if domains is not None:
            index, names = domains
            for number, name in enumerate(names):
                here = np.asarray(index) == number
                if name and sizes[here].sum():
                    self.task.metric(metric, score.bits_per_byte(nats[here], sizes[here]), tag=name)
        rows = np.empty(len(nats), dtype=DOCUMENT_DTYPE)
        rows["row"], rows["bytes"], rows["nats"] = np.arange(len(nats)), sizes, nats
        np.save(os.path.join(self.outcomes, part + ".npy"), rows)

    def items(self):
        """Multiple choice over the items; texts are rows of `item_tokens`."""
        tokens = self.tokens("item_tokens")
        sizes = np.asarray(tokens.bytes())
        items = read_items(self.task.input("items"), len(tokens))
        pairs = [(tokens.row(item["context"]), [tokens.row(row) for row in item["options"]]) for item in items]
        nats = score.item_nats(self.model, pairs, tokens.eot, self.set["window"], **self.options)
        outcomes = np.empty(len(items), dtype=ITEM_DTYPE)
        for number, (item, option_nats) in enumerate(zip(items, nats)):
            scores = -np.asarray(option_nats) / sizes[item["options"]]
            outcomes[number] = (number, TAGS.index(item["tag"]), item["gold"]) + item_outcome(scores, item["gold"])
        for tag, here in [("", slice(None))] + [(tag, outcomes["tag"] == number) for number, tag in enumerate(TAGS)]:
            if len(outcomes[here]):
                self.task.metric("mini_acc", 100.0 * float(outcomes["correct"][here].mean(dtype=np.float64)), tag=tag)
                self.task.metric("mini_margin", float(outcomes["margin"][here].mean(dtype=np.float64)), tag=tag)
        np.save(os.path.join(self.outcomes, "items.npy"), outcomes)
        with open(os.path.join(self.outcomes, "items.json"), "w", encoding="utf-8") as file:
            json.dump({"assay_outcomes": 1, "tags": TAGS, "ids": [item["id"] for item in items]}, file)


def item_outcome(scores, gold):
    """(answer, correct, margin) from the options' log-likelihoods per byte. Several best ones share: gold among k earns 1/k."""
    if not np.isfinite(scores).all():
        raise TaskError("the likelihood of an option is not a number")
    best = np.flatnonzero(scores == scores.max())
    correct = 1.0 / len(best) if gold in best else 0.0
    return int(best[0]), correct, float(scores[gold] - np.delete(scores, gold).max())


def read_items(folder, texts_count):
    """The items of an items artifact, checked against the number of texts that they refer to."""
    data.read_json(os.path.join(folder, "items.json"), "assay_items")
    items = []
    with open(os.path.join(folder, "items.jsonl"), encoding="utf-8") as file:
        for line_number, line in enumerate(file, 1):
            item = json.loads(line)
            rows = [item["context"]] + item["options"]
            if not all(0 <= row < texts_count for row in rows) or not 0 <= item["gold"] < len(item["options"]) \
                    or item["tag"] not in TAGS:
                raise TaskError("items.jsonl:%d: rows, gold or tag out of range" % line_number)
            items.append(item)
    if not items:
        raise TaskError("items.jsonl holds no items")
    return items


def main(task):
    evaluation = Evaluation(task)
    task.metric("environment", 1, tag="torch=%s device=%s precision=%s threads=%d" % (
        torch.__version__, evaluation.device, evaluation.set["precision"], torch.get_num_threads()))
    for part, metric in (("test", "bpb"), ("dev", "bpb_dev")):
        if task.has_input(part):
            evaluation.documents(part, metric)
    if task.has_input("items"):
        evaluation.items()


if __name__ == "__main__":
    run(main)
