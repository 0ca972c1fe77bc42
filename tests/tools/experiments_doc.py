#!/usr/bin/env python3
"""Runs the commands of docs/experiments.md again and puts their tables and plots in place of the old ones.

  experiments_doc.py PROGRAMS [WORD]

In the page, a line `$ ballast simulate … --markdown` inside a code block is followed, after the block, by the table that
it printed; one without --markdown is run for its plot. With WORD only commands that contain it are run. The traces lie
where BALLAST_DATA says.
"""

import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "experiments.md"
PROMPT = "$ ballast simulate "


def table_of(programs, command):
    words = command.removeprefix("$ ballast ").split()
    print(command, flush=True)
    return subprocess.run([programs / "ballast", *words], check=True, capture_output=True, text=True,
                          cwd=PAGE.parents[1]).stdout.splitlines()


def renewed(lines, programs, wanted):
    """The page's lines with each command's table replaced."""
    out, pending, replacing = [], None, False
    for line in lines:
        if line.startswith(PROMPT) and wanted in line:
            table = table_of(programs, line)
            pending = table if "--markdown" in line else None
        if pending is not None and line.startswith("|"):
            out += pending
            pending, replacing = None, True
        if replacing and line.startswith("|"):
            continue
        replacing = False
        out.append(line)
    return out


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    lines = PAGE.read_text().splitlines()
    PAGE.write_text("\n".join(renewed(lines, programs, wanted)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
