#!/usr/bin/env bash
# Runs a GoogleTest program in as many shards as there are cores: run_unit.sh PROGRAM. Their outputs come one after the
# other.
set -euo pipefail
shards=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pids=()
for ((i = 0; i < shards; i++)); do
    GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$i "$1" >"$work/$i" 2>&1 &
    pids+=($!)
done
result=0
for ((i = 0; i < shards; i++)); do
    wait "${pids[$i]}" || result=1
    cat "$work/$i"
done
exit $result
