#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check-budgets adds up a suite's tests, names the slowest, and knows every label that the tests carry: budgets_test.py BUILD_DIR"""
import importlib.machinery
import importlib.util
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = sys.argv.pop(1)
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("check_budgets", str(ROOT / "tools/check-budgets"))
budgets = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_budgets", loader))
loader.exec_module(budgets)


class Budgets(unittest.TestCase):
    labels = {"a": "store", "b": "store", "c": "unit"}

    def test_within(self):
        self.assertEqual(budgets.over_budget(self.labels, {"a": 60, "b": 60, "c": 1}, 1), [])

    def test_over(self):
        lines = budgets.over_budget(self.labels, {"a": 50, "b": 71, "c": 1}, 1)
        self.assertEqual(lines, ["suite store took 60 s of 60 on 2 cores; slowest: b 71 s, a 50 s"])

    def test_a_slow_machine_says_so(self):
        self.assertEqual(budgets.over_budget(self.labels, {"a": 50, "b": 71}, 2), [])

    def test_skipped_tests_take_no_time(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write('<testsuite><testcase name="a" time="3"/><testcase name="b" time="9"><skipped/></testcase></testsuite>')
            file.flush()
            self.assertEqual(budgets.times_of(file.name), {"a": 3})

    def test_every_budget_has_its_tests(self):
        self.assertLessEqual(set(budgets.BUDGETS) - {"cli"}, set(budgets.labels_of(BUILD).values()))


unittest.main()
