# SPDX-License-Identifier: Apache-2.0
"""Likelihoods under a model: of whole documents (bits per byte) and of continuations (multiple choice). All values in nats.

A document is scored as EOT, t1, ..., tn: every token once, the first conditioned on EOT, EOT itself never. Documents longer
than `window` are read by windows that start every `stride` tokens; each scores the targets that no earlier window scored, so
all but the first window's see at least window - stride tokens of context.
"""
import math

import numpy as np
import torch

IGNORED = -1


class Limits:
    """Tokens in one forward pass, and of these the rows of logits held at a time: on a processor what its caches hold (64 rows
    of a vocabulary of 4,096 are 1 MB), on a GPU what keeps it busy."""

    def __init__(self, device):
        self.tokens, self.rows = (1 << 16, 1 << 13) if device == "cuda" else (1 << 10, 1 << 6)


def windows(length, window, stride):
    """(first input, last input + 1, first target scored) for a sequence of `length` inputs, each predicting the next token."""
    if not 0 < stride <= window:
        raise ValueError("stride %d must lie in 1..window %d" % (stride, window))
    start, scored = 0, 0
    while scored < length:
        end = min(start + window, length)
        yield start, end, scored
        scored = end
        start += stride


def batches(rows, tokens_max):
    """Groups (inputs, first target scored, targets) rows of similar length, so that little is padded; deterministic."""
    ranked = sorted(range(len(rows)), key=lambda index: (-len(rows[index][0]), index))
    start = 0
    while start < len(ranked):
        longest = len(rows[ranked[start]][0])
        count = max(1, tokens_max // longest)
        yield ranked[start:start + count]
        start += count


@torch.inference_mode()
def token_nats(model, rows, device="cpu", limits=None, autocast=None):
    """Yields (index, nats of each scored target as float64) for rows of (inputs, targets); a target IGNORED is not scored."""
    limits = limits or Limits(device)
    for group in batches(rows, limits.tokens):
        longest = len(rows[group[0]][0])
        inputs = np.zeros((len(group), longest), dtype=np.int64)
        targets = np.full((len(group), longest), IGNORED, dtype=np.int64)
        for place, index in enumerate(group):
            inputs[place, :len(rows[index][0])] = rows[index][0]
            targets[place, :len(rows[index][1])] = rows[index][1]
        nats = group_nats(model, torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device), autocast,
                          limits.rows)
        ends = np.cumsum((targets != IGNORED).sum(axis=1))
        for index, part in zip(group, np.split(nats, ends[:-1])):
            yield index, part


def group_nats(model, inputs, targets, autocast, rows_max, positions=None, mask=None):
    """Nats of all scored targets, row by row. Logits are made only where a target is scored, a bounded number at a time."""
    with autocast() if autocast else torch.no_grad():
        scored = targets != IGNORED
        features, wanted = model.features(inputs, positions, mask)[scored], targets[scored][:, None]
        pieces = []
        for piece in (slice(first, first + rows_max) for first in range(0, len(wanted), rows_max)):
            logits = model.output(features[piece]).float()
            top = logits.amax(dim=1, keepdim=True)
            at_target = logits.gather(1, wanted[piece]) - top
            pieces.append((logits.sub_(top).exp_().sum(dim=1, keepdim=True).log_() - at_target)[:, 0])
    return torch.cat(pieces).double().cpu().numpy() if pieces else np.zeros(0)


def document_nats(model, documents, eot, window, stride, **options):
    """Sum of nats of each document (arrays of token ids), float64. An empty document has 0."""
    rows, owners = [], []
    for number, ids in enumerate(documents):
        ids = np.concatenate(([eot], np.asarray(ids, dtype=np.int64)))
        for start, end, scored in windows(len(ids) - 1, window, stride):
            targets = ids[start + 1:end + 1].copy()
            targets[:scored - start] = IGNORED
            rows.append((ids[start:end], targets))
            owners.append(number)
    sums = np.zeros(len(rows))
    for index, nats in token_nats(model, rows, **options):
        sums[index] = nats.sum()
    return np.bincount(owners, weights=sums, minlength=len(documents)) if rows else np.zeros(len(documents))


def packed_item(context, options, eot, window):
    """One row that holds a context and all its options: (inputs, targets, positions, part of each place).

    The context stands after EOT and loses tokens on the left when it does not fit the window with the longest option. Each
    option's first token is predicted at the context's last place, so that place is repeated as the head of every option.
    Part 0 is the context, part k the k-th option; a place may attend to part 0 and to earlier places of its own part.
    """
    longest = max(len(option) for option in options)
    if longest == 0 or longest > window:
        raise ValueError("an option of %d tokens does not fit a window of %d" % (longest, window))
    room = window - longest
    head = np.concatenate(([eot], np.asarray(context, dtype=np.int64)[max(0, len(context) - room):]))
    inputs, targets, positions, parts = [head[:-1]], [np.full(len(head) - 1, IGNORED)], [np.arange(len(head) - 1)], []
    parts.append(np.zeros(len(head) - 1, dtype=np.int64))
    for number, option in enumerate(options):
        option = np.asarray(option, dtype=np.int64)
        inputs.append(np.concatenate((head[-1:], option[:-1])))
        targets.append(option)
        positions.append(len(head) - 1 + np.arange(len(option)))
        parts.append(np.full(len(option), number + 1, dtype=np.int64))
    return tuple(np.concatenate(column) for column in (inputs, targets, positions, parts))


@torch.inference_mode()
def item_nats(model, items, eot, window, device="cpu", limits=None, autocast=None):
    """Nats of every option given its context, a list of arrays, for items of (context ids, [option ids, ...])."""
    rows = [packed_item(context, options, eot, window) for context, options in items]
    limits = limits or Limits(device)
    results = [None] * len(rows)
    for group in batches(rows, limits.tokens):
        longest = len(rows[group[0]][0])
        columns = [torch.from_numpy(np.stack([np.pad(rows[index][column], (0, longest - len(rows[index][0])),
                                                     constant_values=fill) for index in group])).to(device)
                   for column, fill in ((0, 0), (1, IGNORED), (2, 0), (3, -1))]
        inputs, targets, positions, parts = columns
        nats = group_nats(model, inputs, targets, autocast, limits.rows, positions, tree_mask(parts))
        owners = parts[targets != IGNORED].cpu().numpy()
        counts = (targets != IGNORED).sum(dim=1).cpu().numpy()
        ends = np.cumsum(counts)
        for index, end, count in zip(group, ends, counts):
            piece = slice(end - count, end)
            results[index] = np.bincount(owners[piece] - 1, weights=nats[piece], minlength=len(items[index][1]))
    return results


def tree_mask(parts):
    """(B, T) parts -> (B, 1, T, T) to add to attention scores: 0 where place i may see place j, else -inf. Padding (part -1)
    sees itself only, so that its row of the softmax is defined."""
    length = parts.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=parts.device).tril_()
    seen = ((parts[:, None, :] == 0) & (parts[:, :, None] >= 0)) | (parts[:, None, :] == parts[:, :, None])
    mask = torch.zeros(parts.shape[0], length, length, device=parts.device)
    return mask.masked_fill_(~(seen & earlier), -math.inf)[:, None]


def bits_per_byte(nats, bytes_count):
    """Pooled: all nats over all UTF-8 bytes."""
    return float(np.sum(nats)) / (math.log(2) * float(np.sum(bytes_count)))
