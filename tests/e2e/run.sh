#!/usr/bin/env bash
# The end-to-end tests on simulated hosts: run.sh PROGRAMS. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"
PYTHONPATH=../tools BALLAST_PROGRAMS=$(realpath "$OLDPWD/$1") exec python3 run_all.py
