# SPDX-License-Identifier: Apache-2.0
"""The stage contract, seen from a Python program (docs/stage-contract.md): task.json, metrics.jsonl, exit statuses.

    task = Task.load(sys.argv)
    task.parameters["lr"], task.input("data"), task.output("model")
    task.metric("loss", 3.2, step=100)
    task.progress(done, total, "tokens")
    if task.stopping: ... save a checkpoint ...; task.leave_for_now()

A TaskError is a fault that a person can do something about: `run` prints it in one line and exits 1.
"""
import json
import math
import os
import signal
import sys

EXIT_AGAIN = 75


class TaskError(Exception):
    """Input or parameters that the program cannot work with."""


class Task:
    def __init__(self, document, folder="."):
        if document.get("assay_task") != 1:
            raise TaskError("task.json has version %r, this program reads 1" % document.get("assay_task"))
        self.folder = folder
        self.parameters = document.get("parameters", {})
        self.volatile = document.get("volatile", {})
        self._inputs = document.get("inputs", {})
        self._outputs = document.get("outputs", {})
        self._metrics = os.open(self._path(self.volatile.get("metrics", "metrics.jsonl")),
                                os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.stopping = False

    @classmethod
    def load(cls, arguments):
        path = arguments[1] if len(arguments) == 2 else "task.json"
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file), os.path.dirname(os.path.abspath(path)))

    def _path(self, path):
        return os.path.join(self.folder, path)

    @property
    def threads(self):
        return max(1, int(self.volatile.get("threads", 1)))

    @property
    def devices(self):
        return self.volatile.get("devices", [])

    @property
    def checkpoint(self):
        return self._path(self.volatile.get("checkpoint", "checkpoint"))

    def has_input(self, name):
        return name in self._inputs

    def input(self, name):
        """Folder of an input."""
        if name not in self._inputs:
            raise TaskError("input '%s' is missing" % name)
        return self._path(self._inputs[name]["path"])

    def output(self, name):
        """Folder of an output, made if need be."""
        path = self._path(self._outputs[name]["path"] if name in self._outputs else os.path.join("out", name))
        os.makedirs(path, exist_ok=True)
        return path

    def _append(self, fields):
        os.write(self._metrics, (json.dumps(fields) + "\n").encode())

    def metric(self, name, value, step=0, tag=""):
        """Appends one line at once. A value that is not finite cannot be compared, so it ends the task."""
        if not math.isfinite(value):
            raise TaskError("%s is %s at step %d" % (name, value, step))
        fields = {"name": name, "step": step, "value": value}
        self._append(dict(fields, tag=tag) if tag else fields)

    def progress(self, done, total, unit):
        self._append({"progress": done / total if total else 1.0, "done": done, "total": total, "unit": unit})

    def metrics_offset(self):
        """Bytes of metrics so far: a checkpoint carries it, so that a resumed attempt continues the curve."""
        return os.fstat(self._metrics).st_size

    def catch_stop(self):
        """From now on SIGTERM only sets `stopping`."""
        def stop(_signal, _frame):
            self.stopping = True
        signal.signal(signal.SIGTERM, stop)

    def leave_for_now(self):
        """Ends the attempt as "try again", which does not count against the task."""
        sys.exit(EXIT_AGAIN)


def run(main):
    """Runs main(task) and turns TaskError into one line on stderr and exit status 1."""
    try:
        main(Task.load(sys.argv))
    except TaskError as error:
        sys.exit("error: %s" % error)
