"""What a plan foresaw, beside what came of it: in the plan, in the metrics and on the command line."""

import os
import re
import subprocess

from pool import wait_until
from pool_case import PROGRAMS, PoolCase


class Predictions(PoolCase):
    hosts = 1
    guests = 8
    controller_settings = {"balance": {"enabled": False, "window": 3, "policy": "vds-1a", "critical_load": 0.5}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pool.start_agent("h2", {"seed": 2, "cpus": 4, "memory_mib": 4096, "operation_speed": 10})
        wait_until("both hosts are up", lambda: cls.pool.get("/v1/status")["hosts"].get("up") == 2)
        # With full windows the plan knows the load of before as well as the comparison will know that of after.
        full = {"parameters": {"samples_min": 3}}
        wait_until("full windows", lambda: cls.pool.post("/v1/rebalance?dry_run=true", full)["moves"])
        plan = cls.pool.post("/v1/rebalance?wait=60", full)
        cls.path = f"/v1/plans/{plan['id']}"
        wait_until("compared", lambda: cls.pool.get(cls.path)["prediction"]["state"] != "open", 90)
        cls.plan = cls.pool.get(cls.path)
        cls.metrics = cls.pool.request("GET", "/metrics")[2]

    def test_every_host_is_compared_with_what_was_foreseen(self):
        prediction = self.plan["prediction"]
        self.assertEqual(prediction["state"], "compared")
        before, after, measured = ({host["name"]: host for host in loads["hosts"]} for loads in
                                   (self.plan["before"], self.plan["after"], prediction["measured"]))
        self.assertEqual(set(measured), {"h1", "h2"})
        self.assertLess(measured["h1"]["cpu"], before["h1"]["cpu"])
        self.assertGreater(measured["h2"]["cpu"], before["h2"]["cpu"])
        for key in ("cpu", "memory", "net", "disk", "memory_used"):
            off = [abs(after[name][key] - measured[name][key]) for name in measured]
            self.assertAlmostEqual(prediction["error"][key], sum(off) / len(off), msg=key, delta=0.001)
        self.assertAlmostEqual(measured["h1"]["memory"], after["h1"]["memory"])

    def test_every_move_says_what_it_was_to_take_and_took(self):
        job = self.pool.get(f"/v1/jobs/{self.plan['moves'][0]['job']}")
        for move in self.plan["moves"]:
            self.assertEqual(move["state"], "succeeded")
            self.assertGreater(move["expected_seconds"], 0)
        self.assertEqual(round(self.plan["moves"][0]["seconds"] * 1000), job["migration"]["total_ms"])
        self.assertEqual(round(self.plan["moves"][0]["downtime_seconds"] * 1000), job["migration"]["downtime_ms"])

    def test_errors_are_exported(self):
        value = {name: float(number) for name, number in
                 re.findall(r"^(ballast_plan_prediction\w+) (\S+)$", self.metrics, re.M)}
        self.assertEqual(value["ballast_plan_predictions_compared_total"], 1)
        self.assertEqual(value["ballast_plan_prediction_error_cpu_ratio_count"], 2)
        self.assertAlmostEqual(value["ballast_plan_prediction_error_cpu_ratio_sum"] / 2,
                               self.plan["prediction"]["error"]["cpu"], delta=0.001)
        self.assertEqual(value["ballast_plan_prediction_error_duration_ratio_count"], len(self.plan["moves"]))

    def test_the_command_line_shows_it(self):
        environment = {**os.environ, "NO_COLOR": "1", "BALLAST_SERVER": f"http://127.0.0.1:{self.pool.http_port}",
                       "BALLAST_TOKEN_FILE": str(self.pool.state_dir / "admin.token")}
        shown = subprocess.run([os.path.join(PROGRAMS, "ballast"), "plan", "show", str(self.plan["id"]), "-o", "table"],
                               env=environment, text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"measured: CPU spread [\d.]+; hosts' CPU off by [\d.]+, durations by \d+ %")
        self.assertIn("MEASURED", shown.stdout)

    def test_a_restart_keeps_it(self):
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.assertEqual(self.pool.get(self.path)["prediction"], self.plan["prediction"])
