# SPDX-License-Identifier: Apache-2.0
"""A curation step in Python: mean length, in characters, of a document's lines that are not blank. One number a row; a row
without a document holds NaN. To be used in a pipeline like any other step: {mean-line-length: {at_least: 40}}."""
import os

import numpy as np

from documents import Documents
from task import run


def mean_line_length(text):
    lengths = [len(line) for line in text.split("\n") if line.strip()]
    return sum(lengths) / len(lengths) if lengths else 0.0


def main(task):
    documents = Documents(task.input("text"))
    values = [mean_line_length(fields[documents.text]) if fields else np.nan for fields, _ in documents.rows()]
    np.save(os.path.join(task.output("measure"), "mean.npy"), np.array(values, dtype="<f4"))


run(main)
