"""What is said of the metrics is true: their page, the alerts and the dashboard name what the controller exports."""

import json
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import yaml

from metrics_doc import page, rows
from pool import wait_until
from pool_case import PoolCase

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\bballast_[a-z0-9_]+")


class Metrics(PoolCase):
    hosts = 1
    guests = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        template = {"type": "pv", "memory_mib": 64, "kernel": "/boot/guest"}
        cls.pool.post("/v1/pools", {"name": "kiosk", "after_session": "reset", "template": template,
                                    "targets": {"ready": 1, "paused": 0, "saved": 0, "max": 1}})
        wait_until("a spare", lambda: cls.pool.get("/v1/pools/kiosk")["desktops"].get("ready") == 1)
        cls.text = cls.pool.request("GET", "/metrics")[2]
        cls.names = {name + end for name, kind, _ in rows(cls.text)
                     for end in {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))}

    def test_the_page_lists_exactly_what_is_exported(self):
        self.assertEqual((ROOT / "docs/metrics.md").read_text(encoding="utf-8"), page(self.text))

    def test_alerts_and_dashboard_use_only_metrics_that_exist(self):
        alerts = yaml.safe_load((ROOT / "configs/prometheus/alerts.yml").read_text(encoding="utf-8"))
        used = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
        dashboard = json.loads((ROOT / "configs/grafana/ballast.json").read_text(encoding="utf-8"))
        used += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        names = {name for expression in used for name in NAME.findall(expression)}
        self.assertGreater(len(names), 20)
        self.assertEqual(names - self.names, set())
        places = [panel["gridPos"] for panel in dashboard["panels"]]
        self.assertTrue(all(place["x"] + place["w"] <= 24 for place in places))
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(places))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_the_text_is_as_prometheus_wants_it(self):
        answer = subprocess.run(["promtool", "check", "metrics"], input=self.text, capture_output=True, text=True,
                                check=False, timeout=30)
        self.assertEqual((answer.returncode, answer.stdout + answer.stderr), (0, ""))

    def test_no_guest_user_or_uuid_is_in_them(self):
        self.assertNotIn("vm1-01", self.text)
        self.assertNotIn("kiosk-001", self.text)
        self.assertNotRegex(self.text, r"[0-9a-f]{8}-[0-9a-f]{4}-")

    def test_the_time_that_the_loop_was_blocked_is_told(self):
        self.assertRegex(self.text, r"(?m)^ballast_loop_turns_total [1-9]")
        longest = float(re.search(r"(?m)^ballast_loop_blocked_seconds_max (\S+)$", self.text).group(1))
        self.assertGreater(longest, 0)
