"""How long a migration takes between two lab hosts, and for how long the guest stands still: ours over mutual TLS, and
`xl migrate` over a plain TCP pipe, in one run, each in both directions: the two emulated hosts are not equally fast."""

import time

import guests

ROUND_TRIPS = 2
MEMORY_MIB = 128
GUEST = "racer"
PORT = 9999


def _gap(site, moved_after):
    """The longest silence in the guest's ticks since a moment, in seconds."""
    ticks = [tick for tick in site.lab.ticks(GUEST) if tick.time >= moved_after - 2]
    return guests.longest_gap(ticks)[0]


def _ours(site, _source, destination):
    begin = time.time()
    job = site.api.act(GUEST, "migrate", {"to": destination.name, "mode": "live"})
    site.expect_ticking(GUEST)
    return {"seconds": job["migration"]["total_ms"] / 1000, "gap": _gap(site, begin)}


def _xl(site, source, destination):
    """xl through a socat pipe. Its time is from the start of the command to its end, the receiver being ready."""
    receiver = destination.spawn(f"socat TCP-LISTEN:{PORT},reuseaddr EXEC:'xl migrate-receive'")
    destination.run(f"timeout 20 sh -c 'until ss -ltn | grep -q :{PORT}; do :; done'")
    begin = time.time()
    pipe = f"socat - TCP:{destination.peer_address}:{PORT} #"
    out = source.run("bash -c 's=$EPOCHREALTIME; xl migrate -s " + f'"{pipe}" {GUEST} x' +
                     " >/dev/null 2>&1 || exit 1; e=$EPOCHREALTIME; awk -v a=$s -v b=$e \"BEGIN {print b - a}\"'",
                     timeout=300)
    receiver.wait(timeout=60)
    site.pool.wait_for_vm(GUEST, state="running", host=destination.name)
    site.expect_ticking(GUEST)
    return {"seconds": float(out), "gap": _gap(site, begin)}


def _set_compression(site, compression):
    for host in site.lab.hosts:
        host.put({"/etc/ballast/agent.toml": site.pool.agent_config(host.name, host.peer_address, compression)})
        host.run("systemctl restart ballast-agent.service")
    site.pool.wait_for_hosts([host.name for host in site.lab.hosts])


def measure(site):
    site.create(GUEST, memory_mib=MEMORY_MIB)
    h1, h2 = site.lab["h1"], site.lab["h2"]
    results = {"xl": [], "none": [], "auto": []}
    for compression in ("none", "auto"):
        _set_compression(site, compression)
        for _ in range(ROUND_TRIPS):
            results[compression].append(_ours(site, h1, h2))
            results["xl"].append(_xl(site, h2, h1))
            results["xl"].append(_xl(site, h1, h2))
            results[compression].append(_ours(site, h2, h1))
    site.destroy(GUEST)
    return results
