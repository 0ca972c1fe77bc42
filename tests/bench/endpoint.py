"""The HTTP endpoint of a pool of 2,000 guests: answers for a second of the controller's processor, idle readers of events,
answers and events while agents report and guests move, memory after a million requests.

Answers are counted for a second of processor time that the controller has used, not for a second of the clock: it has one
thread, and `wrk` and all else that runs beside it takes its own (they share caches with it, and that shows a little).
"""

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time

from scale import Site, percentile, wait_until

HOSTS = 20
GUESTS = 2000
READERS = 1000
WRK = ("wrk", "--threads", "1", "--connections", "16", "--duration", "10s")
HEAD = "GET /v1/events{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
LOADED_PATHS = ("/v1/hosts", "/v1/vms/h3-vm7", "/v1/status", "/v1/vms?limit=50&host=h4", "/v1/jobs?limit=20", "/v1/plans?limit=5")
LOADED_PER_SECOND = 500
LOADED_SECONDS = 20
CHANGES = 300
# Requests of all kinds, right and wrong, by turns.
MIXED = pathlib.Path(__file__).resolve().parent / "mixed_requests.lua"
MIXED_REQUESTS = 1_000_000


def answers_per_cpu_second(site, path):
    cpu = site.cpu_seconds()
    done = subprocess.run([*WRK, f"http://127.0.0.1:{site.pool.http_port}{path}"], check=True, capture_output=True, text=True)
    used = site.cpu_seconds() - cpu
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout).group(1)) / used


def reader(port, query=""):
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(HEAD.format(query=query).encode())
    assert connection.recv(4096).startswith(b"HTTP/1.1 200"), "no stream of events was opened"
    return connection


def readers_mib(site):
    """What so many readers of events add to the controller's private memory."""
    before = site.private_mib()
    readers = [reader(site.pool.http_port) for _ in range(READERS)]
    try:
        return site.private_mib() - before
    finally:
        for connection in readers:
            connection.close()


@contextlib.contextmanager
def rebalancing(site):
    """Guests move all the time: a rebalance of a few guests at a threshold that some host is always above, again and again."""
    body = {"policy": "vds-3b", "max_moves": 8, "parameters": {"critical_load": 0.05, "cool_down_seconds": 0, "samples_min": 1}}
    over = threading.Event()

    def again():
        while not over.wait(0.2):
            site.pool.request("POST", "/v1/rebalance", body)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def answers_under_load(site):
    """[milliseconds] of GETs at a fixed rate, moves that succeeded meanwhile, slow turns of the loop and the longest turn."""
    slow = site.metric("ballast_loop_slow_turns_total")
    with rebalancing(site):
        done = subprocess.run([site.programs / "fleet", "gets", str(site.pool.http_port), str(LOADED_PER_SECOND * LOADED_SECONDS),
                               str(LOADED_PER_SECOND), "16", *LOADED_PATHS], check=True, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert {status for _, status in rows} == {"200"}, "a GET was refused"
    jobs = site.pool.get("/v1/jobs?limit=1000&kind=migrate&state=succeeded")["jobs"]
    return {"times": [float(ms) for ms, _ in rows], "moves": len(jobs),
            "slow_turns": site.metric("ballast_loop_slow_turns_total") - slow,
            "longest_turn_ms": 1000 * site.metric("ballast_loop_blocked_seconds_max"),
            "off_cpu_ms": 1000 * site.metric("ballast_loop_off_cpu_seconds_max")}


def event_delays(site):
    """[milliseconds] from a request that changes a guest until a reader has the event: above what the event alone takes."""
    connection = reader(site.pool.http_port, "?kind=vm")
    connection.settimeout(30)
    delays, text = [], b""
    try:
        for number in range(CHANGES):
            name = f"h{1 + number % HOSTS}-vm1"
            wanted = json.dumps(number // HOSTS % 2 == 1)
            began = time.monotonic()
            site.pool.post(f"/v1/vms/{name}:set-movable", {"movable": wanted == "true"})
            # What else changes comes too: until it is this guest's event with this value.
            sought = re.compile(rf'data: {{[^\n]*"name":"{name}"[^\n]*"movable":{wanted}[^\n]*}}\n\n'.encode())
            while not sought.search(text):
                text += connection.recv(65536)
            delays.append(1000 * (time.monotonic() - began))
            text = b""
    finally:
        connection.close()
    return delays


def budget_mib(site):
    """Of the table that `--budget` prints: all that it adds up to."""
    printed = subprocess.run([site.programs / "ballast-controller", "--config", site.pool.directory / "controller.toml",
                              "--budget"], check=True, capture_output=True, text=True).stdout
    return sum(int(line.split()[-1]) for line in printed.splitlines()
               if re.search(r"\d$", line) and not line.startswith("reserved at start")) / 2**20


def memory_after_requests(site, count=MIXED_REQUESTS):
    """Private memory before and after so many requests, by their kinds, and what --budget allows."""
    port = site.pool.http_port
    site.pool.get("/v1/vms?limit=1000")
    before, left, refused = site.private_mib(), count, 0
    while left > 0:
        done = subprocess.run(["wrk", "--threads", "1", "--connections", "16", "--duration", "10s", "--script", str(MIXED),
                               f"http://127.0.0.1:{port}"], check=True, capture_output=True, text=True).stdout
        left -= int(re.search(r"(\d+) requests in", done).group(1))
        refused += int((re.search(r"Non-2xx or 3xx responses: (\d+)", done) or [0, 0])[1])
    return {"requests": count - left, "refused": refused, "before": before, "after": site.private_mib(),
            "budget": budget_mib(site)}


def measure(programs, requests=MIXED_REQUESTS):
    with tempfile.TemporaryDirectory(prefix="ballast-endpoint-") as folder, \
            Site(programs, folder, HOSTS, GUESTS, limits={}) as site:
        site.sections["http"].update(connections_max=1024, connections_per_address_max=1024)
        site.sections["limits"]["event_readers"] = READERS
        site.start_controller()
        site.start_fleet(GUESTS // HOSTS)
        site.wait_for_guests(GUESTS)
        # First: the longest turn is told of the last two minutes, and the floods that follow have their own.
        loaded = answers_under_load(site)
        figures = {"us": {path: 1e6 / answers_per_cpu_second(site, path) for path in ("/v1/hosts", "/v1/vms?limit=500")},
                   "loaded": loaded}
        wait_until("wrk has left", lambda: site.pool.get("/v1/status")["vms"]["all"] == GUESTS)
        figures["readers_mib"] = readers_mib(site)
        wait_until("the readers have gone", lambda: site.metric("ballast_event_readers") == 0)
        figures["event_ms"] = event_delays(site)
        figures["memory"] = memory_after_requests(site, requests)
        return figures
