# SPDX-License-Identifier: Apache-2.0
"""Replays a database's events (docs/formats.md section 6) and compares what they give with its rows."""


class Failed(Exception):
    """The test's verdict."""


DONE, FAILED, CANCELLED, SKIPPED, HELD, WAITING = 5, 6, 7, 8, 1, 0
ATTEMPT_DONE, ATTEMPT_LOST, ATTEMPT_RUNNING = 1, 5, 0
FINISHED = 2
TASK_KINDS = {
    "task-done": DONE, "task-cached": DONE, "task-failed": FAILED, "task-cancelled": CANCELLED, "task-skipped": SKIPPED,
    "task-held": HELD, "task-released": WAITING, "task-retried": WAITING, "task-remade": WAITING,
}


class Replay:
    """State by id: tasks (state, attempt when done), attempts (outcome, accepted), grids (state, verdict)."""

    def __init__(self):
        self.tasks, self.attempts, self.grids, self.epochs = {}, {}, {}, []

    def take(self, grid, kind, task, attempt, value):
        if kind in TASK_KINDS:
            self.set_task(task, TASK_KINDS[kind], attempt)
            if kind == "task-done":
                self.attempts[attempt] = (ATTEMPT_DONE, True)
        elif kind == "task-state":
            self.set_task(task, value, attempt)
        elif kind in ("attempt-started", "attempt-returned"):
            self.attempts[attempt] = (ATTEMPT_RUNNING, False)
        elif kind in ("attempt-ended", "attempt-state"):
            self.attempts[attempt] = (value, False)
        elif kind == "attempt-accepted":
            self.attempts[attempt] = (value, True)
        elif kind == "attempt-lost":
            self.attempts[attempt] = (ATTEMPT_LOST, False)
        elif kind in ("grid-submitted", "grid-revived"):
            self.grids[grid] = (0, 0)
        elif kind == "grid-state":
            self.grids[grid] = (value, 0)
        elif kind == "grid-finished":
            self.grids[grid] = (FINISHED, value)
        elif kind == "leading":
            self.epochs.append(value)

    def set_task(self, task, state, attempt):
        self.tasks[task] = (state, attempt if state == DONE else None)


def number(text):
    return int(text) if text else None


def replay(query):
    """`query(sql)` gives lines with columns between bars."""
    state = Replay()
    for line in query("SELECT grid_id, kind, task_id, attempt_id, value FROM events ORDER BY seq, position"):
        grid, kind, task, attempt, value = line.split("|")
        state.take(int(grid), kind, number(task), number(attempt), int(value))
    return state


def compare(what, replayed, rows):
    for key, row in rows.items():
        if replayed.get(key) != row:
            raise Failed("%s %d: its row says %s, its events %s" % (what, key, row, replayed.get(key)))


def check(query):
    """Raises when a row is not what the events give; returns how many rows and events there are."""
    state = replay(query)
    compare("task", state.tasks, {
        int(task): (int(at), int(attempt) if int(at) == DONE else None)
        for task, at, attempt in (line.split("|") for line in query("SELECT task_id, state, attempt_id FROM task"))})
    compare("attempt", state.attempts, {
        int(attempt): (int(outcome), accepted == "t")
        for attempt, outcome, accepted in (line.split("|") for line in query("SELECT attempt_id, outcome, accepted FROM attempt"))})
    compare("grid", state.grids, {
        int(grid): (int(at), int(verdict) if int(at) == FINISHED else 0)
        for grid, at, verdict in (line.split("|") for line in query("SELECT grid_id, state, verdict FROM grid"))})
    if state.epochs != sorted(set(state.epochs)):
        raise Failed("epochs do not rise: %s" % state.epochs)
    events = int(query("SELECT count(*) FROM events")[0])
    return len(state.tasks) + len(state.attempts) + len(state.grids), events
