#!/usr/bin/env bash
# Every C++ file is as clang-format would have it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t files < <(git ls-files -co --exclude-standard '*.cpp' '*.hpp')
[ ${#files[@]} -gt 0 ] || { echo "no files to check" >&2; exit 1; }
if ! clang-format-14 --dry-run -Werror "${files[@]}" 2>/tmp/ballast-format.$$; then
    grep -oE '^[^:]+:[0-9]+' /tmp/ballast-format.$$ | sort -u | head -20
    rm -f /tmp/ballast-format.$$
    echo "run 'make format'"
    exit 1
fi
rm -f /tmp/ballast-format.$$
echo "${#files[@]} files are formatted"
