#!/usr/bin/env bash
# docs/roles.md is what the table of operations says. usage: roles.sh CONTROLLER
set -euo pipefail
cd "$(dirname "$0")/../.."
"$OLDPWD/$1" --roles | diff -u docs/roles.md - || { echo "docs/roles.md is not what the table says: run 'make roles'"; exit 1; }
echo "docs/roles.md is what the table says"
