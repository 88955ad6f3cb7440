# SPDX-License-Identifier: Apache-2.0
"""Training as the worker runs it: what it reports, that a stopped one ends with the same weights, and how it fails."""
import json
import os
import shutil
import signal
import tempfile
import time
import unittest

import artifacts
from artifacts import TRAIN, Attempt
from task import TaskError
from test_data import EOT, VOCAB, random_documents

GROUPS = [(0, random_documents(1, 60, 30)), (1, random_documents(2, 20, 30))]


def read(folder, name="out/model/model.safetensors"):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


class TrainTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        artifacts.write_view(self.path("view"), GROUPS, VOCAB, EOT)
        artifacts.write_order(self.path("order"), GROUPS, TRAIN["data_seed"])
        artifacts.write_tokens(self.path("dev"), random_documents(9, 12, 40), VOCAB, EOT)

    def path(self, name):
        return os.path.join(self.folder, name)

    def attempt(self, name, **changes):
        inputs = {"data": self.path("view"), "order": self.path("order"), "dev": self.path("dev")}
        return Attempt(self.path(name), "train", dict(TRAIN, **changes), inputs, ["model"])

    def test_it_reports_what_it_did(self):
        attempt = self.attempt("a", accumulate=2)
        attempt.call()
        metrics = attempt.metrics()
        steps = 1280 // (4 * 16)
        self.assertEqual([step for name, step, _, _ in metrics if name == "bpb_dev"], list(range(2, 21, 2)))
        losses = [value for name, _, value, _ in metrics if name == "loss"]
        self.assertEqual(len(losses), steps // TRAIN["log_every"])
        self.assertLess(losses[-1], losses[0])
        last = {(name, tag): value for name, _, value, tag in metrics}
        self.assertEqual(last["tokens_seen", ""], 1280)
        self.assertEqual(last["tokens_seen", "c0"] + last["tokens_seen", "c1"], 1280)
        available = [sum(len(document) + 1 for document in documents) for _, documents in GROUPS]
        self.assertEqual([last["tokens_available", "c0"], last["tokens_available", "c1"]], available)
        self.assertAlmostEqual(last["epochs", ""], 1280 / sum(available))
        self.assertAlmostEqual(last["epochs", "c1"], last["tokens_seen", "c1"] / available[1])
        self.assertEqual(last["flops_6nd", ""], 6 * last["params_no_embed", ""] * 1280)
        with open(os.path.join(attempt.folder, "out/model/config.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["model"]["dim"], 16)

    def test_micro_batches_change_little_and_runs_repeat(self):
        attempts = [self.attempt("a"), self.attempt("b"), self.attempt("c", accumulate=2)]
        for attempt in attempts:
            attempt.call()
        self.assertEqual(read(attempts[0].folder), read(attempts[1].folder))
        final = [[value for name, _, value, _ in attempt.metrics() if name == "loss"][-1] for attempt in attempts]
        self.assertEqual(final[0], final[1])
        self.assertAlmostEqual(final[0], final[2], places=3)

    def test_a_stopped_run_ends_with_the_same_weights(self):
        budget = dict(tokens=64 * 400, log_every=7, max_epochs=40)
        whole = self.attempt("whole", **budget)
        whole.call()
        stopped = self.attempt("stopped", **budget)
        stops = 0
        for _ in range(4):
            with stopped.start() as process:
                wait_for_line(os.path.join(stopped.folder, "metrics.jsonl"), process)
                process.send_signal(signal.SIGTERM)
                log, _ = process.communicate(timeout=60)
                status = process.returncode
            self.assertIn(status, (0, 75), log)
            if status == 0:
                break
            stops += 1
            (state,) = os.listdir(os.path.join(stopped.folder, "checkpoint"))
            self.assertRegex(state, r"^step-\d+$")
            # The worker starts the next attempt with the metrics that belong to the state.
            offset = int(read(stopped.folder, "checkpoint/%s/metrics.offset" % state))
            os.truncate(os.path.join(stopped.folder, "metrics.jsonl"), offset)
        else:
            self.assertEqual(stopped.run()[0], 0)
        self.assertGreater(stops, 0)
        self.assertEqual(read(stopped.folder), read(whole.folder))
        curves = [[metric for metric in attempt.metrics() if metric[0] in ("loss", "lr", "bpb_dev", "epochs")]
                  for attempt in (whole, stopped)]
        self.assertEqual(curves[0], curves[1])

    def test_a_half_written_state_is_not_read(self):
        attempt = self.attempt("a")
        os.makedirs(os.path.join(attempt.folder, "checkpoint/step-00000005.tmp"))
        self.assertNotIn("resuming", attempt.call())

    def test_failures_say_what_to_do(self):
        for changes, message in (
                ({"tokens": 10 ** 6}, "needs more than 4 epochs"),
                ({"batch": 3, "accumulate": 2}, "does not split"),
                ({"heads": 5}, "does not split into 5 heads"),
                ({"lr": 1e30, "lr_final": 1e30, "clip": 1e30}, "lower the learning rate")):
            with self.assertRaisesRegex(TaskError, message):
                self.attempt("f", **changes).call()

    def test_a_failure_is_one_line_and_exit_status_1(self):
        artifacts.write_tokens(self.path("dev"), [[1, 2, 3]], VOCAB, EOT, tokenizer="u" * 64)
        status, log = self.attempt("a").run()
        self.assertEqual(status, 1)
        self.assertRegex(log, r"^error: dev was encoded with another tokenizer[^\n]*\n$")


def wait_for_line(path, process):
    """Until the attempt has written another loss (or ended): so that the stop falls into training, not into start-up."""
    seen = os.path.getsize(path) if os.path.exists(path) else 0
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                file.seek(seen)
                if '"loss"' in file.read():
                    return
        signal.sigtimedwait([], 0.005)


if __name__ == "__main__":
    unittest.main()
