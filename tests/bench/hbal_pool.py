"""Clusters made for Ganeti's hbal, in their neutral form (NAME.csv or NAME.csv.gz), as ballast-pool/1, and hbal's score.

The neutral form has two tables in one file: `host,name,cores,mem_mib,dom0_mem_mib,net_mbit` and
`vm,name,host,vcpus,mem_mib,cpu,mem,disk,net`, the last four in shares of a standard host.
The score is that of hbal's manual page for guests on shared storage: the sum of the standard deviations over hosts of
the share of free memory, vCPUs per core, and the four loads.
"""

import gzip
import math
import pathlib

STANDARD_CORES = 32
STANDARD_MEMORY_MIB = 262144
STANDARD_NET_MBPS = 10_000
STANDARD_DISK_MBPS = 1_000  # megabytes per second; the clusters give shares only


def _lines(folder, name):
    plain = pathlib.Path(folder) / f"{name}.csv"
    if plain.exists():
        return plain.read_text().splitlines()
    with gzip.open(f"{plain}.gz", "rt") as packed:
        return packed.read().splitlines()


def _host(fields):
    name, cores, memory_mib, dom0_mib, net = fields
    return {"name": name, "state": "up", "cpu_cores": int(cores), "memory_mib": int(memory_mib),
            "memory_reserved_mib": int(dom0_mib), "net_mbps": int(net), "disk_mbps": STANDARD_DISK_MBPS}


def _vm(fields):
    name, host, vcpus, memory_mib = fields[:4]
    cpu, memory, disk, net = map(float, fields[4:])
    return {"name": name, "host": host, "state": "running", "memory_mib": int(memory_mib), "vcpus": int(vcpus),
            "cpu_cores": [cpu * STANDARD_CORES], "net_mbps": [net * STANDARD_NET_MBPS],
            "disk_mbps": [disk * STANDARD_DISK_MBPS], "memory_used_mib": [memory * STANDARD_MEMORY_MIB], "movable": True}


def load_pool(folder, name):
    """The cluster as a ballast-pool/1 document."""
    rows = [line.split(",") for line in _lines(folder, name)]
    hosts = [_host(row[1:]) for row in rows if row[0] == "host" and row[1] != "name"]
    vms = [_vm(row[1:]) for row in rows if row[0] == "vm" and row[1] != "name"]
    return {"format": "ballast-pool/1", "hosts": hosts, "vms": vms}


class Standing:
    """A pool whose guests move one by one, with hbal's score after each move."""

    def __init__(self, pool):
        self.hosts = {host["name"]: [0.0] * 6 for host in pool["hosts"]}
        self.sizes = {host["name"]: host for host in pool["hosts"]}
        self.vms = {vm["name"]: dict(vm) for vm in pool["vms"]}
        for vm in self.vms.values():
            self._shift(vm, vm["host"], 1)

    def _shift(self, vm, host, sign):
        size = self.sizes[host]
        shares = (vm["memory_mib"] / size["memory_mib"], vm["vcpus"] / size["cpu_cores"],
                  vm["cpu_cores"][0] / STANDARD_CORES, vm["memory_used_mib"][0] / STANDARD_MEMORY_MIB,
                  vm["disk_mbps"][0] / STANDARD_DISK_MBPS, vm["net_mbps"][0] / STANDARD_NET_MBPS)
        row = self.hosts[host]
        for i, share in enumerate(shares):
            row[i] += sign * share

    def move(self, name, to):
        vm = self.vms[name]
        self._shift(vm, vm["host"], -1)
        vm["host"] = to
        self._shift(vm, to, 1)

    def score(self):
        total = 0.0
        for column in zip(*self.hosts.values()):
            mean = sum(column) / len(column)
            total += math.sqrt(sum((value - mean) ** 2 for value in column) / len(column))
        return total

    def hot_hosts(self, limit):
        return sum(1 for row in self.hosts.values() if max(row[2:]) > limit)
