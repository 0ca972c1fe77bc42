"""The controller under load: memory and CPU by the number of guests, grants of sessions, restarts.

The load is `fleet` (tests/bench/fleet): agents over the real protocol on loopback, one connection for each host, and
users who log in over HTTP. Nothing of the controller is stood in for: its store is on disk and synced.
"""

import concurrent.futures
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import sqlite3
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# By its path: the acceptance test, whose modules the benchmarks use too, has another "pool".
spec = importlib.util.spec_from_file_location("tools_pool", HERE.parent / "tools" / "pool.py")
tools_pool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tools_pool)
Pool, Program, wait_until = tools_pool.Pool, tools_pool.Program, tools_pool.wait_until

GUESTS_PER_HOST = 100
CURVE_HOSTS = (20, 100, 300, 1000)
MEASURED_SECONDS = 30
TEMPLATE = {"type": "pv", "memory_mib": 128, "vcpus": 1, "kernel": "/boot/guest", "vifs": [{"bridge": "xenbr0"}]}


# What such a site uses little of, beside its hosts, guests, desktops and sessions.
SMALL_LIMITS = {"plans": 8, "definitions": 16, "decisions": 64, "events": 512, "event_kib": 256,
                "image_sketches": 0}


class Site:
    """A controller whose limits fit so many hosts, guests, desktops and sessions, and the fleet that dials it."""

    def __init__(self, programs, folder, hosts, guests, desktops=0, sessions=64, limits=None):
        self.programs = programs
        self.folder = pathlib.Path(folder)
        self.pool = Pool(programs, folder)
        self.hosts = hosts
        self.fleet = None
        self.sections = {
            "agents": {"listen": "127.0.0.1", "port": self.pool.agents_port, "plain": True},
            "http": {"port": self.pool.http_port, "auth": "none", "connections_max": 128,
                     "connections_per_address_max": 128},
            "hosts": {"sample_interval_seconds": 5},
            "balance": {"enabled": True},
            "limits": {"hosts": hosts, "links": hosts + 24, "vms": guests, "desktops": max(desktops, 1),
                       "sessions": sessions} | (SMALL_LIMITS if limits is None else limits),
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.fleet is not None:
            self.fleet.stop()
        self.pool.stop()

    def start_controller(self):
        self.pool.start_controller(**self.sections)

    def start_fleet(self, guests_per_host=GUESTS_PER_HOST):
        self.fleet = Program("fleet", [self.programs / "fleet", "agents", str(self.pool.agents_port), str(self.hosts),
                                       str(guests_per_host)], self.folder)
        self.fleet.start()

    def pid(self):
        return self.pool.controller.process.pid

    def ready(self):
        try:
            return self.pool.request("GET", "/readyz", token=False)[0] == 200
        except OSError:
            return False

    def wait_for_guests(self, guests, seconds=300):
        wait_until(f"{guests} guests are known",
                   lambda: self.ready() and self.pool.get("/v1/status")["vms"]["all"] >= guests, seconds)

    def metric(self, name):
        text = self.pool.request("GET", "/metrics")[2]
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M).group(1))

    def wait_for_samples(self, of_each, seconds=120):
        """Until so many more samples have come as there are hosts, so many times."""
        enough = self.metric("ballast_samples_total") + of_each * self.hosts
        wait_until(f"{of_each} more samples of {self.hosts} hosts",
                   lambda: self.metric("ballast_samples_total") >= enough, seconds)

    def private_mib(self):
        text = pathlib.Path(f"/proc/{self.pid()}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")) / 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def make_pool(self, name, ready):
        self.pool.post("/v1/pools", {"name": name, "template": TEMPLATE, "after_session": "ready",
                                     "targets": {"ready": ready, "paused": 0, "saved": 0, "max": ready}})
        wait_until(f"{ready} desktops of {name} are ready",
                   lambda: self.pool.get(f"/v1/pools/{name}")["desktops"].get("ready") == ready, 600)

    def log_in(self, pool, count, per_second, connections=24):
        """[(milliseconds, status, answer)] of so many users"""
        done = subprocess.run([self.programs / "fleet", "logins", str(self.pool.http_port), pool, pool, str(count),
                               str(per_second), str(connections)], check=True, capture_output=True, text=True)
        rows = [line.split(" ", 2) for line in done.stdout.splitlines() if line]
        return [(float(ms), int(status), json.loads(body)) for ms, status, body in rows]


def curve(programs, hosts_list=CURVE_HOSTS):
    """[{guests, private_mib, cpu_share}]"""
    rows = []
    for hosts in hosts_list:
        with tempfile.TemporaryDirectory(prefix="ballast-scale-") as folder, \
                Site(programs, folder, hosts, hosts * GUESTS_PER_HOST) as site:
            site.start_controller()
            site.start_fleet()
            site.wait_for_guests(hosts * GUESTS_PER_HOST)
            site.wait_for_samples(2)  # so that what connecting has cost is over
            cpu, began = site.cpu_seconds(), time.monotonic()
            time.sleep(MEASURED_SECONDS)
            share = (site.cpu_seconds() - cpu) / (time.monotonic() - began)
            rows.append({"guests": hosts * GUESTS_PER_HOST, "private_mib": site.private_mib(), "cpu_share": share})
    return rows


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# What a login's transaction puts in the store's log, and how long that log is.
LOGIN_BYTES = 20 * 1024
LOG_BYTES = 8 << 20
# The fleet's users begin to log in so long after its start.
LOGINS_BEGIN_S = 1.0


def synced_writes(folder, count, per_second):
    """Milliseconds of so many plain synced writes, each from when it was due, as logins are timed: what the disk alone
    takes of them, in the same seconds."""
    data = os.urandom(LOGIN_BYTES)
    with open(pathlib.Path(folder) / "synced", "wb", buffering=0) as file:
        file.write(bytes(LOG_BYTES))
        os.fsync(file)
        first, times = time.monotonic() + LOGINS_BEGIN_S, []
        for i in range(count):
            due = first + i / per_second
            time.sleep(max(0, due - time.monotonic()))
            os.pwrite(file.fileno(), data, i * LOGIN_BYTES % (LOG_BYTES - LOGIN_BYTES))
            os.fdatasync(file)
            times.append((time.monotonic() - due) * 1000)
    return times


def parts_of_changes(site):
    """{part: (seconds of all changes, changes, those that took over 10 ms of it)}"""
    text = site.pool.request("GET", "/metrics")[2]
    rows = re.findall(r'^ballast_http_change_seconds_(\w+){(?:part="(\w+)")(?:,le="0.01")?} (\S+)$', text, re.M)
    values = {(part, what): float(value) for what, part, value in rows}
    return {part: (values[part, "sum"], values[part, "count"], values[part, "count"] - values[part, "bucket"])
            for part, what in values if what == "sum"}


def grants(programs, hosts=20, desktops=2000, rate=200, logins=1000, burst=500, burst_ready=400):
    """Sessions from Ready desktops at a fixed rate, then more logins within a second than there are desktops."""
    with tempfile.TemporaryDirectory(prefix="ballast-scale-") as folder, \
            Site(programs, folder, hosts, desktops, desktops=desktops, sessions=desktops) as site:
        site.start_controller()
        site.start_fleet(guests_per_host=0)
        wait_until("every host has reported", site.ready, 60)
        site.make_pool("steady", desktops - burst_ready)
        site.make_pool("burst", burst_ready)
        before = parts_of_changes(site)
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            writes = beside.submit(synced_writes, folder, logins, rate)
            steady = site.log_in("steady", logins, rate)
        parts = {part: [now - then for now, then in zip(after, before[part])]
                 for part, after in parts_of_changes(site).items()}
        assert all(status == 201 for _, status, _ in steady), "a login was refused although desktops were ready"
        assert len({answer["vm_uuid"] for _, _, answer in steady}) == logins, "two users got one desktop"
        rush = site.log_in("burst", burst, burst, connections=96)
        granted = [answer for _, status, answer in rush if status == 201]
        denied = [answer for _, status, answer in rush if status != 201]
        assert len({answer["vm_uuid"] for answer in granted}) == len(granted) == burst_ready
        assert len(denied) == burst - burst_ready
        assert all(answer["reasons"] and answer["would_help"] for answer in denied), "a denial without its reason"
        times = [ms for ms, _, _ in steady]
        return {"p50_ms": statistics.median(times), "p99_ms": percentile(times, 0.99), "max_ms": max(times),
                "parts": parts, "write_p99_ms": percentile(writes.result(), 0.99), "write_max_ms": max(writes.result()),
                "burst_p99_ms": percentile([ms for ms, _, _ in rush], 0.99), "private_mib": site.private_mib(),
                "guests": desktops, "sessions": logins + burst_ready}


def uuid_of(host, guest):
    """As the fleet makes them."""
    made = bytearray(b"\xf1\xee" + bytes(14))
    made[2:6] = host.to_bytes(4, "little")
    made[12:16] = guest.to_bytes(4, "little")
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return bytes(made)


def fill_store(path, hosts, desktops_per_host, now_ms):
    """Every guest of the fleet known to the store, some of them desktops with an open session each."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection as store:
        first = store.execute("SELECT next_session_id FROM identity").fetchone()[0]
        session = first
        for host in range(1, hosts + 1):
            store.execute("INSERT INTO hosts VALUES(?,?,0,0,?)", (f"h{host}", uuid_of(host, 0), now_ms))
            for guest in range(1, GUESTS_PER_HOST + 1):
                uuid, name, desktop = uuid_of(host, guest), f"h{host}-vm{guest}", guest <= desktops_per_host
                store.execute("INSERT INTO vms(uuid,name,kind,ours,movable,last_host,last_moved) VALUES(?,?,?,?,1,?,0)",
                              (uuid, name, 1 if desktop else 0, int(desktop), f"h{host}"))
                if not desktop:
                    continue
                store.execute("INSERT INTO desktops VALUES(?,?,'many',1,'',4,?,1,1,0,?)", (uuid, name, now_ms, session))
                store.execute("INSERT INTO sessions VALUES(?,?,'many',0,1,?,?,3,0,'','secret','',0,?,?,?,0,0)",
                              (session, f"user{session}", uuid, name, now_ms, now_ms, now_ms))
                session += 1
        store.execute("UPDATE identity SET next_session_id=?", (session,))


def restart(programs, hosts=1000, desktops_per_host=10):
    """Seconds from the start of the process until it answers, and until every host has reported."""
    desktops = hosts * desktops_per_host
    with tempfile.TemporaryDirectory(prefix="ballast-scale-") as folder, \
            Site(programs, folder, hosts, hosts * GUESTS_PER_HOST, desktops=desktops, sessions=desktops) as site:
        site.start_controller()
        site.pool.post("/v1/pools", {"name": "many", "template": TEMPLATE, "after_session": "ready",
                                     "targets": {"ready": 0, "paused": 0, "saved": 0, "max": desktops}})
        site.pool.controller.stop()
        fill_store(site.pool.state_dir / "controller.db", hosts, desktops_per_host, int(time.time() * 1000))
        site.start_fleet()
        wait_until("the whole fleet dials", lambda: "up=0 " in site.fleet.log_tail(), 60)
        began = time.monotonic()
        site.pool.controller.start()
        wait_until("the controller answers", lambda: healthy(site), 120)
        answers = time.monotonic() - began
        wait_until("every host has reported", site.ready, 120)
        ready = time.monotonic() - began
        site.wait_for_guests(hosts * GUESTS_PER_HOST)
        status = site.pool.get("/v1/status")
        kept = site.pool.get("/v1/limits")["limits"]
        sessions = next(limit["used"] for limit in kept if limit["name"] == "sessions")
        assert status["vms"]["running"] == hosts * GUESTS_PER_HOST, status["vms"]
        assert sessions == desktops, sessions
        return {"answers": answers, "ready": ready, "guests": hosts * GUESTS_PER_HOST, "sessions": sessions,
                "private_mib": site.private_mib()}


def healthy(site):
    try:
        return site.pool.request("GET", "/healthz", token=False)[0] == 200
    except OSError:
        return False


def killed(programs, hosts=4):
    """Seconds from the start after kill -9 of a small pool with sessions until every host has reported again."""
    with tempfile.TemporaryDirectory(prefix="ballast-scale-") as folder, \
            Site(programs, folder, hosts, hosts * 4 + 32, desktops=32, sessions=64) as site:
        site.start_controller()
        site.start_fleet(guests_per_host=4)
        site.wait_for_guests(hosts * 4)
        site.make_pool("few", 16)
        opened = site.log_in("few", 10, 100, connections=4)
        site.pool.controller.kill()
        began = time.monotonic()
        site.pool.controller.start()
        wait_until("every host has reported", site.ready, 30)
        seconds = time.monotonic() - began
        for _, status, session in opened:
            again = site.pool.get(f"/v1/sessions/{session['id']}")
            assert status == 201 and (again["state"], again["vm"]) == ("open", session["vm"]), again
        return seconds
