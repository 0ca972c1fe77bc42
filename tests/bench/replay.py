"""Replays of recorded loads under every policy: how fast they run, and how the planner's gate compares."""

import json
import os
import pathlib
import subprocess


def data_folder():
    """Where the traces lie, or None."""
    default = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = pathlib.Path(os.environ.get("BALLAST_DATA", default))
    return folder if any(folder.glob("*.csv.gz")) else None


def measure(program):
    """Of each trace the row of `ballast`, with the lowest J of all others as best_other; [] without traces."""
    folder = data_folder()
    if folder is None:
        return []
    answer = subprocess.run([program, "simulate", "trace", "--data", folder, "-o", "json"], check=True,
                            capture_output=True, text=True).stdout
    rows = json.loads(answer)
    found = []
    for row in (row for row in rows if row["policy"] == "ballast"):
        others = [other["J"] for other in rows if other["trace"] == row["trace"] and other["policy"] != "ballast"]
        found.append({**row, "best_other": min(others)})
    return found
