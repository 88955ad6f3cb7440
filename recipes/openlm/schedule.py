# SPDX-License-Identifier: Apache-2.0
"""Learning rate of a step: linear warm-up (step + 1) / warmup, then a cosine from the peak down to a final value, as OpenLM."""
import math


def learning_rate(step, steps, peak, final, warmup):
    """Rate used by optimiser step `step` (from 0) of `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * share))


def marks(steps, count):
    """The steps after which something is done `count` times over the training, the last step always among them."""
    return sorted({max(1, round(steps * number / count)) for number in range(1, count + 1)})
