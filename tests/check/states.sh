#!/usr/bin/env bash
# docs/states.md is what the tables say. usage: states.sh STATES_DOC
set -euo pipefail
cd "$(dirname "$0")/../.."
"$OLDPWD/$1" | diff -u docs/states.md - || { echo "docs/states.md is not what the tables say: run 'make states'"; exit 1; }
echo "docs/states.md is what the tables say"
