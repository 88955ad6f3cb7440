# SPDX-License-Identifier: Apache-2.0
"""The sum of the numbers that are read, and one more."""
import json
import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    task = json.load(file)
total = task["parameters"]["add"] + task["parameters"]["seed"]
for path in task["inputs"].get("parts", {}).get("paths", []):
    with open(os.path.join(path, "number"), encoding="utf-8") as file:
        total += int(file.read())
os.makedirs("out/out")
with open("out/out/number", "w", encoding="utf-8") as file:
    file.write("%d\n" % total)
with open("metrics.jsonl", "a", encoding="utf-8") as file:
    file.write(json.dumps({"name": "number", "value": total}) + "\n")
