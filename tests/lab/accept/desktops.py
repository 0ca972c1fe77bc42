"""Desktops on real Xen: a pool through its tiers, sessions through relays, a private desktop on a disk that both hosts see."""

import pathlib
import struct
import sys
import zlib

import cpio
import guests
import process
from client import ApiError
from pool import GUEST_KERNEL, GUEST_RAMDISK, ROOT
from scenarios import expect

sys.path.append(str(ROOT / "tests/tools"))
import rfb  # noqa: E402

DESKTOP_RAMDISK = "/usr/lib/ballast-lab/guest/initrd-desktop"
STORE = "/srv/ballast"
DISK_BYTES = 4 << 20
POOL_TIERS = {"ready": 1, "paused": 1, "saved": 1, "max": 3}


def give_reporter(site):
    """Puts the guests' half, ballast-guest, into an initramfs behind the lab's own: the kernel unpacks both."""
    archive = cpio.Archive()
    archive.file("sbin/ballast-guest", (site.pool.programs / "ballast-guest").read_bytes(), 0o755)
    for host in site.lab.hosts:
        host.put({"/root/reporter.cpio": archive.content()})
        host.run(f"cat {GUEST_RAMDISK} /root/reporter.cpio > {DESKTOP_RAMDISK}")


def template(**more):
    return {"type": "pv", "memory_mib": 96, "vcpus": 1, "kernel": GUEST_KERNEL, "ramdisk": DESKTOP_RAMDISK,
            "cmdline": "console=tty0 console=hvc0 quiet", "vnc": {}, **more}


def kill_controller(site):
    """kill -9, a new one, and the hosts found again. Returns nothing: what it knows must be what it knew."""
    site.pool.kill_controller()
    site.pool.start_controller()
    site.pool.wait_for_hosts([host.name for host in site.lab.hosts])


def tiers(site, name):
    counts = site.api.get(f"/v1/pools/{name}")["desktops"]
    return {state: count for state, count in counts.items() if state != "all"}


def wait_for_tiers(site, name, wanted, seconds=240):
    process.wait_until(lambda: tiers(site, name) == wanted, seconds, f"{name} as {wanted}", interval=1)


def open_session(site, body, seconds=60):
    return site.api.post(f"/v1/sessions?wait={seconds}", body)


def session(site, opened):
    return site.api.get(f"/v1/sessions/{opened['id']}")


def wait_open(site, opened, seconds=180):
    """The session once it is open and its endpoint is known."""
    def ready():
        now = session(site, opened)
        expect(now["state"] in ("opening", "open"), f"the session ended: {now}")
        return now if now["state"] == "open" and now["endpoint"] else None
    return process.wait_until(ready, seconds, f"session {opened['id']} open", interval=0.5)


def remove_pool(site, name):
    for each in site.api.get(f"/v1/sessions?pool={name}&state=open,opening")["sessions"]:
        site.api.request("DELETE", f"/v1/sessions/{each['id']}")
    # Refused until the sessions have closed, accepted while the desktops go, and then there is no such pool.
    process.wait_until(lambda: site.api.request("DELETE", f"/v1/pools/{name}")[0] == 404, 180, f"the end of pool {name}",
                       interval=1)


def outer_port(site, host_name, port):
    """The port of this machine's loopback that leads to a relay's port in a dom0."""
    return site.lab[host_name].port(f"relay{port - site.pool.relay_port_first}")


def connect(site, opened):
    """A VNC client in this session, from outside the host."""
    host = site.api.vm(opened["vm"])["host"]
    endpoint = opened["endpoint"]
    return rfb.Client("127.0.0.1", outer_port(site, host, endpoint["port"]), endpoint["password"])


def shades(pixels):
    """How many different colours a screen shows: a picture has more than one."""
    return len({pixels[i:i + 3] for i in range(0, len(pixels), 4)})


def write_png(path, width, height, pixels):
    """32-bit little-endian BGRX, as QEMU's VNC server sends it."""
    rows = b"".join(
        b"\0" + b"".join(pixels[i + 2:i + 3] + pixels[i + 1:i + 2] + pixels[i:i + 1]
                         for i in range(y * width * 4, (y + 1) * width * 4, 4)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                                   chunk(b"IEND", b""))


def open_relays(host):
    """Ports of the relay range on which somebody listens in this dom0."""
    return host.run("ss -Htln 'sport >= :17100 and sport < :17200' | wc -l").strip()


# --- a pool ----------------------------------------------------------------------------------------------------------


def tiers_and_sessions(site):
    """three CVMs on two hosts go Ready, Paused, Saved by their timers; sessions take them in that order, then are denied; the controller dies twice"""
    give_reporter(site)
    site.api.post("/v1/pools", {"name": "kiosk", "after_session": "ready", "targets": POOL_TIERS,
                                "pause_after_seconds": 2, "save_after_seconds": 2, "guest_signals": True,
                                "console": "relay", "template": template()})
    # In the middle of its first creations, and once more in the middle of a session's restore.
    process.wait_until(lambda: tiers(site, "kiosk"), 60, "the first desktop under way")
    kill_controller(site)
    wait_for_tiers(site, "kiosk", {"ready": 1, "paused": 1, "saved": 1})
    kinds = {vm["name"]: vm for vm in site.api.get("/v1/vms?kind=common")["vms"]}
    expect({vm["host"] for vm in kinds.values()} == {"h1", "h2"}, f"the spares are not spread: {kinds}")
    for name, vm in kinds.items():
        found = site.copies(name)
        expect(len(found) == (0 if vm["state"] == "saved" else 1), f"{name} is {vm['state']}, and Xen has {found}")
        expect(vm["state"] != "paused" or found[0].flags[2] == "p", f"xl does not show {name} paused: {found}")

    sessions = [open_session(site, {"user": user, "pool": "kiosk"}) for user in ("ann", "bob")]
    expect([each["taken_from"] for each in sessions] == ["ready", "paused"], f"taken from elsewhere: {sessions}")
    sessions.append(open_session(site, {"user": "cleo", "pool": "kiosk"}, seconds=1))
    expect(sessions[2]["taken_from"] == "saved", f"the third session: {sessions[2]}")
    kill_controller(site)
    opened = [wait_open(site, each) for each in sessions]
    expect(len({each["vm"] for each in opened}) == 3, f"two sessions have one desktop: {opened}")
    for each in opened:
        found = site.copies(each["vm"])
        expect(len(found) == 1 and found[0].executes, f"{each['vm']} has a user and does not run: {found}")
    try:
        open_session(site, {"user": "dora", "pool": "kiosk"}, seconds=1)
        expect(False, "a fourth session was granted")
    except ApiError as error:
        expect(error.problem.get("type", "").endswith("no-capacity") and len(error.problem["reasons"]) == 3 and
               error.problem["would_help"], f"denied without reasons: {error}")
    again = open_session(site, {"user": "ann", "pool": "kiosk"})
    expect(again["id"] == opened[0]["id"], f"ann's second request made another session: {again}")
    for each in opened:
        client = connect(site, each)
        client.close()
    remove_pool(site, "kiosk")
    expect(not any(site.copies(name) for name in kinds), "desktops outlive their pool")


# --- a private desktop -----------------------------------------------------------------------------------------------


def private_desktop(site):
    """boots from its own disk in the store that both hosts see, signals, shows its console through a relay, moves with its session, leaves nothing open; the controller dies at login and in the migration"""
    give_reporter(site)
    h1, h2 = site.lab.hosts
    h1.run(f"mkdir -p {STORE}/templates {STORE}/disks && head -c {DISK_BYTES} /dev/urandom > {STORE}/templates/office.img")
    expect(h2.run(f"stat -c %s {STORE}/templates/office.img").strip() == str(DISK_BYTES), "the store is not shared")
    disk = {"format": "raw", "target": f"{STORE}/disks/{{user}}.img", "device": "xvda",
            "create": {"source": "copy", "template": f"{STORE}/templates/office.img"}}
    site.api.post("/v1/pools", {"name": "office", "kind": "private", "guest_signals": True, "console": "relay",
                                "shutdown_grace_seconds": 20, "template": template(disks=[disk])})
    site.api.request("PUT", "/v1/private-desktops/ann", {"pool": "office"})
    opened = open_session(site, {"user": "ann", "private": True}, seconds=1)
    kill_controller(site)
    opened = wait_open(site, opened)
    name = opened["vm"]
    home = site.api.vm(name)["host"]
    other = "h2" if home == "h1" else "h1"
    guests.wait_booted(site.lab[home], name)

    client = connect(site, opened)
    process.wait_until(lambda: shades(client.screen()) > 1, 60, "a picture on the guest's screen", interval=1)
    write_png(site.pool.folder / "private-desktop.png", client.width, client.height, client.screen())
    guests.tell(site.lab[home], name, "disk on")
    ticks = site.expect_ticking(name)
    expect(ticks[-1].disk == 0, "the guest cannot write to its disk")
    path = f"{STORE}/disks/ann.img"
    process.wait_until(lambda: f"boot={ticks[-1].boot}" in h1.run(f"head -c 200 {path} | tr -d '\\0'"), 60,
                       "the guest's own words on its disk", interval=1)

    job = site.api.post(f"/v1/vms/{name}:migrate", {"to": other, "mode": "live"})
    process.wait_until(lambda: any(copy.host == other for copy in site.copies(name)), 90, "the copy on the other host",
                       interval=0.2)
    kill_controller(site)
    ended = site.api.wait_for_job(job["id"], 180)
    expect(ended["state"] == "succeeded", f"the migration of a desktop in use: {ended}")
    site.expect_one(name, other)
    expect(client.cut_off(), "the relay on the old host is still open")
    moved = process.wait_until(lambda: (lambda now: now["endpoint"] and now["endpoint"]["revision"] >
                                        opened["endpoint"]["revision"] and now)(session(site, opened)),
                               90, "the session's new endpoint", interval=0.5)
    expect(moved["state"] == "open" and moved["vm"] == name, f"the session after the move: {moved}")
    client = connect(site, moved)
    process.wait_until(lambda: shades(client.screen()) > 1, 60, "the picture after the move", interval=1)
    expect(site.expect_ticking(name)[-1].boot == ticks[-1].boot, "the guest was started again")

    site.api.request("DELETE", f"/v1/sessions/{opened['id']}")
    expect(client.cut_off(), "the relay outlives its session")
    kill_controller(site)
    process.wait_until(lambda: site.api.get("/v1/private-desktops/ann")["state"] == "inactive", 120, "the shutdown",
                       interval=1)
    expect(not site.copies(name), "a closed desktop still has a domain")
    for host in site.lab.hosts:
        expect(open_relays(host) == "0", f"{host.name} still listens for clients")
        expect(path not in host.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), f"{host.name} holds the disk open")
    site.api.request("DELETE", "/v1/private-desktops/ann")
    remove_pool(site, "office")
    expect(h2.run(f"stat -c %s {path}").strip() == str(DISK_BYTES), "the disk went with the desktop")
