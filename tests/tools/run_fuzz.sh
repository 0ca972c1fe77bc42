#!/usr/bin/env bash
# Runs each fuzz target for a few seconds from its seed corpus: run_fuzz.sh SECONDS TARGET...
# Crashes leave their input in /tmp and fail the check.
set -euo pipefail
seconds=$1
shift
[ $# -gt 0 ] || { echo "no fuzz targets" >&2; exit 1; }
passed=0 failed=0
for target in "$@"; do
    name=$(basename "$target")
    work=$(mktemp -d)
    corpus=tests/fuzz/corpus/$name
    extra=()
    [ -d "$corpus" ] && extra=("$corpus")
    if "$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 -verbosity=1 -print_final_stats=1 \
            -artifact_prefix="/tmp/$name-" "$work" "${extra[@]}" >"$work.log" 2>&1; then
        passed=$((passed + 1))
        echo "$name: $(grep -oE 'number_of_executed_units: *[0-9]+' "$work.log" | grep -oE '[0-9]+$') inputs"
    else
        failed=$((failed + 1))
        tail -40 "$work.log"
    fi
    rm -rf "$work" "$work.log"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
