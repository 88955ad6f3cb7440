# SPDX-License-Identifier: Apache-2.0
"""Trains a small language model on a view: the program `train` (recipes/programs/train.yaml holds its parameters).

Reads `data` (a view with tokens), `order` and `dev` (held-out tokens); writes `model`. It stops at the token budget, repeats the
data in newly permuted epochs up to max_epochs, and measures bits per byte on `dev` at ten points; the test part is never read.
SIGTERM saves the state and exits 75; the next attempt goes on and ends with the very same weights.
"""
import contextlib
import time

import numpy as np
import torch

import checkpoint
import data
import loss as losses
import model as models
import schedule
import score
from task import TaskError, run

DEV_POINTS = 10


class Training:
    """One run: what is fixed by the task, and the counters that a checkpoint carries."""

    def __init__(self, task):
        self.task, self.set = task, task.parameters
        torch.set_num_threads(task.threads)
        torch.set_flush_denormal(True)
        self.device = "cuda" if task.devices and torch.cuda.is_available() else "cpu"
        self.stream = data.Stream(task.input("data"), task.input("order"), self.set["seq"], self.set["data_seed"])
        if self.set["batch"] % self.set["accumulate"]:
            raise TaskError("batch %d does not split into %d micro-batches" % (self.set["batch"], self.set["accumulate"]))
        self.step_tokens = self.set["batch"] * self.set["seq"]
        self.steps = max(1, self.set["tokens"] // self.step_tokens)
        self.check_budget()
        config = models.Config(self.stream.vocab, self.set["dim"], self.set["layers"], self.set["heads"], self.set["seq"],
                               self.set["multiple_of"], self.set["qk_norm"])
        try:
            self.model = models.init_weights(models.Decoder(config), self.set["init_seed"]).to(self.device)
        except ValueError as error:
            raise TaskError(str(error)) from None
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.set["lr"], eps=self.set["eps"],
                                           betas=(self.set["beta1"], self.set["beta2"]),
                                           weight_decay=self.set["weight_decay"])
        self.dev = DevSet(task.input("dev"), self.stream, self.set)
        self.step, self.loss_steps = 0, 0
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)

    def check_budget(self):
        available, budget = int(self.stream.starts[-1]), self.steps * self.step_tokens
        if budget > self.set["max_epochs"] * available:
            raise TaskError("the budget of %d tokens needs more than %d epochs of the %d tokens in this view"
                            % (budget, self.set["max_epochs"], available))

    def autocast(self):
        if self.set["precision"] == "bfloat16":
            return torch.autocast(self.device, dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def resume(self):
        counters = checkpoint.load_state(self.task.checkpoint, self.model, self.optimizer)
        if counters is not None:
            self.step, self.loss_steps = counters["step"], counters["loss_steps"]
            self.loss_sum.fill_(float.fromhex(counters["loss_sum"]))
            print("resuming after step %d of %d" % (self.step, self.steps), flush=True)

    def save(self):
        counters = {"loss_sum": float(self.loss_sum).hex(), "loss_steps": self.loss_steps}
        checkpoint.save_state(self.task.checkpoint, self.step, self.model, self.optimizer, counters,
                              self.task.metrics_offset())

    def optimise(self):
        """One optimiser step over `batch` sequences, in `accumulate` parts."""
        rate = schedule.learning_rate(self.step, self.steps, self.set["lr"], self.set["lr_final"], self.set["warmup"])
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        parts = self.set["accumulate"]
        ids = torch.from_numpy(self.stream.batch(self.step * self.set["batch"], self.set["batch"])).to(self.device)
        for part in ids.chunk(parts):
            with self.autocast():
                logits = self.model(part[:, :-1])
            logits = logits.float().reshape(-1, logits.shape[-1])
            total, nats = losses.CrossEntropyZ.apply(logits, part[:, 1:].reshape(-1), self.set["z_loss"])
            (total / parts).backward()
            self.loss_sum += nats.double() / parts
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.set["clip"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.loss_steps += 1
        return rate

    def log(self, rate, seconds):
        tokens = self.loss_steps * self.step_tokens
        value = self.finite("loss", float(self.loss_sum) / self.loss_steps)
        self.task.metric("loss", value, self.step)
        self.task.metric("lr", rate, self.step)
        self.task.metric("tokens_per_s", tokens / max(seconds, 1e-9), self.step)
        self.task.progress(self.step * self.step_tokens, self.steps * self.step_tokens, "tokens")
        self.loss_sum.zero_()
        self.loss_steps = 0

    def finite(self, name, value):
        if not np.isfinite(value):
            raise TaskError("%s is %s at step %d: lower the learning rate (lr is %g) or lengthen the warm-up"
                            % (name, value, self.step, self.set["lr"]))
        return value

    def measure_dev(self):
        value = self.finite("bpb_dev", self.dev.bits_per_byte(self.model, self.device, self.autocast))
        self.task.metric("bpb_dev", value, self.step)
        print("step %d of %d: bpb_dev %.4f" % (self.step, self.steps, value), flush=True)

    def report(self):
        """What was trained, on how much."""
        total, no_embed = self.model.params_count()
        seen = self.steps * self.step_tokens
        config = self.model.config
        for name, value in (("params", total), ("params_no_embed", no_embed), ("tokens_seen", seen),
                            ("flops_6nd", 6.0 * no_embed * seen),
                            ("flops", float(models.matmul_flops(config, self.set["batch"], config.seq)) * self.steps)):
            self.task.metric(name, value, self.steps)
        available = self.stream.tokens_available()
        component_seen = self.stream.targets_seen(self.steps * self.set["batch"])
        self.task.metric("tokens_available", sum(available), self.steps)
        self.task.metric("epochs", seen / sum(available), self.steps)
        for name, count, tokens in zip(self.stream.components, available, component_seen):
            self.task.metric("tokens_available", count, self.steps, name)
            self.task.metric("tokens_seen", tokens, self.steps, name)
            if count:
                self.task.metric("epochs", tokens / count, self.steps, name)
        checkpoint.save_model(self.task.output("model"), self.model, self.stream.view["tokenizer"])


class DevSet:
    """The held-out documents that training may look at: those of smallest digest, until dev_tokens are reached."""

    def __init__(self, folder, stream, settings):
        tokens = data.Tokens(folder)
        if tokens.vocab != stream.vocab or tokens.about["tokenizer"] != stream.view["tokenizer"]["digest"]:
            raise TaskError("dev was encoded with another tokenizer than the training view")
        digests = data.map_array(folder + "/digests.npy", ["|u1"])
        ranked = sorted(range(len(tokens)), key=lambda row: bytes(digests[row]))
        rows, total = [], 0
        for row in ranked:
            if total >= settings["dev_tokens"]:
                break
            rows.append(row)
            total += len(tokens.row(row))
        if total == 0:
            raise TaskError("dev holds no tokens")
        self.documents, self.bytes = [tokens.row(row) for row in rows], tokens.bytes()[rows]
        self.eot, self.window = tokens.eot, settings["seq"]

    def bits_per_byte(self, model, device, autocast):
        nats = score.document_nats(model, self.documents, self.eot, self.window, self.window, device=device,
                                   autocast=autocast)
        return score.bits_per_byte(nats, self.bytes)


def main(task):
    task.catch_stop()
    training = Training(task)
    training.resume()
    task.metric("environment", 1, training.step, "torch=%s device=%s precision=%s threads=%d" % (
        torch.__version__, training.device, training.set["precision"], torch.get_num_threads()))
    dev_steps = schedule.marks(training.steps, DEV_POINTS)
    saved = logged = time.monotonic()
    while training.step < training.steps:
        rate = training.optimise()
        if training.step % training.set["log_every"] == 0 or training.step == training.steps:
            now = time.monotonic()
            training.log(rate, now - logged)
            logged = now
        if training.step in dev_steps:
            training.measure_dev()
        if training.step == training.steps:
            break
        if task.stopping or time.monotonic() - saved >= training.set["checkpoint_s"]:
            training.save()
            saved = time.monotonic()
        if task.stopping:
            print("stopped after step %d of %d, state saved" % (training.step, training.steps), flush=True)
            task.leave_for_now()
    training.report()


if __name__ == "__main__":
    run(main)
