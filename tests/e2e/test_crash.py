"""The controller dies without warning: what it acknowledged is there when it comes back, and a repeated request acts once."""

import json
import os
import resource
import stat

from pool import wait_until
from pool_case import PoolCase


class Crash(PoolCase):
    def restart(self):
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.wait_for_hosts()

    def test_an_acknowledged_migration_is_carried_through(self):
        job = self.pool.post("/v1/vms/vm1-01:migrate", {"to": "h2"})
        self.restart()  # right after the acknowledgement
        def ended():
            found = self.pool.get(f"/v1/jobs/{job['id']}")
            return found["state"] in ("succeeded", "failed", "cancelled") and found
        done = wait_until("the job has ended", ended, seconds=30)
        # When the destination's agent is back before the source's, the controller ends the job before anything moves.
        succeeded = done["state"] == "succeeded"
        self.assertTrue(succeeded or done["fault"] == "host_unreachable", done)
        vm = wait_until("one copy runs", lambda: self.vm("vm1-01")["state"] == "running" and self.vm("vm1-01"))
        self.assertEqual(vm["host"], "h2" if succeeded else "h1")
        self.assertNotIn("seen_on", vm)

    def test_a_repeated_request_acts_once_also_after_a_crash(self):
        key = {"Idempotency-Key": "cron-2026-11-21"}
        status, headers, first = self.pool.request("POST", "/v1/vms/vm2-01:pause?wait=20", {}, key)
        self.assertEqual(status, 200, first)
        self.assertNotIn("idempotency-replayed", headers)
        self.restart()
        status, headers, again = self.pool.request("POST", "/v1/vms/vm2-01:pause?wait=20", {}, key)
        self.assertEqual((status, headers.get("idempotency-replayed")), (200, "true"), again)
        self.assertEqual(json.loads(again)["id"], json.loads(first)["id"])
        self.expect_problem("idempotency-key-reused", 422, "POST", "/v1/vms/vm2-01:unpause", {}, key)

    def test_plans_and_flags_of_hosts_are_kept(self):
        # With samples of every host: then each guest has a rule that keeps it.
        wait_until("guests are judged", lambda: self.pool.post("/v1/explain", {"policy": "vds-1a"}).get("by_rule"))
        plan = self.pool.post("/v1/plans", {"policy": "vds-1a"})
        self.assertTrue(plan["by_rule"]["vms"], plan)
        self.pool.post("/v1/hosts/h1:cordon")
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        wait_until("the host is back", lambda: self.pool.get("/v1/hosts/h1")["state"] == "cordoned")
        self.assertEqual(self.pool.get(f"/v1/plans/{plan['id']}"), plan)
        self.pool.post("/v1/hosts/h1:uncordon")
        self.wait_for_hosts()

    def test_files_are_private(self):
        for name in ("controller.db", "admin.token", "http.sock"):
            mode = os.stat(self.pool.state_dir / name).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, name)


class DamagedStore(PoolCase):
    hosts = 0

    def test_a_damaged_store_is_refused_with_a_reason(self):
        self.pool.controller.stop()
        store = self.pool.state_dir / "controller.db"
        content = bytearray(store.read_bytes())
        content[2000:40000] = b"\xa5" * 38000
        store.write_bytes(content)
        self.pool.controller.start()
        self.assertEqual(self.pool.controller.process.wait(timeout=10), 1)
        self.assertIn("controller.db", self.pool.controller.log_tail())


class FullDisk(PoolCase):
    hosts = 1

    def bound_files(self, soft):
        """What the controller may write, as a full disk would: its files grow no further."""
        pid = self.pool.controller.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))

    def audit_tells_of(self, path):
        return any(path in log.read_text() for log in (self.pool.state_dir / "audit").glob("*.log"))

    def cordoned(self):
        """What is refused is recorded too: while that cannot be, and until it was tried again, nothing is changed."""
        status, _, text = self.pool.request("POST", "/v1/hosts/h1:cordon")
        if status == 503:
            self.assertIn("the audit log cannot be written", json.loads(text)["detail"])
            return None
        self.assertEqual(status, 200, text)
        return json.loads(text)

    def test_a_full_disk_refuses_changes_and_nothing_else(self):
        # With samples of every host: then each guest has a rule that keeps it.
        wait_until("guests are judged", lambda: self.pool.post("/v1/explain", {"policy": "vds-1a"}).get("by_rule"))
        plan = self.pool.post("/v1/plans", {"policy": "vds-1a"})
        self.assertTrue(plan["by_rule"]["vms"], plan)
        # Its entry is written beside: were it the first that finds the disk full, it would be the reason of the refusal.
        wait_until("the plan is recorded", lambda: self.audit_tells_of("/v1/plans"))
        self.bound_files(0)
        problem = self.expect_problem("no-capacity", 503, "POST", "/v1/hosts/h1:cordon")
        self.assertIn("the store cannot be written", problem["detail"])
        self.assertIn("store_trouble", self.pool.get("/v1/status"))
        self.assertEqual(self.pool.get(f"/v1/plans/{plan['id']}"), plan)
        self.bound_files(resource.RLIM_INFINITY)
        wait_until("changes are taken again", lambda: "store_trouble" not in self.pool.get("/v1/status"))
        self.wait_for_hosts()
        self.assertEqual(self.pool.get("/v1/hosts/h1")["state"], "up")  # what was refused did not happen
        self.assertEqual(self.pool.get(f"/v1/plans/{plan['id']}"), plan)
        self.assertEqual(wait_until("changes are recorded again", self.cordoned)["state"], "cordoned")
