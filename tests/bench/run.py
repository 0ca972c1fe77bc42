#!/usr/bin/env python3
"""`make bench`: what Ballast costs and how fast it moves guests, beside the peers, in one run on one machine.

  run.py PROGRAMS [--only sizes|scale|endpoint|agent|migration|hbal|relief|replay|images|pairs|link]... [--table FILE]

Prints a line for each figure: what, ours, the peer's, the ratio, the bound. With --table the same goes into FILE as well, as the
table that docs/benchmarks.md shows.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LAB = HERE.parent / "lab"
sys.path[:0] = [str(LAB), str(LAB / "accept")]

import agent_cost  # noqa: E402
import endpoint  # noqa: E402
import hbal  # noqa: E402
import image_pairs  # noqa: E402
import images  # noqa: E402
import migration_speed  # noqa: E402
import replay  # noqa: E402
import round_pool  # noqa: E402
import scale  # noqa: E402
from acceptance import site_on  # noqa: E402

TITLES = {"sizes": "Programs", "scale": "Controller", "endpoint": "HTTP", "hbal": "Plans beside hbal's", "relief": "Overloaded hosts", "replay": "Recorded loads",
          "images": "Disk images", "pairs": "Other pairs of disk images", "link": "A guest with its image over a slow link", "agent": "Agent on real Xen",
          "migration": "Live migration on real Xen"}
ALL = ("sizes", "scale", "endpoint", "hbal", "relief", "replay", "images", "link", "agent", "migration")
ON_REQUEST = ("pairs",)  # takes a quarter of an hour
SIZE_BOUNDS_KIB = {"ballast-agent": 1024, "ballast-controller": 2048}


table = []  # of lines in Markdown, in the order of the run


def begin(part):
    table.extend(["", f"## {TITLES[part]}", "", "| figure | ours | peer | ratio | bound | |", "|---|---|---|---|---|---|"])


def report(what, ours, peer=None, unit="", bound=None):
    """One figure. `bound` is on the ratio when there is a peer, on the figure itself when there is none."""
    value = ours / peer if peer else ours
    verdict = "" if bound is None else ("ok" if value <= bound else "MISSED")
    beside = f"{peer:10.2f} {ours / peer:7.2f}x" if peer else " " * 19
    limit = "" if bound is None else f"<= {bound:.3g}{'x' if peer else ''}"
    print(f"{what:<58} {ours:10.2f} {beside} {unit:<8} {limit:<10} {verdict}", flush=True)
    cells = [re.sub("^ +", "– ", what), f"{ours:.4g} {unit}".rstrip(), f"{peer:.4g} {unit}".rstrip() if peer else "",
             f"{ours / peer:.2f}" if peer else "", limit.replace("<=", "≤"), verdict.replace("MISSED", "**missed**")]
    table.append(f"| {' | '.join(cells)} |")


def skip(what, why):
    print(f"{what}: NOT MEASURED, {why}", flush=True)
    table.append(f"| {what} | not measured: {why} | | | | |")


def machine():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return (f"One run of `make bench` at commit {commit or 'unknown'}, {datetime.date.today()}: {model}, {os.cpu_count()} processors, "
            f"load {os.getloadavg()[2]:.1f} over the last quarter of an hour, Linux {os.uname().release}.")


def sizes(programs):
    for name, bound in SIZE_BOUNDS_KIB.items():
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(["strip", "-o", stripped.name, programs / name], check=True)
            report(f"{name}, stripped", pathlib.Path(stripped.name).stat().st_size / 1024, unit="KiB", bound=bound)


# By guests: private memory in MiB, share of one core.
SCALE_BOUNDS = {2000: (16, None), 100_000: (300, 0.5)}


def at_scale(programs):
    for row in scale.curve(programs):
        memory, share = SCALE_BOUNDS.get(row["guests"], (None, None))
        report(f"controller, {row['guests']} guests: private memory", row["private_mib"], unit="MiB", bound=memory)
        report("  for each guest", row["private_mib"] * 1024 / row["guests"], unit="KiB")
        report("  share of one core, sampled every 5 s", row["cpu_share"], bound=share)
        report("  processor time of a guest's sample", row["cpu_share"] * 5e6 / row["guests"], unit="us")
    granted = scale.grants(programs)
    report("session from Ready at 200 logins/s: median", granted["p50_ms"], unit="ms")
    report("  99th percentile", granted["p99_ms"], unit="ms", bound=10)
    report("  longest", granted["max_ms"], unit="ms")
    report("  plain synced writes in the same seconds: 99th percentile", granted["write_p99_ms"], unit="ms")
    report("  their longest", granted["write_max_ms"], unit="ms")
    for part, (took, count, slow) in granted["parts"].items():
        report(f"  of a login, {part}: mean", took * 1000 / count, unit="ms")
        report("    over 10 ms of it had", slow, unit="logins")
    report("500 logins within a second, 400 desktops: 99th percentile", granted["burst_p99_ms"], unit="ms")
    report(f"private memory, {granted['guests']} desktops, {granted['sessions']} sessions", granted["private_mib"], unit="MiB", bound=16)
    again = scale.restart(programs)
    report(f"restart with {again['guests']} guests, {again['sessions']} sessions: answers", again["answers"], unit="s")
    report("  every host has reported", again["ready"], unit="s", bound=3)
    report("restart of a small pool after kill -9: every host has reported", scale.killed(programs), unit="s", bound=1)


# Microseconds of the processor for an answer: 5,000 and 1,000 of them in a second of one core.
ENDPOINT_BOUNDS_US = {"/v1/hosts": 200, "/v1/vms?limit=500": 1000}


def at_the_endpoint(programs):
    figures = endpoint.measure(programs)
    for path, used in figures["us"].items():
        report(f"GET {path}, {endpoint.GUESTS} guests: processor time", used, unit="us", bound=ENDPOINT_BOUNDS_US[path])
    report(f"{endpoint.READERS} idle readers of events: private memory", figures["readers_mib"], unit="MiB", bound=32)
    loaded = figures["loaded"]
    report(f"answers at {endpoint.LOADED_PER_SECOND}/s while agents report and guests move: median",
           statistics.median(loaded["times"]), unit="ms")
    report("  99th percentile", scale.percentile(loaded["times"], 0.99), unit="ms", bound=5)
    report("  guests moved meanwhile", loaded["moves"], unit="")
    report("  longest turn of the loop", loaded["longest_turn_ms"], unit="ms", bound=20)
    report("  what of one turn had no processor: others ran", loaded["off_cpu_ms"], unit="ms")
    report("a change until a reader has its event, the request included: median", statistics.median(figures["event_ms"]),
           unit="ms")
    report("  99th percentile", scale.percentile(figures["event_ms"], 0.99), unit="ms", bound=50)
    memory = figures["memory"]
    report(f"private memory after {memory['requests']:,} requests ({memory['refused']:,} of them refused)", memory["after"],
           unit="MiB", bound=memory["budget"])
    report("  before them", memory["before"], unit="MiB")


def agent(site):
    cost = agent_cost.measure(site)
    report("agent: CPU for a sample of 8 guests, beside xentop's", cost["agent_ms"], cost["xentop_ms"], "ms", 0.5)
    report("agent: private memory with 8 guests", cost["private_kib"] / 1024, unit="MiB", bound=6)
    report(f"agent: growth over {cost['samples']} samples and {cost['jobs']} jobs", cost["growth_kib"], unit="KiB",
           bound=0)


def migration(site):
    figures = migration_speed.measure(site)
    for name, bound in (("none", 1.05), ("auto", 0.4)):
        ours = [run["seconds"] for run in figures[name]]
        peer = [run["seconds"] for run in figures["xl"]]
        report(f"migration of 128 MiB over TLS, compression {name}, beside xl", statistics.median(ours),
               statistics.median(peer), "s", bound)
        gaps, peers = ([run["gap"] for run in runs] for runs in (figures[name], figures["xl"]))
        report(f"  gap in the guest's ticks, compression {name}", statistics.median(gaps), statistics.median(peers), "s", 1.0)
        report("    the longest", max(gaps), max(peers), "s")


def beside_hbal(programs):
    rows = hbal.measure(programs / "ballast")
    if not rows:
        skip("hbal", "its clusters are not here (BALLAST_DATA names the folder that they lie in)")
    for row in rows:
        name = row["name"]
        score, moves = hbal.RECORDED[name]
        report(f"hbal {name}: score after the plan, beside hbal's", row["score"], score, bound=1)
        report(f"hbal {name}: moves", row["moves"], moves, bound=0.7)
        if row["until"] is not None:
            report(f"  hbal {name}: of these until hbal's final score", row["until"], moves)
        report(f"hbal {name}: processor time of the decision", row["seconds"], row.get("hbal_seconds"), "s",
               None if "hbal_seconds" in row else hbal.SECONDS_MAX[name])
        report(f"hbal {name}: hosts above 75 % after the plan", row["hot"], bound=0)
        if "above" in row:
            report(f"hbal {name}: score above hbal's at the same number of moves, at most", row["above"], bound=1e-9)


ROUND_SEEDS = range(1, 10)


def relieved(programs):
    rounds = [hbal.compared(programs / "ballast", round_pool.make(seed), "ballast") for seed in ROUND_SEEDS]
    report(f"a round for {round_pool.GUESTS} guests with an hour of samples, the median of {len(rounds)} even pools",
           statistics.median(row["ms"] for row in rounds), unit="ms", bound=5)
    report("  the longest of them", max(row["ms"] for row in rounds), unit="ms", bound=5)
    figures = hbal.relief(programs / "ballast")
    if figures is None:
        skip("relief", "the clusters are not here (BALLAST_DATA names the folder that they lie in)")
        return
    cleared = figures["cleared"]
    report(f"hosts of {figures['hosts']} still above 75 % after relief", cleared["hot_hosts"], bound=0)
    report("  guests moved for it", cleared["moves"])
    for policy, row in figures["others"].items():
        report(f"  {policy}: hosts still above 75 %", row["hot_hosts"])
        report(f"  {policy}: guests moved", row["moves"])
    report("  processor time of our decision", cleared["ms"], unit="ms", bound=50)
    report(f"a round for {figures['guests']} guests, default settings", figures["round_ms"], unit="ms", bound=5)


def replayed(programs):
    rows = replay.measure(programs / "ballast")
    if not rows:
        skip("replay", "no traces are here (BALLAST_DATA names the folder that they lie in)")
    for row in rows:
        report(f"replay of {row['trace']}: million samples of guests a second, below 1", 1 / row["Msamples/s"],
               unit="s", bound=1)
        report(f"replay of {row['trace']}: J of ballast beside the best other", row["J"], row["best_other"] or None,
               bound=1)


MD5_BOUNDS = {"sse2": 4, "avx2": 8, "avx512": 15}
# Wire and time beside each peer: at most so much of the peer's.
IMAGE_BOUNDS = {("b", "casync"): (0.70, 1 / 12), ("b", "rsync"): (1.05, 1 / 5), ("b", "zsync"): (0.30, 1 / 20),
                ("c", "casync"): (0.12, 1 / 12), ("c", "rsync"): (0.80, 1 / 3), ("c", "zsync"): (None, None)}
# Where the images lie: in memory when there is room.
IMAGES_IN_MEMORY = pathlib.Path("/dev/shm")
IMAGES_ROOM_BYTES = 6 << 30


def folder_of_images():
    wanted = os.environ.get("BALLAST_BENCH_FOLDER")
    roomy = IMAGES_IN_MEMORY.is_dir() and shutil.disk_usage(IMAGES_IN_MEMORY).free > IMAGES_ROOM_BYTES
    return tempfile.TemporaryDirectory(prefix="ballast-images-", dir=wanted or (IMAGES_IN_MEMORY if roomy else None))


def disk_images(programs):
    for row in images.figures([programs / "image-bench", "md5"]):
        what = f"MD5 with {row['kernel']}"
        if "skipped" in row:
            skip(what, row["skipped"])
            continue
        report(f"{what}, blocks of {row['block_bytes']}: time beside OpenSSL's", row["evp_mb_per_second"],
               row["mb_per_second"], "MB/s", 1 / MD5_BOUNDS[row["kernel"]])
    with folder_of_images() as name:
        folder = pathlib.Path(name)
        for row in images.figures([programs / "image-bench", "similarity", folder]):
            report("similarity of 3.8 and 4.0 million blocks, exact", row["exact_ms"], unit="ms", bound=50)
            report("  estimated from sketches", row["sketch_ms"], unit="ms", bound=0.1)
            report("  error of that estimate, points", abs(row["sketch_error_points"]), bound=1.5)
        images.make_images(folder)
        scan = images.scan(programs, folder / "a.raw")
        for key, what in (("seconds", "time"), ("cpu_s", "processor time")):
            report(f"index of a cached image: {what} beside cat's", scan["ours"][key], scan["cat"][key], "s", 1 / 0.75)
        for row in images.transfers(programs, folder):
            report_transfer(row, {peer: IMAGE_BOUNDS[row["image"], peer] for peer in ("casync", "rsync", "zsync")})


def report_transfer(row, bounds):
    print(f"image {row['image']}: seconds of each run:", row["seconds"], flush=True)
    for peer, (wire, seconds) in bounds.items():
        report(f"image {row['image']}: bytes on the wire beside {peer}'s", row["ours"]["wire"] / 1e6,
               row[peer]["wire"] / 1e6, "MB", wire)
        report(f"image {row['image']}: time beside {peer}'s", row["ours"]["seconds"], row[peer]["seconds"], "s", seconds)
        report(f"image {row['image']}: peak memory of {peer}'s larger process", row[peer]["peak_kib"] / 1024, unit="MiB")
    for side in ("source", "destination"):
        report(f"image {row['image']}: our peak memory at the {side}", row["ours"][f"{side}_kib"] / 1024, unit="MiB", bound=64)


def pairs_of_images(programs):
    if os.geteuid() != 0:
        skip("pairs", "images are mounted to be written to, which needs root")
        return
    with folder_of_images() as name:
        for row in image_pairs.transfers(programs, pathlib.Path(name)):
            report_transfer(row, row["bounds"])


# A quarter of what may be under way when the link is cut.
WINDOW_MB = 64 * 1.048576


def over_a_shaped_link(programs):
    if os.geteuid() != 0:
        skip("link", "namespaces of the network need root")
        return
    # In a process of its own: the lab's pool and the tools' have one name.
    out = subprocess.run([sys.executable, HERE / "shaped_link.py", programs], check=True, stdout=subprocess.PIPE).stdout
    row = json.loads(out)
    whole, cut = row["whole"], row["cut"]
    report(f"guest with {row['image_mib']} MiB of noise, {row['link_mbps']} Mbit/s, 40 ms: time beside its bytes'",
           whole["seconds"], whole["sent_bytes"] * 8e-6 / row["link_mbps"], "s", 1 / 0.9)
    report(f"  a cut of {row['cut_s']} s in the middle costs beside itself", cut["seconds"] - whole["seconds"] - row["cut_s"],
           unit="s")
    report("  and so many bytes more", (cut["sent_bytes"] - whole["sent_bytes"]) / 1e6, unit="MB", bound=WINDOW_MB)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--only", action="append", choices=ALL + ON_REQUEST)
    parser.add_argument("--table", type=pathlib.Path)
    arguments = parser.parse_args()
    wanted = arguments.only or ALL
    run_of = machine()
    print(f"{'':<58} {'ours':>10} {'peer':>10} {'ratio':>8}")
    here = {"sizes": sizes, "scale": at_scale, "endpoint": at_the_endpoint, "hbal": beside_hbal, "relief": relieved, "replay": replayed,
            "images": disk_images, "pairs": pairs_of_images, "link": over_a_shaped_link}
    for part, measure in here.items():
        if part in wanted:
            begin(part)
            measure(arguments.programs)
    in_the_lab = {"migration": migration, "agent": agent}
    if set(wanted) & set(in_the_lab):
        with tempfile.TemporaryDirectory(prefix="ballast-bench-") as folder, \
                site_on("shadow", arguments.programs, pathlib.Path(folder)) as site:
            for part, measure in in_the_lab.items():
                if part in wanted:
                    begin(part)
                    measure(site)
    if arguments.table:
        arguments.table.write_text("\n".join([run_of, *table]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
