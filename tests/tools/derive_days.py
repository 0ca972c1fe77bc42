#!/usr/bin/env python3
"""How the policies do on days that nobody recorded: made from the recorded traces, by a seed, and replayed.

  derive_days.py PROGRAMS [--seed N] [--each N] [--half tuning|checking] [--keep FOLDER] [--set NAME=VALUE]... [--days]

Of each kind `--each` days are made for either half. The halves have no sample in common: of PlanetLab's days the first,
third and so on make the tuning half, the others the checking half; of a week of Bitbrains its first and its second half
do. What helps in one half by chance does not help in the other. Kinds:

  order   the guests of one day, in another order: on other hosts, of PlanetLab also with other types
  part    60 to 95 % of the guests of one day, in the file's order (of Bitbrains 80 to 100 %)
  hours   the guests in eight blocks, the hours of each rotated by as much as chance says
  mix     guests of any of the half's days, also more than once (PlanetLab alone)
  pool    as `order`, on 12, 24 or 32 hosts instead of 16 (PlanetLab alone)

Printed is, of each policy, the mean of J over the half's days, on how many of them the J of `ballast` is below, level with and above it, and with
--days each day. The traces lie where BALLAST_DATA says; --keep leaves the days in a folder, to look into them with
`ballast simulate trace --data FOLDER`. The same seed makes the same days on every machine.
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HALVES = ("tuning", "checking")
KINDS = {"planetlab": ("order", "part", "hours", "mix", "pool"), "bitbrains": ("order", "part", "hours")}
BLOCKS = 8
HOSTS = 16
OTHER_POOLS = (12, 24, 32)
SERIES = ("cpu_mhz", "mem_mb", "disk_r_kbps", "disk_w_kbps", "net_rx_kbps", "net_tx_kbps")


def read_lines(path):
    with gzip.open(path, "rt") as lines:
        return lines.read().splitlines()


def write_lines(path, lines):
    with gzip.GzipFile(path, "wb", mtime=0) as out:
        out.write(("\n".join(lines) + "\n").encode())


def rows_of(path):
    return [line.split(",") for line in read_lines(path)]


class Source:
    """A recorded trace, or half of one: of each guest its line of `meta` (or None) and its series."""

    def __init__(self, guests):
        self.guests = guests


def planetlab_sources(folder, half):
    days = sorted(folder.glob("planetlab-*.csv.gz"))
    return [Source([(None, (row,)) for row in rows_of(day)]) for day in days[HALVES.index(half) :: len(HALVES)]]


def bitbrains_sources(folder, half):
    sources = []
    for meta_path in sorted(folder.glob("bitbrains-*-meta.csv.gz")):
        stem = meta_path.name.removesuffix("-meta.csv.gz")
        files = [rows_of(folder / f"{stem}-{what}.csv.gz") for what in SERIES]
        slots = len(files[0][0]) // len(HALVES)
        begin = slots * HALVES.index(half)
        sources.append(Source([(meta, tuple(rows[begin : begin + slots] for rows in of_guest))
                               for meta, *of_guest in zip(read_lines(meta_path)[1:], *files)]))
    return sources


def rotated_blocks(guests, chance):
    slots = len(guests[0][1][0])
    size = -(-len(guests) // BLOCKS)
    out = []
    for block in range(0, len(guests), size):
        by = chance.randrange(1, slots)
        out += [(meta, tuple(row[by:] + row[:by] for row in series)) for meta, series in guests[block : block + size]]
    return out


def derive(kind, trace, sources, chance):
    """The guests of one day, and the hosts that it is for."""
    guests = list(chance.choice(sources).guests)
    hosts = HOSTS
    if kind in ("order", "pool"):
        chance.shuffle(guests)
    if kind == "pool":
        hosts = chance.choice(OTHER_POOLS)
    if kind == "part":
        least, most = (0.6, 0.95) if trace == "planetlab" else (0.8, 1)
        kept = sorted(chance.sample(range(len(guests)), round(len(guests) * chance.uniform(least, most))))
        guests = [guests[g] for g in kept]
    if kind == "hours":
        guests = rotated_blocks(guests, chance)
    if kind == "mix":
        pool = [guest for source in sources for guest in source.guests]
        guests = chance.choices(pool, k=chance.randrange(900, 1500))
    return guests, hosts


def write_day(folder, name, guests):
    if name.startswith("planetlab"):
        write_lines(folder / f"{name}.csv.gz", [",".join(row) for _, (row,) in guests])
        return
    write_lines(folder / f"{name}-meta.csv.gz", ["vm,cores,cpu_cap_mhz,mem_cap_mb"] + [meta for meta, _ in guests])
    for at, what in enumerate(SERIES):
        write_lines(folder / f"{name}-{what}.csv.gz", [",".join(series[at]) for _, series in guests])


def make_days(data, folder, half, seed, each):
    """Writes the half's days; {hosts: [names]}."""
    days = {}
    for trace, sources in (("planetlab", planetlab_sources(data, half)), ("bitbrains", bitbrains_sources(data, half))):
        for kind in KINDS[trace] if sources else ():
            for number in range(1, each + 1):
                # Each day has a seed of its own: more of one kind changes none of another.
                guests, hosts = derive(kind, trace, sources, random.Random(f"{seed} {half} {trace} {kind} {number}"))
                name = f"{trace}-{half}-{kind}{number:02}"
                write_day(folder, name, guests)
                days.setdefault(hosts, []).append(name)
    return days


def replay(programs, folder, days, options):
    """{day: {policy: row}}"""
    found = {}
    for hosts, names in sorted(days.items()):
        command = [programs / "ballast", "simulate", "trace", *names, "--data", folder, "--hosts", str(hosts), "-o", "json"]
        for setting in options.set:
            command += ["--set", setting]
        for row in json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout):
            found.setdefault(row["trace"], {})[row["policy"]] = row
    return dict(sorted(found.items()))


def say_standing(of_days):
    """Of each policy its mean J, and how ours compares."""
    def counts(others):
        differences = [row["ballast"]["J"] - other for row, other in zip(of_days, others)]
        return [sum(d < 0 for d in differences), sum(d == 0 for d in differences), sum(d > 0 for d in differences)]
    print("| policy | mean J | moves | GiB_moved | >80%_min | ping_pongs | below | level | above |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for policy in of_days[0]:
        rows = [row[policy] for row in of_days]
        means = [sum(row[what] for row in rows) / len(rows) for what in ("J", "moves", "GiB_moved", ">80%_min")]
        beside = ["", "", ""] if policy == "ballast" else counts([row["J"] for row in rows])
        print(f"| {policy} | {means[0]:.1f} | {means[1]:.1f} | {means[2]:.0f} | {means[3]:.0f} "
              f"| {sum(row['ping_pongs'] for row in rows)} | " + " | ".join(map(str, beside)) + " |")
    best = [min(row["J"] for policy, row in day.items() if policy != "ballast") for day in of_days]
    print(f"| the best other of each day | {sum(best) / len(best):.1f} | | | | | " + " | ".join(map(str, counts(best))) + " |\n")


def say_days(found):
    print("| day | J | moves | >90%_min | best other | its J | moves | >90%_min |")
    print("|---|--:|--:|--:|---|--:|--:|--:|")
    for day, rows in found.items():
        other = min((policy for policy in rows if policy != "ballast"), key=lambda policy: rows[policy]["J"])
        both = [" | ".join(f"{rows[p][what]:g}" for what in ("J", "moves", ">90%_min")) for p in ("ballast", other)]
        print(f"| {day} | {both[0]} | {other} | {both[1]} |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--half", choices=HALVES, action="append")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--days", action="store_true")
    options = parser.parse_args()
    data = pathlib.Path(os.environ.get("BALLAST_DATA", pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not any(data.glob("*.csv.gz")):
        print(f"{data}: no traces; BALLAST_DATA says where they lie")
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for half in options.half or HALVES:
            days = make_days(data, folder, half, options.seed, options.each)
            found = replay(options.programs.resolve(), folder, days, options)
            for trace in KINDS:
                of_trace = {day: rows for day, rows in found.items() if day.startswith(trace)}
                if of_trace:
                    print(f"{half}, {trace}: {len(of_trace)} days\n")
                    say_standing(list(of_trace.values()))
                    if options.days:
                        say_days(of_trace)
    return 0


if __name__ == "__main__":
    sys.exit(main())
