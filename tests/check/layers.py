#!/usr/bin/env python3
"""Checks the include arrows: who may include whom (layers.txt), and the few headers that have one home."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')

# header pattern -> the only folders whose files may include it
HOMES = [
    (re.compile(r"^(libxl|libxlutil|xenstat|xenctrl|xenstore|xentoollog|xen/)"), ("xen_glue/xen", "tests/xen")),
    (re.compile(r"^microhttpd\.h$"), ("controller",)),
    (re.compile(r"^sqlite3\.h$"), ("controller", "tests")),
    (re.compile(r"^gnutls/"), ("shell", "tests")),
    (re.compile(r"^CLI/"), ("cli",)),
    (re.compile(r"^curl/"), ("cli",)),
    (re.compile(r"^zlib\.h$"), ("cli/offline",)),
    (re.compile(r"^libnbd\.h$"), ("image",)),
    (re.compile(r"^ev\.h$"), ("shell",)),
    (re.compile(r"^toml\+\+/|^toml\.hpp$"), ("shell",)),
    (re.compile(r"^google/protobuf/|\.pb\.h$"), ("proto", "tests/fuzz")),
]


def read_layers():
    layers = []
    for line in (ROOT / "tests/check/layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, allowed = line.split(":")
            layers.append((folder.strip(), allowed.split()))
    return layers


def within(path, prefix):
    return path == prefix or path.startswith(prefix + "/")


def layer_of(path, layers):
    for folder, allowed in layers:
        if within(path, folder):
            return folder, allowed
    return None, None


def check_file(path, layers, folders):
    folder, allowed = layer_of(path, layers)
    if folder is None:
        yield f"{path}: lies in no folder of layers.txt"
        return
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(2)
        for pattern, homes in HOMES:
            if pattern.search(header) and not any(within(path, home) for home in homes):
                yield f"{path}:{number}: {header} may be included only in {', '.join(homes)}"
        if match.group(1) == '"' and header.split("/")[0] in folders:
            if not any(within(header, place) for place in [folder, *allowed]):
                yield f"{path}:{number}: {folder} may not include {header}"


def main():
    layers = read_layers()
    folders = {folder.split("/")[0] for folder, _ in layers}
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.cpp", "*.hpp"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split()
    problems = [problem for path in files for problem in check_file(path, layers, folders)]
    print("\n".join(problems) or f"include arrows hold in {len(files)} files")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
