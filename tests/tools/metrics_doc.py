#!/usr/bin/env python3
"""Prints docs/metrics.md from what a controller exports: curl .../metrics | tests/tools/metrics_doc.py > docs/metrics.md"""

import re
import sys

HEAD = """# Metrics

`GET /metrics` in Prometheus' text format, for the role `viewer`: base units, host and pool names and our own words as
labels, never a guest, a user or a uuid. `configs/prometheus/` has what Prometheus is told and the alerts,
`configs/grafana/ballast.json` the dashboard; both are checked against this list, and this list against the controller.
A histogram has `_bucket`, `_sum` and `_count`, a summary `_sum` and `_count`.

| name | kind | what |
|---|---|---|"""


def rows(text):
    """(name, kind, help) of every metric of an exposition, by name."""
    return sorted((name, kind, help_text) for name, help_text, kind in
                  re.findall(r"^# HELP (\S+) (.+)\n# TYPE \S+ (\w+)$", text, re.M))


def page(text):
    return "\n".join([HEAD, *(f"| `{name}` | {kind} | {help_text} |" for name, kind, help_text in rows(text))]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(sys.stdin.read()))
