"""The HTTP endpoint of a pool of 2,000 guests: answers for a second of the controller's processor, idle readers of events.

Answers are counted for a second of processor time that the controller has used, not for a second of the clock: it has one
thread, and `wrk` and all else that runs beside it takes its own (they share caches with it, and that shows a little).
"""

import re
import socket
import subprocess
import tempfile

from scale import Site, wait_until

HOSTS = 20
GUESTS = 2000
READERS = 1000
WRK = ("wrk", "--threads", "1", "--connections", "16", "--duration", "10s")
HEAD = "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"


def answers_per_cpu_second(site, path):
    cpu = site.cpu_seconds()
    done = subprocess.run([*WRK, f"http://127.0.0.1:{site.pool.http_port}{path}"], check=True, capture_output=True, text=True)
    used = site.cpu_seconds() - cpu
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout).group(1)) / used


def reader(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(HEAD.encode())
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


def measure(programs):
    """{path: answers for a second of the processor}, MiB of the readers"""
    with tempfile.TemporaryDirectory(prefix="ballast-endpoint-") as folder, Site(programs, folder, HOSTS) as site:
        site.sections["http"].update(connections_max=1024, connections_per_address_max=1024)
        site.sections["limits"]["event_readers"] = READERS
        site.start_controller()
        site.start_fleet(GUESTS // HOSTS)
        site.wait_for_guests(GUESTS)
        rates = {path: answers_per_cpu_second(site, path) for path in ("/v1/hosts", "/v1/vms?limit=500")}
        wait_until("wrk has left", lambda: site.pool.get("/v1/status")["vms"]["all"] == GUESTS)
        return rates, readers_mib(site)
