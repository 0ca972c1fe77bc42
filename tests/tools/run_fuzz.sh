#!/usr/bin/env bash
# Runs each fuzz target for a few seconds from its seed corpus, as many at a time as there are cores:
# run_fuzz.sh SECONDS TARGET... Crashes leave their input in /tmp and fail the check.
set -euo pipefail
seconds=$1
shift
[ $# -gt 0 ] || { echo "no fuzz targets" >&2; exit 1; }

run_one() {
    local target=$1 name work
    name=$(basename "$target")
    work=$(mktemp -d)
    local corpus=tests/fuzz/corpus/$name extra=() result=0
    [ -d "$corpus" ] && extra=("$corpus")
    "$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 -verbosity=1 -print_final_stats=1 \
        -artifact_prefix="/tmp/$name-" "$work" "${extra[@]}" >"$work.log" 2>&1 || result=1
    if [ $result = 0 ]; then
        echo "$name: $(grep -oE 'number_of_executed_units: *[0-9]+' "$work.log" | grep -oE '[0-9]+$') inputs"
    else
        { echo "$name: failed"; tail -40 "$work.log"; } >&2
    fi
    rm -rf "$work" "$work.log"
    return $result
}
export -f run_one
export seconds

# One line for each target that stood; the others' last words go to stderr.
survived=$(printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'run_one "$1" || true' run_one)
echo "$survived"
passed=$(grep -c ' inputs$' <<<"$survived" || true)
echo "$passed passed, $(($# - passed)) failed"
[ "$passed" -eq $# ]
