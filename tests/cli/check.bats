#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `assay check` says of every bad grid, to the letter: tests/grids/bad, one folder for this test and for that of the parser.
# BLESS=1 rewrites the texts; look at the difference before you commit it. ASSAY_BIN is the folder of the programs.

setup() {
    assay="${ASSAY_BIN:?}/assay"
    cd "$BATS_TEST_DIRNAME/../grids" || return 1
    export ASSAY_RECIPES=fixtures
}

@test "every bad grid gives its messages" {
    count=0
    for grid in bad/*.yaml; do
        golden=${grid%.yaml}.txt
        said=$BATS_TEST_TMPDIR/said
        status=0
        "$assay" check "$grid" >"$BATS_TEST_TMPDIR/out" 2>"$said" || status=$?
        if [ -n "${BLESS:-}" ]; then
            cp "$said" "$golden"
        fi
        diff -u "$golden" "$said"
        if grep -q '^error: ' "$golden"; then
            [ "$status" -eq 2 ] && [ ! -s "$BATS_TEST_TMPDIR/out" ]
        else
            [ "$status" -eq 0 ]
        fi
        count=$((count + 1))
    done
    [ "$count" -gt 30 ]
}

@test "every kind of error that the checker knows is shown by some grid" {
    # E008 is an edit on the command line; E09x and W010 are said when a grid is submitted.
    known=$(grep -ohrE '"[ENW][0-9]{3}"' --include=*.c ../../common/grid | tr -d '"' | sort -u | grep -vE '^(E008|E09.|W010)$')
    [ -n "$known" ]
    for code in $known; do
        if ! grep -q "\[$code\]" bad/*.txt; then
            echo "no bad grid shows $code"
            return 1
        fi
    done
    run "$assay" check null.yaml --set 'axes.j[=1]'
    [ "$status" -eq 2 ]
    [[ "$output" == *"[E008]"*"--set"* ]]
}
