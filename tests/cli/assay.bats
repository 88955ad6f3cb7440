#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# assay as people and scripts call it, without a coordinator. ASSAY_BIN is the folder of the programs.

setup() {
    assay="${ASSAY_BIN:?}/assay"
    cd "$BATS_TEST_TMPDIR" || return 1
    # Nothing of the machine's own assay.
    export HOME="$BATS_TEST_TMPDIR" XDG_CONFIG_HOME="$BATS_TEST_TMPDIR/config"
    export ASSAY_STATE="$BATS_TEST_TMPDIR/state"
    unset ASSAY_ENDPOINT ASSAY_DATABASE ASSAY_KEY ASSAY_SERVER_KEY
    mkdir data
    for shard in 1 2 3 4; do
        printf '{"text": "shard %s"}\n' "$shard" >"data/$shard.jsonl"
    done
}

@test "help lists every verb, and each explains itself" {
    "$assay" help >overview
    for verb in init check plan submit up down ls status watch wait logs explain events compare sql cancel retry nodes keygen trust; do
        grep -q "^  $verb " overview
        "$assay" "$verb" --help >one
        grep -q "^usage: assay $verb" one
        "$assay" help "$verb" | cmp - one
    done
    run "$assay"
    [ "$status" -eq 2 ]
    run "$assay" version
    [[ "$output" == "assay "* ]]
    "$assay" version --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["assay_version"] == 1'
}

@test "an unknown verb or flag is named with the nearest one" {
    run "$assay" comapre
    [ "$status" -eq 2 ]
    [[ "$output" == *"unknown verb 'comapre'"*"did you mean 'compare'"* ]]
    run "$assay" ls --limt 3
    [ "$status" -eq 2 ]
    [[ "$output" == *"limit"* ]]
    run "$assay" explain only-one
    [ "$status" -eq 2 ]
    run "$assay" ls superfluous
    [ "$status" -eq 2 ]
}

@test "without a coordinator: 4, and what to do" {
    for words in "ls" "status" "compare" "sql select" "nodes"; do
        # shellcheck disable=SC2086
        run "$assay" $words
        [ "$status" -eq 4 ]
        [[ "$output" == *"assay up"* ]]
    done
    run "$assay" sql 'select 1' --database "host=$BATS_TEST_TMPDIR/none dbname=assay"
    [ "$status" -eq 4 ]
    [[ "$output" == *"cannot read results"* ]]
}

@test "init writes a pool and a grid that checks" {
    run "$assay" init --pool 'data/*.jsonl'
    [ "$status" -eq 0 ]
    grep -q 'dev: {shards: \["data/3.jsonl"\]}' pool.yaml
    grep -q 'test: {shards: \["data/4.jsonl"\]}' pool.yaml
    run "$assay" check grid.yaml
    [ "$status" -eq 0 ]
    [[ "$output" == *"first: 15 cells"*"no errors"* ]]
    # Never over what is there.
    cp pool.yaml before
    run "$assay" init --pool 'data/*.jsonl'
    [ "$status" -eq 1 ]
    cmp before pool.yaml
}

@test "init sets own held-out shards aside" {
    mkdir kept && mv data/3.jsonl data/4.jsonl kept
    "$assay" init --pool 'data/*.jsonl' --heldout 'kept/*.jsonl'
    grep -q 'dev: {shards: \["kept/3.jsonl"\]}' pool.yaml
    grep -q 'test: {shards: \["kept/4.jsonl"\]}' pool.yaml
    "$assay" check grid.yaml
}

@test "init says what to do with too few shards" {
    rm data/3.jsonl data/4.jsonl
    run "$assay" init --pool 'data/*.jsonl'
    [ "$status" -eq 2 ]
    [[ "$output" == *"2 of the 3 shards"*"--heldout"* ]]
    [ ! -e pool.yaml ] && [ ! -e grid.yaml ]
    run "$assay" init --pool 'nothing/*.jsonl'
    [ "$status" -eq 2 ]
    [[ "$output" == *"no file matches"* ]]
    run "$assay" init
    [ "$status" -eq 2 ]
}

@test "check points at an error" {
    "$assay" init --pool 'data/*.jsonl'
    sed -i 's/run: bpe-train/run: bpe-trian/' grid.yaml
    run "$assay" check grid.yaml
    [ "$status" -eq 2 ]
    [[ "$output" == *"grid.yaml:"*"bpe-trian"*"bpe-train"* ]]
    run "$assay" check missing.yaml
    [ "$status" -ne 0 ]
    [[ "$output" == *"missing.yaml"* ]]
}

@test "check takes edits" {
    "$assay" init --pool 'data/*.jsonl'
    run "$assay" check grid.yaml --set 'axes.seed=[1]'
    [ "$status" -eq 0 ]
    [[ "$output" == *"5 cells"* ]]
    run "$assay" check grid.yaml --set 'axes.scale=[none]'
    [ "$status" -eq 2 ]
}

@test "keys: made once, let in once" {
    key=$("$assay" keygen keys/me)
    [ "${#key}" -eq 40 ]
    [ "$(stat -c %a keys/me)" = 600 ]
    grep -qF "$key" keys/me.pub
    run "$assay" keygen keys/me
    [ "$status" -eq 1 ]
    "$assay" trust keys/me.pub ada --roles read --file table
    grep -qF "$key ada read" table
    run "$assay" trust "$key" ada --file table
    [ "$status" -eq 1 ]
    run "$assay" trust "$key" ada
    [ "$status" -eq 5 ]
    run "$assay" trust short ada --file table
    [ "$status" -ne 0 ]
}

@test "bash completes verbs and flags" {
    "$assay" completion bash >completion.bash
    bash -n completion.bash
    run bash -c 'source ./completion.bash; COMP_WORDS=(assay comp); COMP_CWORD=1; _assay; echo "${COMPREPLY[*]}"'
    [[ "$output" == *"compare"* ]]
    run bash -c 'source ./completion.bash; COMP_WORDS=(assay compare --base); COMP_CWORD=2; _assay; echo "${COMPREPLY[*]}"'
    [ "$output" = "--baseline" ]
    run "$assay" completion tcsh
    [ "$status" -eq 2 ]
    [[ "$output" == *"bash, zsh and fish"* ]]
}

@test "completions are what their shells can read" {
    for shell in bash zsh fish; do
        "$assay" completion "$shell" >"completion.$shell"
        [ -s "completion.$shell" ]
        if command -v "$shell" >/dev/null; then
            "$shell" -n "completion.$shell"
        fi
    done
    if command -v fish >/dev/null; then
        run fish -c 'source completion.fish; complete -C "assay compare --ba"'
        [[ "$output" == *"--baseline"* ]]
    fi
}

@test "docs/cli.md is what the program says of itself" {
    # To renew it: assay man --markdown >docs/cli.md
    "$assay" man --markdown | diff -u "$BATS_TEST_DIRNAME/../../docs/cli.md" -
}

@test "every verb has a manual page" {
    "$assay" man --directory pages
    [ -s pages/assay.1 ] && [ -s pages/assay-compare.1 ] && [ -s pages/assay-pool-index.1 ]
    "$assay" man compare | cmp - pages/assay-compare.1
    if command -v man >/dev/null; then
        for page in pages/*.1; do
            warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)
            [ -z "$warnings" ]
        done
    fi
}
