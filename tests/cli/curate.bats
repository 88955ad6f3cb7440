#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# assay-curate as people and workers call it. ASSAY_BIN is the folder of the programs.

setup() {
    curate="${ASSAY_BIN:?}/assay-curate"
    cd "$BATS_TEST_TMPDIR" || return 1
    python3 - <<'EOT'
import json

def write(path, texts):
    with open(path, "w", encoding="utf-8") as file:
        for row, text in enumerate(texts):
            file.write(json.dumps({"text": text, "url": f"{path}/{row}"}) + "\n")

long = "This is a line of prose that goes on and on, and it ends like a sentence should do."
write("a.jsonl", ["short", f"first\n{long}", f"second\n{long}", f"first\n{long}"])
write("b.jsonl", [f"third\nTiếng Việt\n{long}", "x " * 50])
EOT
    cat >p.yaml <<'EOT'
- page-length: {length_type: word, min: 3}
- exact-dedup
- line-dedup
- random: {keep: 0.67}
EOT
}

@test "says what it can do" {
    run "$curate" --help
    [ "$status" -eq 0 ]
    for word in run inspect export steps index task manifest; do
        [[ "$output" == *"$word"* ]]
        "$curate" "$word" --help | grep -q "usage: assay-curate $word"
    done
    run "$curate"
    [ "$status" -eq 2 ]
    run "$curate" --version
    [[ "$output" == "assay-curate "* ]]
}

@test "wrong use has status 2 and says what to do" {
    run "$curate" stepz
    [ "$status" -eq 2 ]
    [[ "$output" == *"did you mean steps"* ]]
    run "$curate" run p.yaml a.jsonl
    [ "$status" -eq 2 ]
    [[ "$output" == *"--output"* ]]
    run "$curate" run p.yaml a.jsonl -o out --outputs x
    [ "$status" -eq 2 ]
    run "$curate" run
    [ "$status" -eq 2 ]
}

@test "steps and manifest tell of every step" {
    run "$curate" steps
    [ "$status" -eq 0 ]
    [[ "$output" == *"line-dedup"* ]]
    [[ "$output" != *"document "*"bytes and characters"* ]]
    run "$curate" steps gopher-quality
    [[ "$output" == *"min_words"* ]]
    run "$curate" steps gopher-qualty
    [ "$status" -eq 1 ]
    [[ "$output" == *"did you mean gopher-quality"* ]]
    "$curate" manifest | python3 -c 'import json, sys; assert json.load(sys.stdin)["assay_steps"] == 1'
}

@test "run writes what stays and prints the funnel" {
    run "$curate" run p.yaml a.jsonl b.jsonl -o out --group-bytes 1
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == step* ]]
    # Six documents, one is short, one a copy, and of the four left two thirds stay.
    [[ "${lines[1]}" =~ pool\ +6\ +6\ +0 ]]
    [[ "${lines[2]}" =~ page-length\ +6\ +5\ +1 ]]
    [[ "${lines[3]}" =~ exact-dedup\ +5\ +4\ +1 ]]
    [[ "${lines[5]}" =~ random\ +4\ +3\ +1 ]]
    [ "$(zstd -dcq out/0000.jsonl.zst out/0001.jsonl.zst | wc -l)" -eq 3 ]
    [ "$(grep -c '"step":"page-length"' out/removed.jsonl)" -eq 1 ]
    [ ! -e out/errors.jsonl ]
    [ "$(ls -A | grep -c assay-curate)" -eq 0 ]
    # The same files give the same bytes, whatever the groups.
    "$curate" run p.yaml b.jsonl a.jsonl -o all.jsonl >/dev/null
    zstd -dcq out/0000.jsonl.zst out/0001.jsonl.zst | cmp - all.jsonl
}

@test "run touches nothing that exists, and leaves nothing behind when it fails" {
    mkdir out
    run "$curate" run p.yaml a.jsonl -o out
    [ "$status" -eq 1 ]
    [[ "$output" == *"'out' exists already"* ]]
    printf 'not json\n' >bad.jsonl
    run "$curate" run p.yaml bad.jsonl -o new
    [ "$status" -eq 1 ]
    [[ "$output" == *"1 of 1 lines are no documents"* ]]
    [ ! -e new ]
    run "$curate" run p.yaml missing.jsonl -o new
    [ "$status" -eq 1 ]
    [[ "$output" == *"missing.jsonl"* ]]
    run "$curate" run p.yaml a.jsonl a.jsonl -o new
    [ "$status" -eq 1 ]
    [[ "$output" == *"twice"* ]]
    [ "$(ls -A | grep -c '^\.assay')" -eq 0 ]
}

@test "a bad pipeline is shown by line and column" {
    printf -- '- page-length\n- page-lenght\n' >bad.yaml
    run "$curate" run bad.yaml a.jsonl -o out
    [ "$status" -eq 1 ]
    [[ "$output" == *"bad.yaml:2:3: there is no step 'page-lenght'"* ]]
    [[ "$output" == *"did you mean 'page-length'"* ]]
    printf -- '- page-length: {minimum: 3}\n' >bad.yaml
    run "$curate" run bad.yaml a.jsonl -o out
    [[ "$output" == *"bad.yaml:1:"*"'minimum'"* ]]
    printf -- '- exact-dedup\n- exact-dedup\n' >bad.yaml
    run "$curate" run bad.yaml a.jsonl -o out
    [[ "$output" == *"bad.yaml:2:3: two steps have the id 'exact-dedup'"* ]]
    printf -- 'base: other\n' >bad.yaml
    run "$curate" run bad.yaml a.jsonl -o out
    [[ "$output" == *"unknown key 'base'"* ]]
}

@test "held-out text drops what contains it" {
    printf '{"text":"this is a line of prose that goes on and on, and it ends like a sentence should"}\n' >held.jsonl
    run "$curate" run p.yaml a.jsonl b.jsonl -o out --heldout held.jsonl
    [ "$status" -eq 0 ]
    [[ "${lines[2]}" =~ decontaminate\ +6\ +2\ +4 ]]
}

@test "lines that are no documents are set aside" {
    python3 -c '
for i in range(3000):
    print("{\"text\": [1]}" if i == 99 else "{\"text\": \"a b c %d\"}" % i)' >many.jsonl
    "$curate" run p.yaml many.jsonl -o out >/dev/null
    run cat out/errors.jsonl
    [[ "$output" == *'"line":100,"row":99'* ]]
}

@test "inspect shows measures and the rule" {
    run "$curate" inspect p.yaml a.jsonl b.jsonl --doc 0
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" == "document 0: removed by page-length"* ]]
    [[ "$output" == *"length"*"1"* ]]
    "$curate" inspect p.yaml a.jsonl b.jsonl --doc 3 --json |
        python3 -c 'import json, sys; assert json.load(sys.stdin)["step"] == "exact-dedup"'
    run "$curate" inspect p.yaml a.jsonl --doc 4
    [ "$status" -eq 1 ]
    [[ "$output" == *"there is no document 4, the files have 4"* ]]
}

@test "index counts documents and bytes" {
    "$curate" index a.jsonl b.jsonl >index.json
    python3 - <<'EOT'
import hashlib, json, os
shards = json.load(open("index.json"))["shards"]
assert [s["documents"] for s in shards] == [4, 2]
for shard in shards:
    data = open(shard["path"], "rb").read()
    assert shard["sha256"] == hashlib.sha256(data).hexdigest()
    assert shard["bytes"] == len(data)
    texts = [json.loads(line)["text"] for line in data.splitlines()]
    assert shard["text_bytes"] == sum(len(t.encode()) for t in texts)
EOT
    run "$curate" index missing.jsonl
    [ "$status" -eq 1 ]
}

@test "export writes a view from the pool" {
    printf -- '- page-length: {length_type: word, min: 3}\n- exact-dedup\n' >q.yaml
    "$curate" run q.yaml a.jsonl b.jsonl -o out >/dev/null
    # A view as a grid makes one: from the task that run gave to the engine.
    mkdir -p view && cp out/view.json view/
    python3 - <<'EOT'
import json, os, struct
view = json.load(open("view/view.json"))
os.makedirs("view/removed")
rows = [1, 0, 0, 2, 0, 0]
header = "{'descr': '<u2', 'fortran_order': False, 'shape': (%d,), }" % len(rows)
header += " " * (63 - (10 + len(header)) % 64) + "\n"
with open("view/removed/000-0000.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(struct.pack("<6H", *rows))
json.dump({"assay_pool_index": 1, "shards": [{"path": "a.jsonl"}, {"path": "b.jsonl"}]}, open("pool.index.json", "w"))
EOT
    run "$curate" export view --pool-index pool.index.json -o kept.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <kept.jsonl)" -eq 4 ]
    zstd -dcq out/0000.jsonl.zst | cmp - kept.jsonl
    run "$curate" export view -o other.jsonl
    [ "$status" -eq 1 ]
    [[ "$output" == *"--pool-index"* ]]
}

@test "task follows the stage contract" {
    mkdir -p job/in/documents
    ln -s "$PWD/a.jsonl" job/in/documents/000000.jsonl
    cat >job/in/documents/documents.json <<'EOT'
{"assay_documents":1,"text":"text","url":"url","id":"id","domain":null,"group":-1,"shards":[{"path":"000000.jsonl"}]}
EOT
    cat >job/task.json <<'EOT'
{"assay_task":1,"task":"bpe","program":"bpe-train","version":1,"parameters":{"vocab":270,"pattern":"gpt2","max_bytes":0},
 "inputs":{"documents":{"kind":"documents","path":"in/documents"}},
 "outputs":{"tokenizer":{"kind":"tokenizer","path":"out/tokenizer"}},"volatile":{"metrics":"metrics.jsonl"}}
EOT
    (cd job && "$curate" task task.json)
    python3 - <<'EOT'
import json
tokenizer = json.load(open("job/out/tokenizer/tokenizer.json"))
assert len(tokenizer["model"]["vocab"]) == 270 and tokenizer["model"]["vocab"]["<|endoftext|>"] == 0
lines = [json.loads(line) for line in open("job/metrics.jsonl")]
assert any(line.get("name") == "documents" and line["value"] == 4 for line in lines)
assert any("progress" in line for line in lines)
EOT
    sed -i 's/"vocab":270/"vocab":3/' job/task.json
    run "$curate" task job/task.json
    [ "$status" -eq 1 ]
    [[ "$output" == *"'vocab'"*"257"* ]]
}

@test "tasks in attempt folders chain from documents to an order" {
    cat >chain.py <<'EOT'
import json, os, subprocess, sys

def task(name, op, params, inputs, outputs):
    """An attempt's folder as a worker makes it: inputs are links to what earlier tasks published."""
    os.makedirs(f"{name}/in")
    listed = {}
    for key, paths in inputs.items():
        if isinstance(paths, list):
            os.makedirs(f"{name}/in/{key}")
            for i, path in enumerate(paths):
                os.symlink(os.path.abspath(path), f"{name}/in/{key}/{i:04}")
            listed[key] = {"kind": "x", "many": True, "paths": [f"in/{key}/{i:04}" for i in range(len(paths))]}
        else:
            os.symlink(os.path.abspath(paths), f"{name}/in/{key}")
            listed[key] = {"kind": "x", "path": f"in/{key}"}
    json.dump({"assay_task": 1, "task": name, "program": op, "version": 1, "parameters": params, "inputs": listed,
               "outputs": {key: {"kind": "x", "path": f"out/{key}"} for key in outputs},
               "volatile": {"metrics": "metrics.jsonl"}}, open(f"{name}/task.json", "w"))
    subprocess.run([sys.argv[1], "task", "task.json"], cwd=name, check=True)
    return [f"{name}/out/{key}" for key in outputs]

groups = []
for group, shard in enumerate(["a.jsonl", "b.jsonl"]):
    os.makedirs(f"pool/{group}")
    os.symlink(os.path.abspath(shard), f"pool/{group}/000000.jsonl")
    json.dump({"assay_documents": 1, "text": "text", "url": "url", "group": group,
               "shards": [{"path": "000000.jsonl", "source": shard}]}, open(f"pool/{group}/documents.json", "w"))
    groups.append(f"pool/{group}")
document, length, tokens = [], [], []
[tokenizer] = task("bpe", "bpe-train", {"vocab": 257}, {"documents": groups}, ["tokenizer"])
step = {"name": "page-length", "profile": "dclm", "version": 1, "params": {"length_type": "word", "min": 3}}
for group, folder in enumerate(groups):
    measures = [{"output": "m0", "family": "document", "profile": "", "version": 1, "params": {}},
                {"output": "m1", "family": "page-length", "profile": "dclm", "version": 1,
                 "params": {"length_type": "word"}}]
    m0, m1 = task(f"measure{group}", "curate", {"op": "measure", "group": group, "measures": measures},
                  {"text": folder}, ["m0", "m1"])
    document.append(m0)
    length.append(m1)
    tokens += task(f"tokenize{group}", "curate", {"op": "tokenize", "group": group, "params": {}},
                   {"text": folder, "tokenizer": tokenizer}, ["tokens"])
component = {"name": "main", "pool": "pool", "weight": 0, "repeat": 1, "steps": [dict(step, id="length")],
             "path": [{"kind": "text", "step": -1, "text": "c0.text", "document": "c0.document"},
                      {"kind": "cut", "step": 0, "measure": "c0.m0"}]}
[view] = task("view", "curate", {"op": "view", "components": [component]},
              {"c0.text": groups, "c0.document": document, "c0.m0": length}, ["view"])
[view] = task("token-view", "curate", {"op": "token-view"}, {"view": view, "tokens": tokens}, ["view"])
[order] = task("order", "curate", {"op": "order", "data_seed": 1}, {"view": view}, ["order"])
[decision] = task("budget", "budget", {"tokens": 10000, "max_epochs": 4}, {"view": view}, ["decision"])

kept = [json.loads(line)["text"] for shard in ["a.jsonl", "b.jsonl"] for line in open(shard)][1:]
size = sum(len(text.encode()) for text in kept)
assert json.load(open(f"{view}/view.json"))["tokens"] == size
assert json.load(open(f"{order}/order.json"))["tokens"] == size + len(kept)
assert json.load(open(f"{decision}/decision.json"))["verdict"] == "skip"
# Links lead to whole inputs below in/, by relative names.
assert os.readlink(f"{view}/tokens/000-0001") == "../../../in/tokens/0001"
lines = [json.loads(line) for line in open("token-view/metrics.jsonl")]
assert {"name": "tokens", "step": 1, "value": size, "tag": "length"} in lines
EOT
    python3 chain.py "$curate"
}

@test "a task that is told to stop says: again" {
    mkdir -p job/in/documents
    mkfifo job/in/documents/slow.jsonl
    cat >job/in/documents/documents.json <<'EOT'
{"assay_documents":1,"text":"text","group":0,"shards":[{"path":"slow.jsonl"}]}
EOT
    cat >job/task.json <<'EOT'
{"assay_task":1,"task":"m","program":"curate","version":1,
 "parameters":{"op":"measure","group":0,"measures":[{"output":"m0","family":"document"}]},
 "inputs":{"text":{"kind":"documents","path":"in/documents"}},
 "outputs":{"m0":{"kind":"measure","path":"out/m0"}},"volatile":{"metrics":"metrics.jsonl"}}
EOT
    "$curate" task job/task.json &
    pid=$!
    # The other end of the pipe: it opens when the task reads, gives one line, and stays open.
    exec 5>job/in/documents/slow.jsonl
    kill -TERM "$pid"
    # It may have stopped already, and then nobody reads.
    trap '' PIPE
    printf '{"text":"a"}\n{"text":"b"}\n' >&5 2>/dev/null || true
    exec 5>&-
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 75 ]
}
