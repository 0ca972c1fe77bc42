"""Lab guests seen from outside: made with plain xl, told what to do, and their ticks read back."""

import dataclasses
import datetime
import re
import shlex

GUEST_FOLDER = "/usr/lib/ballast-lab/guest"
CONSOLE_FOLDER = "/var/log/xen/console"
# Smaller ones do not hold Debian's kernel: it takes 58 MB before it frees its start-up parts.
MEMORY_MIB_MIN = 96
TICK = re.compile(r"\[(?P<stamp>[-\d]+ [:\d]+)\] tick boot=(?P<boot>\w+) n=(?P<n>\d+) real=(?P<real>[\d.]+) mono=(?P<mono>[\d.]+) "
                  r"domid=(?P<domid>\S+) mem=(?P<mem>\w+) burn=(?P<burn>\d+) dirty=(?P<dirty>\d+) disk=(?P<disk>\d+)")


@dataclasses.dataclass(frozen=True)
class Tick:
    host: str
    time: float  # outer machine's clock
    boot: str
    n: int
    domid: str
    mem: str
    burn: int
    disk: int


def config(name, memory_mib=MEMORY_MIB_MIN, kind="pv", disk=None, network=False, vnc=False, vcpus=1, arguments=""):
    """An xl configuration of a lab guest; `disk` is the number of a SAN disk."""
    lines = [f'name="{name}"', f'type="{kind}"', f'kernel="{GUEST_FOLDER}/vmlinuz"', f'ramdisk="{GUEST_FOLDER}/initrd"',
             f'extra="console=hvc0 quiet rodata=off {arguments}"', f"memory={memory_mib}", f"vcpus={vcpus}"]
    if disk is not None:
        lines.append(f'disk=["phy:/dev/san/{disk},xvda,w"]')
    if network:
        lines.append('vif=["bridge=xenbr0"]')
    if vnc:
        lines.append('vfb=["vnc=1,vnclisten=0.0.0.0,vncunused=1"]')
    return "\n".join(lines) + "\n"


def create(host, name, timeout=180, **options):
    """Creates a guest with xl and returns when it has reported that it is up."""
    host.put({f"/root/{name}.cfg": config(name, **options)})
    host.run(f"xl create /root/{name}.cfg", timeout)
    wait_booted(host, name, timeout)


def wait_booted(host, name, timeout=180):
    wait_node(host, name, "data/boot-complete", "?*", timeout)


def tell(host, name, command, timeout=60):
    """Gives a guest a command (see guest/guest.c) and waits until it has obeyed."""
    host.run(f"xenstore-write /local/domain/$(xl domid {shlex.quote(name)})/data/lab-command {shlex.quote(command)}")
    wait_node(host, name, "data/lab-answer", command, timeout)


def wait_node(host, name, node, pattern, timeout):
    """Waits until a node of the guest's holds what the shell's pattern says."""
    # A watch, not a loop of reads: under emulation those would take the processor from the guest waited for.
    host.run(f"""path=/local/domain/$(xl domid {shlex.quote(name)})/{node} || exit 1
        exec 3< <(exec xenstore watch $path)
        watch=$!
        while read -r -t {timeout} -u 3 _; do
            case "$(xenstore read $path 2>/dev/null)" in {pattern.replace(" ", "?")}) kill $watch; exit 0;; esac
        done
        kill $watch
        echo "{name}: no {node} within {timeout} s" >&2; exit 1""", timeout + 20)


def console(host, name, lines=None):
    """What xenconsoled has logged of a guest, the log of its arrival by migration included."""
    quoted = shlex.quote(name)
    look = "cat" if lines is None else f"tail -q -n {lines}"
    return host.run(f"cd {CONSOLE_FOLDER} && {look} guest-{quoted}--incoming.log guest-{quoted}.log 2>/dev/null || true")


def ticks(hosts, name, lines=None):
    """All ticks of a guest on all these hosts, in time order."""
    found, late = [], {}
    for host in hosts:
        offset = host.clock_offset()[0]
        for match in TICK.finditer(console(host, name, lines)):
            stamp = datetime.datetime.fromisoformat(match["stamp"] + "+00:00").timestamp()
            boot = match["boot"]
            late[boot] = max(late.get(boot, -1e9), stamp - float(match["real"]))
            found.append(Tick(host.name, float(match["real"]) - offset, boot, int(match["n"]),
                              match["domid"], match["mem"], int(match["burn"]), int(match["disk"])))
    # A guest's clock is late by what its kernel lost while it booted: a constant for all of that boot's life,
    # and seen in the whole seconds that dom0 stamps on the lines. Differences stay exact.
    found = [dataclasses.replace(tick, time=tick.time + late[tick.boot]) for tick in found]
    return sorted(found, key=lambda tick: (tick.time, tick.n))


def longest_gap(found):
    """(seconds, tick before, tick after) of the longest silence; None with fewer than two ticks."""
    pairs = [(after.time - before.time, before, after) for before, after in zip(found, found[1:])]
    return max(pairs, key=lambda pair: pair[0], default=None)


def faults(found):
    """What must never be seen in the ticks of one guest that was moved about: a list of sentences."""
    wrong = []
    if len({tick.boot for tick in found}) > 1:
        wrong.append("it was started again")
    numbers = [tick.n for tick in found]
    if len(set(numbers)) < len(numbers):
        wrong.append("it ticked twice with one number: it ran in two places")
    if any(tick.mem != "ok" for tick in found):
        wrong.append("its memory changed")
    by_number = sorted(found, key=lambda tick: tick.n)
    homes = [tick.host for tick in by_number]
    moves = sum(1 for a, b in zip(homes, homes[1:]) if a != b)
    by_time = [tick.host for tick in found]
    if sum(1 for a, b in zip(by_time, by_time[1:]) if a != b) > moves:
        wrong.append("two hosts ran it at the same time")
    return wrong
