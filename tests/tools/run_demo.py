#!/usr/bin/env python3
"""`make run`: a controller and four simulated hosts with 40 guests, as real processes on loopback. One host is
overloaded; the controller sees it and moves guests away until it is not. usage: run_demo.py PROGRAMS [SECONDS]

On a terminal a live table; otherwise plain lines. Ends with Ctrl-C (or after SECONDS) and leaves nothing behind.
"""

import os
import shutil
import sys
import tempfile
import time

from pool import HttpError, Pool, wait_until
from stopping import unwind_once

HOSTS = 4
GUESTS_PER_HOST = 10
CRITICAL_LOAD = 0.8
BAR_CELLS = 30
# Mean load of the guests of each host, percent of a CPU. Eight CPUs and ten one-CPU guests a host: h1 is above the
# critical load, the others have room.
LOADS = [85, 25, 20, 15]


def sim(number, load):
    return {"seed": number, "cpus": 8, "memory_mib": 16384, "operation_speed": 2, "link_mbps": 1000,
            "group_1": {"count": GUESTS_PER_HOST, "name_prefix": f"vm{number}-", "type": "pv", "memory_mib": 512,
                        "load": "random_walk", "load_mean_percent": load, "load_spread_percent": 3,
                        "dirty_mib_per_s": 8}}


def start(pool):
    pool.start_controller(
        balance={"enabled": True, "interval_seconds": 2, "critical_load": CRITICAL_LOAD, "window": 5,
                 "cool_down_seconds": 60},
        http={"auth": "none"})
    for number, load in enumerate(LOADS, 1):
        pool.start_agent(f"h{number}", sim(number, load))
    wait_until("all hosts are there", lambda: pool.get("/v1/status")["hosts"].get("up") == HOSTS, seconds=30)


def make_kiosk(pool):
    """A pool of desktops beside the plain guests: one of its spares is paused and one saved after a while."""
    pool.post("/v1/pools", {
        "name": "kiosk", "after_session": "reset", "targets": {"ready": 2, "paused": 1, "saved": 1, "max": 6},
        "pause_after_seconds": 10, "save_after_seconds": 10,
        "template": {"type": "pv", "memory_mib": 256, "kernel": "/boot/guest", "vifs": [{"bridge": "xenbr0"}]}})


def say_how_to_reach_it(pool, programs):
    base = f"http://127.0.0.1:{pool.http_port}"
    print(f"""A controller and {HOSTS} simulated hosts with {HOSTS * GUESTS_PER_HOST} guests run below {pool.directory}.
Try, in another terminal:

  curl -H 'Accept: text/plain' {base}/v1/status
  curl -H 'Accept: text/plain' {base}/v1/hosts
  curl -H 'Accept: text/plain' '{base}/v1/vms?host=h1'
  curl {base}/v1/vms/vm2-01
  curl -X POST '{base}/v1/vms/vm2-01:pause?wait=10'
  curl -X POST '{base}/v1/vms/vm3-01:migrate?wait=60' -d '{{"to":"h4"}}'
  curl -H 'Accept: text/plain' {base}/v1/jobs
  curl -H 'Accept: text/plain' {base}/v1/decisions
  curl -X POST '{base}/v1/rebalance?dry_run=true'
  curl -H 'Accept: text/plain' {base}/v1/pools
  curl -X POST '{base}/v1/sessions?wait=10' -d '{{"user":"ann","pool":"kiosk"}}'
  curl -H 'Accept: text/plain' {base}/v1/sessions
  curl -H 'Accept: text/plain' {base}/v1/vms/kiosk-001/history

With the command line:  export BALLAST_SERVER={base} PATH={programs}:$PATH
  ballast status        ballast top        ballast vm migrate vm3-02 --to h2

In a browser:  {base}/

Ctrl-C ends it.
""", flush=True)


def bar(load):
    filled = min(BAR_CELLS, round(load * BAR_CELLS))
    cells = list("#" * filled + "." * (BAR_CELLS - filled))
    critical = round(CRITICAL_LOAD * BAR_CELLS)
    cells[critical] = "|"
    return "".join(cells)


class Watcher:
    """Follows the pool as a user would: by polling."""

    def __init__(self, pool):
        self.pool = pool
        self.states = {}
        self.measured = 0  # hosts whose load is known
        self.moves = []
        self.started = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.started

    def look(self):
        self.measured = self.pool.get("/v1/status")["hosts_measured"]  # first: what follows is at least as new
        hosts = self.pool.get("/v1/hosts")["hosts"]
        news = []
        for job in reversed(self.pool.get("/v1/jobs?kind=migrate&limit=100")["jobs"]):
            if self.states.get(job["id"]) != job["state"]:
                self.states[job["id"]] = job["state"]
                news.append(self.describe(job))
        self.moves.extend(news)
        return hosts, news

    def describe(self, job):
        move = job["migration"]
        text = f"{self.seconds():5.0f} s  {job['vm']:<8} {move['from']} -> {move['to']}  {job['state']}"
        if job["state"] == "succeeded":
            text += f" in {move['total_ms'] / 1000:.1f} s, stopped for {move['downtime_ms']} ms"
        elif job.get("detail"):
            text += f": {job['detail']}"
        return text


def verdict(hosts, measured):
    """What a line says of the pool as a whole. A host that has not been measured shows 0 %, which means nothing."""
    if measured < len(hosts):
        return f"waits for samples: {measured} of {len(hosts)} hosts have been measured"
    if balanced(hosts):
        return f"balanced: every host is below {CRITICAL_LOAD:.0%}"
    return f"a host at or above {CRITICAL_LOAD:.0%} is overloaded"


def balanced(hosts):
    return all(host["state"] == "up" and host["cpu"] < CRITICAL_LOAD for host in hosts)


def show_table(watcher, hosts):
    lines = [f"{'HOST':<6}{'CPU':>5}  {'':<{BAR_CELLS}}  {'VMS':>4} {'MEM':>5} {'IN':>3} {'OUT':>4}"]
    for host in hosts:
        lines.append(f"{host['name']:<6}{host['cpu'] * 100:>4.0f}%  {bar(host['cpu'])}  {host['vms']:>4} "
                     f"{host['memory'] * 100:>4.0f}% {host['migrations_in']:>3} {host['migrations_out']:>4}")
    lines.append("")
    lines.append(verdict(hosts, watcher.measured))
    lines.append("")
    lines += watcher.moves[-10:]
    width = shutil.get_terminal_size().columns
    sys.stdout.write("\x1b[s\x1b[J" + "".join(line[: width - 1] + "\n" for line in lines) + f"\x1b[{len(lines)}A\r")
    sys.stdout.flush()
    return len(lines)


def follow(pool, seconds):
    """Until Ctrl-C or `seconds` have passed. True when the pool was seen balanced after having been overloaded."""
    watcher = Watcher(pool)
    terminal = sys.stdout.isatty()
    overloaded = settled = False
    next_line = 0.0
    height = 0
    try:
        while seconds is None or watcher.seconds() < seconds:
            hosts, news = watcher.look()
            overloaded |= any(host["cpu"] >= CRITICAL_LOAD for host in hosts)
            if terminal:
                height = show_table(watcher, hosts)
            else:
                for line in news:
                    print(line, flush=True)
                if watcher.seconds() >= next_line:
                    next_line = watcher.seconds() + 5
                    loads = "  ".join(f"{host['name']} {host['cpu'] * 100:3.0f}% {host['vms']:2} vms" for host in hosts)
                    waits = watcher.measured < len(hosts)
                    print(f"{watcher.seconds():5.0f} s  {verdict(hosts, watcher.measured) if waits else loads}", flush=True)
            if overloaded and not settled and balanced(hosts) and not any(host["migrations_out"] for host in hosts):
                settled = True
                if not terminal:
                    print(f"{watcher.seconds():5.0f} s  {verdict(hosts, watcher.measured)}", flush=True)
            time.sleep(0.5)
    finally:
        if terminal:
            sys.stdout.write("\n" * height)
    return settled


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    seconds = float(sys.argv[2]) if len(sys.argv) == 3 else None
    unwind_once()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    directory = tempfile.mkdtemp(prefix="ballast-", dir=runtime if os.access(runtime, os.W_OK) else None)
    try:
        with Pool(sys.argv[1], directory) as pool:
            start(pool)
            make_kiosk(pool)
            say_how_to_reach_it(pool, os.path.abspath(sys.argv[1]))
            settled = follow(pool, seconds)
            return 0 if settled or seconds is None else 1
    except KeyboardInterrupt:
        return 0
    except (AssertionError, HttpError, OSError) as error:
        print(f"the demonstration failed: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
