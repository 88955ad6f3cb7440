# SPDX-License-Identifier: Apache-2.0
"""Appends "ATTEMPT FROM COUNT" to a file until FILE.go is there; goes on from its checkpoint."""
import json
import os
import signal
import sys
import threading

with open(sys.argv[1], encoding="utf-8") as file:
    task = json.load(file)
place = task["parameters"]["place"]
told = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: told.set())
begin = 0
if os.path.exists("checkpoint/count"):
    with open("checkpoint/count", encoding="utf-8") as file:
        begin = int(file.read())
count = begin
while not os.path.exists(place + ".go"):
    with open(place, "a", encoding="utf-8") as file:
        file.write("%d %d %d\n" % (task["volatile"]["attempt"], begin, count))
    if told.wait(0.05):
        with open("checkpoint/count.tmp", "w", encoding="utf-8") as file:
            file.write(str(count))
        os.rename("checkpoint/count.tmp", "checkpoint/count")
        sys.exit(75)
    count += 1
os.makedirs("out/out")
