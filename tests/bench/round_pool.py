"""A pool as a round of the controller sees it: every guest with its past, no host in need, and a few migrations that pay."""

import random

HOSTS, GUESTS, SAMPLES = 100, 2000, 60
PERSISTENCE = 0.8  # of what a load differs from its mean, from one sample to the next


def series(source, mean, swing):
    load, samples = mean, []
    for _ in range(SAMPLES):
        load = mean + PERSISTENCE * (load - mean) + source.gauss(0, swing * mean)
        samples.append(round(max(0.0, load), 4))
    return samples


def guest(source, number):
    memory_mib = source.choice((1024, 2048, 4096))
    return {"name": f"v{number:04}", "host": f"h{number % HOSTS:03}", "memory_mib": memory_mib, "vcpus": 2,
            "cpu_cores": series(source, min(source.expovariate(2.5), 2), 0.15),
            "net_mbps": series(source, source.uniform(5, 80), 0.2), "disk_mbps": series(source, source.uniform(0.5, 8), 0.2),
            "memory_used_mib": series(source, 0.6 * memory_mib, 0.02)}


def make(seed):
    source = random.Random(seed)
    hosts = [{"name": f"h{number:03}", "cpu_cores": 16, "memory_mib": 131072, "memory_reserved_mib": 1024, "net_mbps": 10000,
              "disk_mbps": 1000} for number in range(HOSTS)]
    return {"format": "ballast-pool/1", "sample_interval_seconds": 60, "hosts": hosts,
            "vms": [guest(source, number) for number in range(GUESTS)]}
