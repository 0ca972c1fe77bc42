"""Runs every test_*.py here, several files at a time, and says how many tests passed.

Each file is a process of its own: its tests start their own controllers and agents on ports of their own.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

SECONDS_MAX = 600
FILES_AT_A_TIME_PER_CORE = 3  # they wait for most of the time


def run(path):
    """(passed, failed, output) of one file."""
    try:
        done = subprocess.run([sys.executable, "-m", "unittest", "-v", path.stem], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS_MAX, check=False)
        output, succeeded = done.stdout, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        output, succeeded = f"{error.stdout or ''}\nended after {SECONDS_MAX} s\n", False
    ran = re.search(r"^Ran (\d+) tests? in", output, re.M)
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", output))
    total = int(ran.group(1)) if ran else 0
    if not succeeded or total == 0:
        bad = max(bad, 1)
    return max(total - bad, 0), bad, output


def main():
    # The longest first, by their size, so that none is left alone at the end.
    files = sorted(pathlib.Path().glob("test_*.py"), key=lambda path: -path.stat().st_size)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(FILES_AT_A_TIME_PER_CORE * os.cpu_count()) as pool:
        for good, bad, output in pool.map(run, files):
            passed, failed = passed + good, failed + bad
            print(output, flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
