#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# assay against a real coordinator, database and worker: control, waiting, exit codes, what is said meanwhile. Tasks are those of
# gates/: each waits at a FIFO for the test to say how it ends. ASSAY_BIN is the folder of the programs.

# Of one test, in seconds: what hangs must not hang the rest.
export BATS_TEST_TIMEOUT=90

setup_file() {
    # PostgreSQL runs as another user when root, so the folder must be open to it.
    ASSAY_STATE=$(mktemp -d "${TMPDIR:-/tmp}/assay-cli.XXXXXX")
    chmod 755 "$ASSAY_STATE"
    export ASSAY_STATE
    unset ASSAY_ENDPOINT ASSAY_DATABASE ASSAY_KEY ASSAY_SERVER_KEY
    echo 'finished-grids: 2' >"$ASSAY_STATE/assayd.yaml" # so that grids leave memory here
    "${ASSAY_BIN:?}/assay" up --workers 1
}

teardown_file() {
    "$ASSAY_BIN/assay" down
    rm -rf "$ASSAY_STATE"
}

setup() {
    assay="$ASSAY_BIN/assay"
    cd "$BATS_TEST_DIRNAME/gates" || return 1
    out=$BATS_TEST_TMPDIR
    gates=$(mktemp -d "$ASSAY_STATE/gates.XXXXXX")
    chmod 755 "$gates"
    mkfifo "$gates/a-1" "$gates/a-2" "$gates/b-1" "$gates/b-2" "$out/tick"
    writers=()
}

teardown() {
    [ "${#writers[@]}" -eq 0 ] || kill "${writers[@]}" 2>/dev/null || true
    "$assay" cancel gates >/dev/null 2>&1 || true
    "$assay" undrain worker-1 >/dev/null 2>&1 || true
}

# tell NAME WORDS: to the task that comes to that gate, now or later.
tell() {
    # shellcheck disable=SC2016 # the inner shell expands it
    bash -c 'echo "$2" >"$1"' - "$gates/$1" "$2" 3>&- &
    writers+=($!)
}

tell_all() {
    tell a-1 'go 3'
    tell a-2 'go 5'
    tell b-1 'go 1'
    tell b-2 'go 1.5'
}

submit() {
    "$assay" submit gates.yaml --set "stages.score.with.folder=$gates" "$@"
}

# eventually COMMAND...: until it succeeds.
eventually() {
    local end=$((SECONDS + 60))
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "never: $*"
            "$assay" status || true
            return 1
        fi
        read -rt 0.1 <>"$out/tick" || true
    done
}

# field EXPRESSION: of the JSON on stdin, called b.
field() {
    python3 -c "import json, sys; b = json.load(sys.stdin); print($1)"
}

status_is() {
    [ "$("$assay" status gates --json | field "$1")" = "$2" ]
}

is_running() {
    status_is "bool(b['running'])" True
}

@test "submit --wait shows how far it is and the rows so far, and ends with the grid's verdict" {
    submit --wait --json >"$out/body" 2>"$out/said" 3>&- &
    pid=$!
    eventually is_running
    # Whichever comes first ends alone, so that there is a row of a part.
    declare -A go=([a-1]='go 3' [a-2]='go 5' [b-1]='go 1' [b-2]='go 1.5')
    first=$("$assay" status gates --json | field "b['running'][0]['task']" | sed 's/.*variant=\(.\),seed=\(.\)/\1-\2/')
    tell "$first" "${go[$first]}"
    eventually grep -q 'so far score.points' "$out/said"
    for gate in "${!go[@]}"; do
        [ "$gate" = "$first" ] || tell "$gate" "${go[$gate]}"
    done
    wait "$pid"
    cat "$out/said"
    grep -q "submitted grid .* 'gates': 6 tasks, 0 cached" "$out/said"
    grep -qE '^[0-9:]+  so far score.points: (b|a) [0-9.]+ \([12]/2\)' "$out/said"
    grep -q '6/6 tasks' "$out/said"
    grep -q 'results: assay compare gates' "$out/said"
    "$assay" compare gates --json >"$out/compare"
    [ "$(field "b['axes']" <"$out/compare")" = "['variant', 'seed']" ]
    [ "$(field "[(r['row'], r['mean']) for r in b['comparisons'][0]['rows']]" <"$out/compare")" = "[('b', 1.25), ('a', 4)]" ]
    [ "$(field "b['comparisons'][0]['rows'][1]['baseline']" <"$out/compare")" = b ]
    run "$assay" compare gates --where seed=2 --baseline variant=a
    [ "$status" -eq 0 ]
    [[ "$output" == *"TO a"* && "$output" == *"5.0000"* ]]
    run "$assay" compare gates --where variant=c
    [ "$status" -eq 2 ]
    [[ "$output" == *"axis 'variant' has no point 'c'"* ]]
    # The cell map: axes as the grid has them, not as JSON sorts them.
    run "$assay" status gates
    [[ "$output" == *$'variant  1  2\nb        #  #\na        #  #'* ]]
    run "$assay" sql "select variant, sum(value) from results where grid = 'gates' and metric = 'points' group by 1 order by 1"
    [[ "$output" == *8* && "$output" == *2.5* ]]
    # The same again finds everything done: null tasks alone are never cached.
    run submit --wait
    [ "$status" -eq 0 ]
    [[ "$output" == *"4 cached"* ]]
}

@test "Ctrl-C leaves the grid running and says how to go on" {
    "$assay" submit gates.yaml --set "stages.score.with.folder=$gates" --wait >"$out/said" 2>&1 3>&- &
    pid=$!
    eventually grep -q 'submitted grid' "$out/said"
    eventually is_running
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    cat "$out/said"
    [ "$code" -eq 130 ]
    grep -q 'the grid goes on. `assay watch .*` looks again, `assay cancel .*` ends it' "$out/said"
    status_is "b['grid']['state']" running
    run "$assay" wait gates --timeout 100ms
    [ "$status" -eq 124 ]
    [[ "$output" == *"it goes on"* ]]
    tell_all
    "$assay" watch gates
}

@test "hold keeps tasks back, release lets them go on" {
    submit
    "$assay" hold gates
    tell_all
    eventually status_is "bool(b['running'])" False
    held=$("$assay" status gates --json | field "b['grid']['counts']['held']")
    [ "$held" -ge 3 ]
    run "$assay" status gates
    [[ "$output" == *"held; \`assay release gates\`"* ]]
    run "$assay" explain gates last/variant=a
    [ "$status" -eq 0 ]
    [[ "$output" == *"last/variant=a is held"* ]]
    "$assay" release gates
    "$assay" wait gates --timeout 60s
}

@test "pause starts nothing more, explain says so, and resume lets it go on" {
    submit
    eventually is_running
    run "$assay" pause gates
    [ "$status" -eq 0 ]
    [[ "$output" == *"paused"* ]]
    tell_all
    eventually status_is "bool(b['running'])" False
    status_is "b['grid']['state']" paused
    ready=$("$assay" status gates --tasks --json | field "[t['task'] for t in b['tasks'] if t['state'] == 'ready'][0]")
    run "$assay" explain gates "$ready"
    [[ "$output" == *"its grid is paused"*"assay resume"* ]]
    "$assay" explain gates "$ready" --json >"$out/why"
    [ "$(field "[r['limit'] for r in b['reasons'] if r['kind'] == 'limit']" <"$out/why")" = "['paused']" ]
    run "$assay" pause gates score/variant=a,seed=1
    [ "$status" -eq 2 ]
    "$assay" resume gates
    "$assay" wait gates --timeout 60s
}

@test "priority decides who comes first" {
    submit
    eventually is_running
    "$assay" priority gates 7
    status_is "b['grid']['priority']" 7
    "$assay" priority gates -- -3
    status_is "b['grid']['priority']" -3
    waiting=$("$assay" status gates --tasks --json | field "[t['task'] for t in b['tasks'] if t['state'] == 'ready'][-1]")
    "$assay" priority gates "$waiting" 50
    "$assay" explain gates "$waiting" --json >"$out/why"
    [ "$(field "b['reasons'][0]['priority']" <"$out/why")" = 50 ]
    [ "$(field "b['reasons'][0]['ahead']" <"$out/why")" = 0 ]
    run "$assay" priority gates high
    [ "$status" -eq 2 ]
    run "$assay" priority gates 1001
    [ "$status" -eq 2 ]
    tell_all
    "$assay" wait gates --timeout 60s
    # One owner has had all there was.
    "$assay" owners --json >"$out/owners"
    [ "$(field "[(o['weight'], o['tasks_max']) for o in b['owners']]" <"$out/owners")" = "[(1, 0)]" ]
    run "$assay" owners
    [[ "$output" == *"CORE-HOURS"*"100 %"* ]]
}

@test "skip leaves a cell out, and the grid ends well" {
    submit
    run "$assay" skip gates score/variant=a,seed=2
    [ "$status" -eq 0 ]
    [[ "$output" == *"skipped: 1 task"* ]]
    tell a-1 'go 3'
    tell b-1 'go 1'
    tell b-2 'go 1.5'
    "$assay" wait gates --timeout 60s
    run "$assay" compare gates
    [[ "$output" == *"1/2"*"N/A"* ]]
}

@test "cancel ends what runs; a cancelled grid is 3, and can be tried again" {
    submit
    eventually is_running
    run "$assay" cancel gates --json
    [ "$(field "b['assay_api']" <<<"$output")" = 1 ]
    run "$assay" wait gates --timeout 60s
    [ "$status" -eq 3 ]
    run "$assay" watch gates
    [ "$status" -eq 3 ]
    tell_all
    "$assay" retry gates --cancelled
    "$assay" wait gates --timeout 60s
}

@test "a failed task shows its log and the next command; retry goes on" {
    tell a-1 fail
    tell a-2 'go 5'
    tell b-1 'go 1'
    tell b-2 'go 1.5'
    run submit --wait
    [ "$status" -eq 3 ]
    [[ "$output" == *"FAILED score/variant=a,seed=1"*"told to fail"*"assay logs gates score/variant=a,seed=1"* ]]
    run "$assay" status gates
    [ "$status" -eq 0 ]
    [[ "$output" == *"BLOCKED"*"assay retry gates score/variant=a,seed=1"* ]]
    run "$assay" explain gates last/variant=a
    [[ "$output" == *"upstream tasks failed"*"score/variant=a,seed=1"* ]]
    run "$assay" logs gates score/variant=a,seed=1
    [[ "$output" == *"waiting at a-1"*"told to fail"* ]]
    run "$assay" retry gates
    [ "$status" -eq 2 ]
    tell a-1 'go 3'
    "$assay" retry gates --failed
    "$assay" wait gates --timeout 60s
    run "$assay" retry gates nothing
    [ "$status" -eq 5 ]
}

@test "logs -f follows until the task ends" {
    submit
    # One task at a time: the others end, the last one waits.
    tell a-1 'go 3'
    tell a-2 'go 5'
    tell b-1 'go 1'
    "$assay" logs gates score/variant=b,seed=2 -f >"$out/log" 2>&1 3>&- &
    pid=$!
    eventually grep -q 'waiting at b-2' "$out/log"
    ! grep -q 'told' "$out/log"
    tell b-2 'go 1.5'
    wait "$pid"
    grep -q 'told to go 1.5' "$out/log"
    "$assay" wait gates --timeout 60s
    "$assay" logs gates score/variant=b,seed=2 --metrics | grep -q '"points"'
}

@test "a drained worker takes nothing, and the view says why nothing runs" {
    "$assay" drain worker-1 --reason 'a new disk'
    run "$assay" nodes
    [[ "$output" == *"drained (a new disk)"* ]]
    "$assay" submit gates.yaml --set "stages.score.with.folder=$gates" --wait >"$out/said" 2>&1 3>&- &
    pid=$!
    eventually grep -q 'nothing runs: no worker is up' "$out/said"
    grep -q 'assay undrain WORKER' "$out/said"
    run "$assay" status gates
    [[ "$output" == *"nothing runs: no worker is up"*"worker 'worker-1' is drained"* ]]
    run "$assay" up --workers 1
    [ "$status" -eq 0 ]
    [[ "$output" == *"worker-1 is drained: \`assay undrain worker-1\`"* ]]
    tell_all
    "$assay" undrain worker-1
    wait "$pid"
    run "$assay" drain worker-9
    [ "$status" -eq 5 ]
}

@test "after down and up the worker works again" {
    "$assay" down
    "$assay" up --workers 1
    run "$assay" nodes
    [[ "$output" == *" up "* ]]
    tell_all
    submit
    "$assay" wait gates --timeout 60s
}

@test "a task that no worker is large enough for is said so" {
    "$assay" submit large.yaml
    run "$assay" status large
    [[ "$output" == *"needs more than any worker has"*"worker-1"* ]]
    "$assay" cancel large
}

@test "exit codes and the nearest name" {
    run "$assay" plan gates.yaml --set "stages.score.with.folder=$gates" --exit-code
    [ "$status" -eq 10 ]
    [[ "$output" == *"Nothing started"* ]]
    for words in "status gatse" "wait gatse" "compare gatse" "cancel gatse" "logs gatse x"; do
        # shellcheck disable=SC2086
        run "$assay" $words
        [ "$status" -eq 5 ]
        [[ "$output" == *"gates"* ]]
    done
    run "$assay" explain gates last/variant=c
    [ "$status" -eq 5 ]
    [[ "$output" == *"last/variant="* ]]
    run "$assay" sql 'delete from assay.grid'
    [ "$status" -ne 0 ]
    run "$assay" plan ../../grids/bad/stages.yaml
    [ "$status" -eq 2 ]
}

@test "up fails, with the log, when a worker cannot start" {
    state=$(mktemp -d "${TMPDIR:-/tmp}/assay-cli.XXXXXX")
    chmod 755 "$state"
    touch "$state/workers"
    run "$assay" up --workers 1 --state "$state"
    "$assay" down --state "$state"
    rm -rf "$state"
    [ "$status" -eq 1 ]
    [[ "$output" == *"is not a folder"*"worker-1 ended at once"*"log/worker-1.log"* ]]
    [[ "$output" != *"workers      1 up"* ]]
}

# Three grids that end at once, so that the first leaves memory.
@test "grids that left memory are listed, found by name and number, and run again" {
    printf 'grid: old\nstages:\n  nothing: {run: "null"}\n' >"$out/old.yaml"
    "$assay" submit "$out/old.yaml" --wait
    number=$("$assay" status old --json | field "b['grid']['grid']")
    for name in newer newest last; do
        sed "s/^grid: old/grid: $name/" "$out/old.yaml" >"$out/$name.yaml"
        "$assay" submit "$out/$name.yaml" --wait
    done
    eventually grep -rqs 'grid leaves memory' "$ASSAY_STATE" --include='assayd*'
    [ "$("$assay" status old --json | field "b['grid']['grid']")" = "$number" ]
    [ "$("$assay" status "$number" --json | field "b['grid']['state']")" = finished ]
    [ "$("$assay" ls --json | field "[g['name'] for g in b['grids']][:4]")" = "['last', 'newest', 'newer', 'old']" ]
    "$assay" submit "$out/old.yaml" --wait
    [ "$("$assay" status old --json | field "b['grid']['grid'] > $number")" = True ]
}

@test "tasks without outputs are waited for, through a gather" {
    printf 'grid: chain\naxes: {i: [1, 2, 3]}\nstages:\n' >"$out/chain.yaml"
    printf '  leaf: {over: [i], run: "null", with: {i: "${i}"}}\n  mid: {run: "null", from: leaf}\n' >>"$out/chain.yaml"
    printf '  root: {run: "null", from: mid}\n' >>"$out/chain.yaml"
    run "$assay" submit "$out/chain.yaml" --wait
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"5/5 tasks"* ]]
}
