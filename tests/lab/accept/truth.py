"""What is true in the dom0s, by Xen's own tools: never by our word."""

import shlex
from dataclasses import dataclass

SUFFIXES = ("--incoming", "--migratedaway")


@dataclass(frozen=True)
class Copy:
    """One domain of a guest, as `xl list` shows it."""
    host: str
    name: str
    domid: int
    memory_mib: int
    flags: str  # "-b----"

    @property
    def executes(self):
        """Neither paused nor shut down nor dying: its vCPUs run, or wait for work."""
        return not set(self.flags[2:]) & set("pscd")


def domains(host):
    """Every guest domain of a host."""
    found = []
    for line in host.run("xl list").splitlines()[1:]:
        words = line.split()
        if len(words) >= 6 and words[1] != "0":
            found.append(Copy(host.name, words[0], int(words[1]), int(words[2]), words[4]))
    return found


def copies(hosts, guest):
    """All domains of a guest on all hosts, in whatever stage of moving."""
    names = {guest, *(guest + suffix for suffix in SUFFIXES)}
    return [copy for host in hosts for copy in domains(host) if copy.name in names]


def free_mib(host):
    return int(host.run("xl info free_memory").strip())


def cpu_cores(host, seconds):
    """Cores used by everything on the host, dom0 included, over some seconds, by xl's own counters."""
    look = "xl list | awk 'NR>1 {s += $NF} END {print s}'"
    script = (f"a=$({look}); s=$EPOCHREALTIME; sleep {seconds}; b=$({look}); e=$EPOCHREALTIME; "
              "awk -v a=$a -v b=$b -v s=$s -v e=$e 'BEGIN {print (b - a) / (e - s)}'")
    return float(host.run("bash -c " + shlex.quote(script)))


def rfb_banner(host, address, port):
    """The first line that a VNC server says to whoever connects from this dom0."""
    script = f"exec 3<>/dev/tcp/{address}/{port}; head -c 12 <&3"
    return host.run("timeout 20 bash -c " + shlex.quote(script))
