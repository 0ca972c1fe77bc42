#!/usr/bin/env python3
"""Runs named checks, two at a time in the order given, and ends with one line: "N passed, N failed". A long one that
mostly waits stands first, so that the others run beside it.

usage: run_checks.py NAME=COMMAND...

A check that runs tests of its own says how many on its last lines, as GoogleTest does ("[  PASSED  ] 7 tests.") or
plainly ("7 passed, 0 failed"); these are summed. A check that says nothing counts as one. A check whose runner claims
success but ran no test has failed.
"""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.", re.M)
GTEST_FAILED = re.compile(r"^ ?(\d+) FAILED TESTS?", re.M)
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed", re.M)
SECONDS_MAX = 1800
AT_A_TIME = 2


def count(output, succeeded):
    """(passed, failed) as the check's own output tells; one test when it tells nothing."""
    plain = PLAIN.findall(output)
    if plain:
        passed, failed = int(plain[-1][0]), int(plain[-1][1])
    elif GTEST_PASSED.search(output):
        passed = sum(map(int, GTEST_PASSED.findall(output)))
        failed = sum(map(int, GTEST_FAILED.findall(output)))
    else:
        return (1, 0) if succeeded else (0, 1)
    if not succeeded and failed == 0:
        failed = 1
    if passed + failed == 0:
        failed = 1
    return passed, failed


def run(name, command):
    started = time.monotonic()
    # A session of its own, so that a check that hangs can be ended with everything it started.
    process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\nended after {SECONDS_MAX} s\n"
    passed, failed = count(output, process.returncode == 0)
    seconds = time.monotonic() - started
    report = f"{'FAILED' if failed else 'ok':6} {name:<22} {passed:5} passed {failed:3} failed  {seconds:6.1f} s"
    if failed:
        report = f"--- {name}: exit code {process.returncode}; its output:\n{output.rstrip()[-20000:]}\n---\n{report}"
    print(report, flush=True)  # in one piece: another check may report at the same time
    return passed, failed


def main():
    checks = [argument.partition("=") for argument in sys.argv[1:]]
    if not checks or not all(command for _, _, command in checks):
        print(__doc__, file=sys.stderr)
        return 2
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        results = list(pool.map(lambda check: run(check[0], check[2]), checks))
    passed = sum(p for p, _ in results)
    failed = sum(f for _, f in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
