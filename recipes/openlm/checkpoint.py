# SPDX-License-Identifier: Apache-2.0
"""Models on disk, and the state from which training goes on exactly.

A model (artifact kind `checkpoint`) is a folder: `config.json` (shape, vocabulary, tokenizer digest) and `model.safetensors`.

A training state is a folder `step-00000123` in the attempt's checkpoint/, written under another name, synced and renamed, so
that only whole ones are seen: weights and both AdamW moments in `state.safetensors`, counters in `state.json`, and
`metrics.offset`, the length of metrics.jsonl that belongs to it. Older ones are deleted afterwards.
"""
import dataclasses
import json
import os
import re
import shutil

import torch

import model as model_module
import tensors
from task import TaskError

STATE_NAME = re.compile(r"step-(\d+)$")
MOMENTS = ("exp_avg", "exp_avg_sq")


def save_model(folder, model, tokenizer):
    tensors.save(os.path.join(folder, "model.safetensors"), dict(model.state_dict()))
    config = {"assay_checkpoint": 1, "architecture": "openlm", "model": dataclasses.asdict(model.config),
              "tokenizer": tokenizer}
    write_json(os.path.join(folder, "config.json"), config)


def load_model(folder, seq=0):
    """(model, config document). `seq` is the longest sequence that the caller needs, if more than it was trained with."""
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            document = json.load(file)
        if document.get("assay_checkpoint") != 1 or document.get("architecture") != "openlm":
            raise ValueError("not an openlm checkpoint of version 1")
        config = model_module.Config(**document["model"])
        model = model_module.Decoder(dataclasses.replace(config, seq=max(seq, config.seq)))
        model.load_state_dict(tensors.load(os.path.join(folder, "model.safetensors")))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise TaskError("cannot read the model in %s: %s" % (folder, error)) from None
    return model, document


def save_state(folder, step, model, optimizer, counters, metrics_offset):
    """Publishes the state after `step` steps and removes earlier ones."""
    final = os.path.join(folder, "step-%08d" % step)
    scratch = final + ".tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    state = {"rng": torch.get_rng_state()}
    for name, parameter in model.named_parameters():
        state["model." + name] = parameter
        for moment in MOMENTS:
            state["%s.%s" % (moment, name)] = optimizer.state[parameter][moment]
    tensors.save(os.path.join(scratch, "state.safetensors"), state)
    write_json(os.path.join(scratch, "state.json"), dict(counters, step=step))
    write_text(os.path.join(scratch, "metrics.offset"), "%d\n" % metrics_offset)
    sync_folder(scratch)
    shutil.rmtree(final, ignore_errors=True)
    os.rename(scratch, final)
    sync_folder(folder)
    for name in os.listdir(folder):
        if STATE_NAME.match(name) and name != os.path.basename(final):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def load_state(folder, model, optimizer):
    """Puts the newest state into model and optimizer and returns its counters; None when there is no state."""
    names = sorted(name for name in (os.listdir(folder) if os.path.isdir(folder) else []) if STATE_NAME.match(name))
    if not names:
        return None
    folder = os.path.join(folder, names[-1])
    with open(os.path.join(folder, "state.json"), encoding="utf-8") as file:
        counters = json.load(file)
    state = tensors.load(os.path.join(folder, "state.safetensors"))
    torch.set_rng_state(state["rng"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(state["model." + name])
            optimizer.state[parameter] = {moment: state["%s.%s" % (moment, name)].to(parameter.device) for moment in MOMENTS}
            optimizer.state[parameter]["step"] = torch.tensor(float(counters["step"]))
    return counters


def write_json(path, document):
    write_text(path, json.dumps(document, indent=1, sort_keys=True) + "\n")


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
