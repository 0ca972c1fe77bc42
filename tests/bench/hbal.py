"""Plans of our planner beside those of Ganeti's hbal on the clusters made for it.

hbal needs seconds for 20 hosts, half an hour for 100 and hours a move for more: it runs beside where it can finish, and
for the others stands what it, or its rule with every candidate evaluated in constant time, was once found to answer.
"""

import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile

import hbal_pool

HBAL = pathlib.Path("/usr/lib/ganeti/3.0/usr/bin/hbal")
HBAL_HOSTS_MAX = 20
CLUSTERS = ("n20", "n100", "n400", "n1000")
HOT = 0.75
SECONDS_MAX = {"n20": 0.05, "n100": 0.1, "n400": 1, "n1000": 5}
# hbal's final score and moves (n20, n100), and those of its rule (n400, n1000).
RECORDED = {"n20": (0.19238836, 67), "n100": (0.17450199, 297), "n400": (0.16137862, 1158), "n1000": (0.15959148, 2838)}


def data_folder():
    """Where the clusters lie, or None."""
    default = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = pathlib.Path(os.environ.get("BALLAST_DATA", default)) / "hbal"
    return folder if folder.is_dir() else None


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def plan(program, pool, *settings):
    """Moves (guest, host) in their order, and the processor time of the whole program."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(pool, file)
        file.flush()
        before = processor_seconds()
        answer = subprocess.run([program, "plan", "--pool", file.name, "--json", *settings], check=True,
                                capture_output=True, text=True).stdout
        seconds = processor_seconds() - before
    moves = []
    for move in json.loads(answer)["moves"]:
        moves.append((move["vm"], move["to"]))
        for other in [move["with"], *move.get("with_more", [])] if move["kind"] == "swap" else []:
            moves.append((other, move["from"]))
    return moves, seconds


def compared(program, pool, policy, *settings):
    """The row of `ballast compare`: score, hot hosts, moves, processor time of the decision alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(pool, file)
        file.flush()
        answer = subprocess.run([program, "compare", "--pool", file.name, "--policy", policy, "--hot", str(HOT), "-o",
                                 "json", *settings], check=True, capture_output=True, text=True).stdout
    return json.loads(answer)[0]


def hbal_moves(folder, name):
    """hbal's own list of moves, and its processor time."""
    before = processor_seconds()
    answer = subprocess.run([HBAL, "-t", folder / f"{name}.data", "-U", folder / f"{name}.util"], check=True,
                            capture_output=True, text=True).stdout
    moves = re.findall(r"^\s*\d+\.\s+(\S+)\s+\S+\s+=>\s+(\S+)\s", answer, re.MULTILINE)
    return [(vm, host) for vm, host in moves], processor_seconds() - before


def scores(pool, moves):
    """hbal's score before the first move and after each."""
    standing = hbal_pool.Standing(pool)
    found = [standing.score()]
    for vm, host in moves:
        standing.move(vm, host)
        found.append(standing.score())
    return found, standing.hot_hosts(HOT)


def moves_until(found, score):
    """After how many moves the score is reached; None: never."""
    return next((moves for moves, each in enumerate(found) if each <= score), None)


def above_anywhere(ours, theirs):
    """By how much our score is above theirs at most, at the same number of moves; not above 0: nowhere."""
    return max(a - b for a, b in zip(ours[:len(theirs)], theirs))


def measure(program):
    """Rows of figures, one a cluster; [] when the clusters are not there."""
    folder = data_folder()
    if folder is None:
        return []
    rows = []
    for name in CLUSTERS:
        pool = hbal_pool.load_pool(folder, name)
        moves, _ = plan(program, pool, "--policy", "ballast", "--set", "objective=hbal")
        ours, hot = scores(pool, moves)
        row = {"name": name, "moves": len(moves), "initial": ours[0], "score": ours[-1], "hot": hot,
               "until": moves_until(ours, RECORDED[name][0]),
               "seconds": compared(program, pool, "ballast", "--set", "objective=hbal")["ms"] / 1e3}
        if len(pool["hosts"]) <= HBAL_HOSTS_MAX and HBAL.exists():
            theirs, row["hbal_seconds"] = hbal_moves(folder, name)
            row["hbal_scores"], _ = scores(pool, theirs)
            row["above"] = above_anywhere(ours, row["hbal_scores"])
        rows.append(row)
    return rows


# The largest cluster's first hosts, with some 2,000 guests.
ROUND_HOSTS = 200


def first_hosts(pool, count):
    hosts = pool["hosts"][:count]
    names = {host["name"] for host in hosts}
    return {**pool, "hosts": hosts, "vms": [vm for vm in pool["vms"] if vm["host"] in names]}


def relief(program):
    """What clearing the largest cluster's hot hosts takes, and a round with the default settings; None without the clusters."""
    folder = data_folder()
    if folder is None:
        return None
    pool = hbal_pool.load_pool(folder, CLUSTERS[-1])
    hot = ("--set", f"critical_load={HOT}")
    some = first_hosts(pool, ROUND_HOSTS)
    return {"hosts": len(pool["hosts"]), "cleared": compared(program, pool, "ballast", *hot, "--set", "hysteresis=0"),
            "others": {policy: compared(program, pool, policy, *hot) for policy in ("sandpiper", "scoa")},
            "guests": len(some["vms"]), "round_ms": compared(program, some, "ballast")["ms"]}
