# SPDX-License-Identifier: Apache-2.0
"""Runs one test file: run.py test_x.py. Ends with 77 (skipped) where PyTorch or NumPy is missing."""
import importlib.util
import os
import sys
import unittest

missing = [name for name in ("numpy", "torch") if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: %s has no %s; set ASSAY_PYTHON or apt install python3-torch libopenblas0-pthread"
          % (sys.executable, " and ".join(missing)))
    sys.exit(77)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
unittest.main(module=os.path.splitext(os.path.basename(sys.argv[1]))[0], argv=sys.argv[:1])
