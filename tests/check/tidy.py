#!/usr/bin/env python3
"""Small rules of the house that no other tool checks: sizes of files, markers of unfinished work, unused sources."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 450
LINE_CHARS_MAX = 120
MARKERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
BANNED = [
    (re.compile(r"^(?!\s*//).*\bwaitpid\s*\(\s*-1"), "wait for one pid: libxl has children of its own"),
    (re.compile(r"\busing namespace std\b"), "name what is used"),
    (re.compile(r"^(?!\s*//).*\b(sprintf|strcpy|strcat|gets|system)\("), "use a bounded form"),
    (re.compile(r"#include <(iostream|regex)>"), "too heavy: use shell/log.hpp or plain code"),
]


def check(path):
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    code = path.endswith((".cpp", ".hpp", ".py", ".sh", ".c"))
    if code and len(lines) > FILE_LINES_MAX:
        yield f"{path}: {len(lines)} lines (at most {FILE_LINES_MAX}): is it one idea?"
    for number, line in enumerate(lines, 1):
        if MARKERS.search(line):
            yield f"{path}:{number}: unfinished work is finished or written down elsewhere"
        if path.endswith((".cpp", ".hpp")):
            if len(line) > LINE_CHARS_MAX:
                yield f"{path}:{number}: {len(line)} characters"
            if not path.startswith("tests/"):
                for pattern, advice in BANNED:
                    if pattern.search(line):
                        yield f"{path}:{number}: {advice}"


def main():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                           check=True).stdout.split()
    texts = [f for f in files if Path(ROOT / f).is_file() and not f.endswith((".png", ".gz"))
             and not f.startswith("tests/fuzz/corpus/") and f != "LICENSE"]
    problems = [problem for path in texts for problem in check(path)]
    print("\n".join(problems) or f"{len(texts)} files keep the rules of the house")
    return 1 if problems or not texts else 0


if __name__ == "__main__":
    sys.exit(main())
