#!/usr/bin/env python3
"""Whether any plan but hbal's own can be at or below hbal's score after each single migration.

  hbal_prefixes.py [CLUSTER]            n20 when none is named

Follows hbal's plan and tries, before each of its migrations, every migration of every guest to every other host, those
without the memory for it included. Where hbal's is the only best one at each step, whoever is at or below hbal's score
after one migration, after two and so on has made the very same migrations: by induction no plan that differs from
hbal's anywhere is at or below it everywhere, and so none ends as low in fewer.
"""

import math
import sys

import hbal
import hbal_pool

SAME = 1e-9  # scores closer than this are equal


class Changes(hbal_pool.Standing):
    """Scores of a pool changed by one migration, from the sums and squares that the standard deviations are made of."""

    def shares(self, vm, host):
        size = self.sizes[host]
        return (vm["memory_mib"] / size["memory_mib"], vm["vcpus"] / size["cpu_cores"],
                vm["cpu_cores"][0] / hbal_pool.STANDARD_CORES, vm["memory_used_mib"][0] / hbal_pool.STANDARD_MEMORY_MIB,
                vm["disk_mbps"][0] / hbal_pool.STANDARD_DISK_MBPS, vm["net_mbps"][0] / hbal_pool.STANDARD_NET_MBPS)

    def scores(self):
        """(score, guest, host) of every single migration."""
        columns = list(zip(*self.hosts.values()))
        first, second = [sum(column) for column in columns], [sum(x * x for x in column) for column in columns]
        for name, vm in self.vms.items():
            source, goes = self.hosts[vm["host"]], self.shares(vm, vm["host"])
            for host, target in self.hosts.items():
                if host == vm["host"]:
                    continue
                score = 0.0
                for i, (out, into) in enumerate(zip(goes, self.shares(vm, host))):
                    mean = (first[i] - out + into) / len(self.hosts)
                    squares = second[i] - out * (2 * source[i] - out) + into * (2 * target[i] + into)
                    score += math.sqrt(max(0.0, squares / len(self.hosts) - mean * mean))
                yield score, name, host


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "n20"
    folder = hbal.data_folder()
    if folder is None or not hbal.HBAL.exists():
        sys.exit("hbal_prefixes: the clusters (BALLAST_DATA) or hbal itself are not there")
    moves, _ = hbal.hbal_moves(folder, name)
    pool = Changes(hbal_pool.load_pool(folder, name))
    alone, nearest = 0, math.inf
    for step, (guest, host) in enumerate(moves, 1):
        found = sorted(pool.scores())
        pool.move(guest, host)
        score = pool.score()
        better = [each for each in found if each[0] < score - SAME]
        equal = [each for each in found if abs(each[0] - score) <= SAME and each[1:] != (guest, host)]
        others = [each for each in found if each[1:] != (guest, host)]
        alone += not better and not equal
        nearest = min(nearest, others[0][0] - score)
        if better or equal:
            print(f"migration {step}: {len(better)} others are better, {len(equal)} as good; "
                  f"the best {others[0]}, hbal's {score:.6f}")
    print(f"{name}: of hbal's {len(moves)} migrations {alone} are the only best one of all "
          f"{len(pool.vms) * (len(pool.hosts) - 1):,}; the next best is at least {nearest:.6f} worse")


if __name__ == "__main__":
    main()
