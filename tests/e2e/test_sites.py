"""Sites with links of their own: where a guest's images may go, and how fast."""

import hashlib
import json
import os
import subprocess
import time
import unittest

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

MIB = 1 << 20


def content(seed, mib):
    """Bytes that neither repeat nor compress."""
    return hashlib.shake_256(str(seed).encode()).digest(mib * MIB)


class Sites(PoolCase):
    hosts = 0
    controller_settings = {
        "balance": {"enabled": False, "window": 3},
        "sites": [{"name": "berlin", "hosts": ["b*"]}, {"name": "paris", "hosts": ["p*"]},
                  {"name": "oslo", "hosts": ["oslo"]}],
        "links": [{"between": ["berlin", "paris"], "bandwidth_mbps": 50, "latency_ms": 40}]}
    names = ("b1", "p1")

    def setUp(self):
        for name in self.names:
            if name not in self.pool.agents:
                os.makedirs(self.images(name))
                self.prepare(name)
                self.pool.start_agent(name, {"cpus": 4, "memory_mib": 4096, "operation_speed": 50},
                                      images={"directory": self.images(name)})
        wait_until("all hosts are up", lambda: self.pool.get("/v1/status")["hosts"].get("up") == len(self.names), 60)

    def prepare(self, host):
        """What lies on the host before its agent starts."""

    def images(self, host):
        return os.path.join(self.directory.name, host, "images")

    def create(self, name, host, data):
        path = os.path.join(self.images(host), f"{name}.img")
        with open(path, "wb") as file:
            file.write(data)
        body = {"name": name, "type": "pv", "memory_mib": 128, "vcpus": 1, "kernel": "/boot/vmlinuz", "to": host,
                "disks": [{"format": "raw", "target": path, "device": "xvda"}]}
        job = self.pool.post("/v1/vms?wait=30", body)
        self.assertEqual(job["state"], "succeeded", job)

    def ballast(self, *words):
        return subprocess.run([os.path.join(PROGRAMS, "ballast"), *words], capture_output=True, text=True, timeout=120,
                              check=False, env={**os.environ, "BALLAST_SERVER": f"http://127.0.0.1:{self.pool.http_port}",
                                                "BALLAST_TOKEN_FILE": str(self.pool.state_dir / "admin.token")})

    def ended(self, job_id, seconds=300):
        return wait_until("the end of the job", lambda: (job := self.pool.get(f"/v1/jobs/{job_id}?wait=20"))
                          ["state"] not in ("queued", "running") and job, seconds)


class Limit(Sites):
    def test_a_host_shows_its_site(self):
        self.assertEqual({host["name"]: host["site"] for host in self.pool.get("/v1/hosts")["hosts"]},
                         {"b1": "berlin", "p1": "paris"})
        self.assertEqual({host["name"]: host["site"] for host in self.pool.get("/v1/snapshot")["hosts"]},
                         {"b1": "berlin", "p1": "paris"})

    def test_the_limit_of_images_under_way_changes_how_many_bytes_travel(self):
        data = content(1, 48)
        self.create("slow", "b1", data)
        limit_mbps = 2
        job = self.pool.post("/v1/vms/slow:migrate", {"to": "p1", "storage": "copy", "bandwidth_mbps": limit_mbps})

        def images():
            return self.pool.get(f"/v1/jobs/{job['id']}")["migration"]["images"]

        begun = time.monotonic()
        held = wait_until("bytes on their way", lambda: (now := images())["wire_bytes"] > MIB // 8 and now, 120)
        self.assertEqual(held["bandwidth_mbps"], limit_mbps)
        self.assertLess(held["wire_bytes"], 8 * MIB, "the limit does not hold")
        # The same request twice acts once; it is shown in the job, and the agent does not forget it either.
        for replayed in (None, "true"):
            status, headers, _ = self.pool.request("POST", f"/v1/jobs/{job['id']}:limit", {"bandwidth_mbps": 1},
                                                   {"Idempotency-Key": "one"})
            self.assertEqual((status, headers.get("idempotency-replayed")), (200, replayed))
        self.assertEqual(images()["bandwidth_mbps"], 1)
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.assertEqual(images()["bandwidth_mbps"], 1)
        wait_until("both hosts are up", lambda: self.pool.get("/v1/status")["hosts"].get("up") == 2, 60)
        done = self.ballast("job", "limit", str(job["id"]), "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(images()["bandwidth_mbps"], 0)
        ended = self.ended(job["id"])
        self.assertEqual(ended["state"], "succeeded", ended)
        travelled = ended["migration"]["images"]["wire_bytes"]
        self.assertGreater(travelled, 48 * MIB)
        allowed = (time.monotonic() - begun) * limit_mbps * 1e6 / 8  # by the highest limit that was ever set
        self.assertGreater(travelled, allowed, "more than any limit would have let through in that time")
        self.expect_problem("state-conflict", 409, "POST", f"/v1/jobs/{job['id']}:limit", {"bandwidth_mbps": 3})

    def test_a_limit_that_makes_no_sense_is_refused(self):
        for body, pointer in (({}, "/bandwidth_mbps"), ({"bandwidth_mbps": -1}, "/bandwidth_mbps"),
                              ({"bandwidth_mbps": 2_000_000}, "/bandwidth_mbps")):
            problem = self.expect_problem("validation-failed", 422, "POST", "/v1/jobs/1:limit", body)
            self.assertEqual([error["pointer"] for error in problem["errors"]], [pointer])
        self.expect_problem("not-found", 404, "POST", "/v1/jobs/1:limit", {"bandwidth_mbps": 1})


class Destinations(Sites):
    names = ("b1", "p1", "p2")
    shared = content(2, 8)

    def prepare(self, host):
        if host == "p2":
            template = os.path.join(self.images(host), "template.img")
            with open(template, "wb") as file:
                file.write(bytes(MIB) + self.shared)
            indexed = self.ballast("image", "index", "--two-level", template)
            self.assertEqual(indexed.returncode, 0, indexed.stderr)

    def destinations(self, name):
        answer = self.pool.get(f"/v1/vms/{name}/destinations")
        return answer, {each["host"]: each for each in answer["destinations"]}

    def wait_for_samples(self, name):
        wait_until("the agents' samples of their images",
                   lambda: all(each["possible"] for each in self.destinations(name)[0]["destinations"]), 60)

    def index(self, name):
        job = self.pool.post(f"/v1/vms/{name}:index?wait=60", {})
        self.assertEqual((job["kind"], job["state"]), ("image_index", "succeeded"), job)
        return job

    def test_a_guest_goes_where_most_of_its_disk_is_already(self):
        self.create("web", "b1", self.shared + content(3, 4))
        self.wait_for_samples("web")
        before, _ = self.destinations("web")
        self.assertEqual((before["from"], before["site"], before["images"]["indexed"]), ("b1", "berlin", False))
        self.assertIsNone(before["destinations"][0]["share"])
        job = self.index("web")
        self.assertEqual(job["images"]["done_bytes"], 12 * MIB)
        wait_until("the guest's sample", lambda: self.destinations("web")[0]["images"]["indexed"])
        ranked, by_host = self.destinations("web")
        self.assertEqual((ranked["chosen"], ranked["images"]["bytes"]), ("p2", 12 * MIB))
        self.assertRegex(ranked["images"]["indexed_at"], r"^20\d\d-")
        self.assertGreater(ranked["images"]["compressed"], 0.95, "noise does not compress")
        self.assertAlmostEqual(by_host["p2"]["share"], 2 / 3, delta=0.03)
        self.assertAlmostEqual(by_host["p2"]["missing_bytes"], 4 * MIB, delta=MIB // 2)
        self.assertEqual((by_host["p1"]["share"], by_host["p1"]["bandwidth_mbps"], by_host["p1"]["latency_ms"]),
                         (0, 50, 40))
        self.assertGreater(by_host["p1"]["seconds"], by_host["p2"]["seconds"])
        # A limit below the link's makes both slower.
        self.assertGreater(self.pool.get("/v1/vms/web/destinations?bandwidth_mbps=5")["destinations"][0]["seconds"],
                           by_host["p2"]["seconds"])
        table = self.ballast("vm", "destinations", "web")
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertEqual(table.stdout.splitlines()[1].split()[:4], ["p2", "paris", "50", "40"], table.stdout)
        explained = self.pool.post("/v1/explain", {"vm": "web"})
        self.assertEqual([each["host"] for each in explained["destinations"]], ["p2", "p1"])
        self.assertEqual({each["constraint"] for each in explained["migrate"]["reasons"]}, {"other_site"})
        self.assertTrue(explained["images"]["indexed"])
        self.assertNotIn("why", explained["destinations"][0])
        self.assertIn("elsewhere in", explained["destinations"][1]["why"])
        self.assert_ranked(self.ballast("explain", "vm", "web"))
        self.assert_ranked(self.ballast("explain", "vm", "web", "--to", "p1"))
        self.assert_ranked(self.ballast("vm", "migrate", "web", "--storage", "copy", "--dry-run"))
        dry = self.pool.post("/v1/vms/web:migrate?dry_run=true", {"storage": "copy"})
        self.assertEqual((dry["host"], dry["destinations"][0]["host"]), ("p2", "p2"))
        # Agents say it again to a controller that has been away.
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        wait_until("the samples again", lambda: self.destinations_or_none("web") == "p2", 60)
        job = self.ended(self.pool.post("/v1/vms/web:migrate", {"storage": "copy"})["id"])
        self.assertEqual((job["state"], job["migration"]["to"]), ("succeeded", "p2"), job)
        travelled = job["migration"]["images"]["wire_bytes"]
        predicted = by_host["p2"]["image_wire_bytes"]
        self.assertLess(travelled, 6 * MIB, "what is there already did not travel")
        self.assertLess(predicted, 1.3 * travelled)
        self.assertGreater(predicted, 0.7 * travelled)
        decision = next(each for each in self.pool.get("/v1/decisions")["decisions"] if each.get("job") == job["id"])
        self.assertEqual([each["host"] for each in decision["destinations"]], ["p2", "p1"])
        self.assertIn("to site paris", decision["why"])
        self.assert_ranked(self.ballast("describe", "decision", str(decision["id"])))

    def assert_ranked(self, done):
        """What the command printed has p2 first, then p1 with the reason against it."""
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split(maxsplit=8) for line in done.stdout.splitlines() if line.split()[3:4] == ["40"]]
        self.assertEqual([row[0] for row in rows], ["p2", "p1"], done.stdout)
        self.assertEqual(rows[0][8], "-", done.stdout)
        self.assertRegex(rows[1][8], "the guest would be there in .* s, and elsewhere in .* s")

    def destinations_or_none(self, name):
        """The host that would be chosen once the guest's images are known."""
        status, _, text = self.pool.request("GET", f"/v1/vms/{name}/destinations")
        answer = json.loads(text) if status == 200 else {}
        known = answer.get("images", {}).get("indexed") and all(each["possible"] for each in answer["destinations"])
        return answer["chosen"] if known else None

    def test_what_cannot_be_asked_is_refused(self):
        self.expect_problem("not-found", 404, "GET", "/v1/vms/nobody/destinations")
        self.create("plain", "b1", bytes(MIB))
        for limit in ("-1", "x", "2000000"):
            self.expect_problem("invalid-request", 400, "GET", f"/v1/vms/plain/destinations?bandwidth_mbps={limit}")
        self.pool.post("/v1/vms/plain:pause?wait=30", {})
        wait_until("it is paused", lambda: self.vm("plain")["state"] == "paused")
        self.expect_problem("state-conflict", 409, "GET", "/v1/vms/plain/destinations")
        self.index("plain")  # the disks of one that does not run are read as well


if __name__ == "__main__":
    unittest.main()
