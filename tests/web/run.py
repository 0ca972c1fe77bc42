#!/usr/bin/env python3
"""The dashboard in Debian's Chromium, on a pool of simulated hosts. usage: run.py PROGRAMS. Ends with "N passed, N failed"."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

from pool import Pool, wait_until  # noqa: E402

HOSTS = 2


def install():
    """What package-lock.json pins, unless it is there."""
    lock = HERE / "package-lock.json"
    stamp = HERE / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True,
                       timeout=300)
        stamp.touch()


def start(pool):
    pool.start_controller(balance={"enabled": False, "window": 3})
    for number in range(1, HOSTS + 1):
        pool.start_agent(f"h{number}", {
            "seed": number, "cpus": 4, "memory_mib": 4096, "operation_speed": 4,
            "group_1": {"count": 4, "name_prefix": f"vm{number}-", "memory_mib": 256, "load": "constant",
                        "load_mean_percent": 30}})
    wait_until("all hosts are up", lambda: pool.get("/v1/status")["hosts"].get("up") == HOSTS, seconds=60)


def drive(pool, chromium):
    """Runs the scenarios, and does with the controller what they ask for; returns (passed, failed)."""
    browser = subprocess.Popen(["node", HERE / "dashboard.mjs", f"http://127.0.0.1:{pool.http_port}", pool.token(), chromium],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "HOME": str(pool.directory)})
    passed = failed = 0
    try:
        for line in browser.stdout:
            if line.startswith("controller "):
                if line.split()[1] == "kill":
                    pool.controller.kill()
                else:
                    pool.controller.start()
                    pool.wait_for_controller()
                browser.stdin.write("done\n")
                browser.stdin.flush()
                continue
            print(line, end="", flush=True)
            passed += line.startswith("ok ")
            failed += line.startswith("failed ")
        return passed, failed + (browser.wait() != 0 and failed == 0)
    finally:
        browser.kill()
        browser.wait()


def main(programs):
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium: tests/tools/deps.sh web")
    install()
    with tempfile.TemporaryDirectory(prefix="ballast-web-") as directory, Pool(os.path.abspath(programs), directory) as pool:
        start(pool)
        passed, failed = drive(pool, chromium)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
