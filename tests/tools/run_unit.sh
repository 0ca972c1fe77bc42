#!/usr/bin/env bash
# Runs a GoogleTest program in as many shards as there are cores: run_unit.sh PROGRAM. Their outputs, of tests that failed
# alone, come one after the other: shards in which some did come last, where whoever cuts a long output off leaves them.
set -euo pipefail
shards=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pids=()
for ((i = 0; i < shards; i++)); do
    GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$i GTEST_BRIEF=1 "$1" >"$work/$i" 2>&1 &
    pids+=($!)
done
failed=()
for ((i = 0; i < shards; i++)); do
    if wait "${pids[$i]}"; then
        cat "$work/$i"
    else
        failed+=("$work/$i")
    fi
done
if ((${#failed[@]})); then
    cat "${failed[@]}"
    exit 1
fi
