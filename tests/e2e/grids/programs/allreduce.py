# SPDX-License-Identifier: Apache-2.0
"""A torchrun-style program: it knows of its peers what the environment says, and no more."""
import json
import os
import sys
import threading
import time

import torch
import torch.distributed as dist

with open(sys.argv[1], encoding="utf-8") as file:
    task = json.load(file)
gang = task["volatile"]["gang"]
parameters = task["parameters"]
print("rank %s of %s begins at %.6f" % (os.environ["RANK"], os.environ["WORLD_SIZE"], time.time()), flush=True)
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
assert (rank, world, os.environ["LOCAL_RANK"]) == (gang["rank"], gang["world_size"], str(gang["local_rank"]))
assert len(gang["nodes"]) == world and gang["nodes"][0] == gang["host"] == os.environ["MASTER_ADDR"]
total = 0
for step in range(parameters["rounds"]):
    number = torch.tensor([float((rank + 1) * (step + 1) + parameters["seed"])])
    dist.all_reduce(number)
    total += int(number.item())
    if rank == 0:
        with open("metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"name": "sum", "step": step, "value": total}) + "\n")
    threading.Event().wait(parameters["pause_ms"] / 1000)
if rank == 0:
    os.makedirs("out/sum", exist_ok=True)
    with open("out/sum/sum.json", "w", encoding="utf-8") as file:
        json.dump({"sum": total, "world": world}, file)
print("rank %d is done" % rank, flush=True)
