"""What the agent costs its dom0: CPU for a sample beside xentop's, memory, and whether it grows."""

import re

import process

GUESTS = 8
XENTOP_ITERATIONS = 60
SAMPLES = 1000
JOBS = 50


def _cpu_ms(host, pid):
    """Processor time that a process has used, from the kernel's own account."""
    words = host.run(f"cat /proc/{pid}/schedstat").split()
    return int(words[0]) / 1e6


def _private_kib(host, pid, kind=r"\w+"):
    """Memory that no other process shares: "Dirty" is what the process has written, "Clean" comes from its files."""
    text = host.run(f"cat /proc/{pid}/smaps_rollup")
    return sum(int(value) for value in re.findall(rf"^Private_{kind}: +(\d+) kB", text, re.M))


def _samples(site):
    """Samples that the controller has got from h1 so far."""
    text = site.api.get("/metrics")
    return int(float(re.search(r"^ballast_samples_total (\S+)", text, re.M).group(1)))


def _per_sample(site, host, pid, count):
    """(milliseconds of CPU for a sample, samples seen) over at least `count` samples of this agent alone."""
    first, cpu = _samples(site), _cpu_ms(host, pid)
    process.wait_until(lambda: _samples(site) - first >= count * len(site.lab.hosts), 30 * count, "samples", interval=1)
    seen = (_samples(site) - first) / len(site.lab.hosts)
    return (_cpu_ms(host, pid) - cpu) / seen, seen


def _xentop_ms(host):
    """Milliseconds of CPU for an iteration of xentop in batch mode, its start left out."""
    def cpu(iterations):
        out = host.run(f"bash -c 'TIMEFORMAT=\"cpu %U %S\"; {{ time xentop -b -d 1 -i {iterations} >/dev/null; }} 2>&1'",
                       timeout=iterations * 10 + 60)
        user, system = re.search(r"cpu (\S+) (\S+)", out).groups()
        return (float(user) + float(system)) * 1000
    return (cpu(XENTOP_ITERATIONS + 1) - cpu(1)) / XENTOP_ITERATIONS


def measure(site):
    host = site.lab["h1"]
    for number in range(GUESTS):
        site.create(f"load{number}")
    site.pool.settings["sample_interval"] = 1
    site.pool.restart_controller(balance=False)
    site.pool.wait_for_hosts(["h1", "h2"])
    pid = int(host.run("systemctl show -P MainPID ballast-agent.service"))
    agent_ms, _ = _per_sample(site, host, pid, 60)
    xentop_ms = _xentop_ms(host)
    # Growth is what is written and kept. Pages of the program come and go with what it last did.
    before = _private_kib(host, pid, "Dirty")
    for number in range(JOBS // 2):
        site.api.act("load0", "pause")
        site.api.act("load0", "unpause")
    _, seen = _per_sample(site, host, pid, SAMPLES - 60)
    return {"agent_ms": agent_ms, "xentop_ms": xentop_ms, "private_kib": _private_kib(host, pid),
            "growth_kib": _private_kib(host, pid, "Dirty") - before, "samples": int(seen) + 60, "jobs": JOBS}
