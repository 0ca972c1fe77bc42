"""A guest moves with its disk image because an operator asks for it, at the endpoint and on the command line."""

import hashlib
import os
import subprocess
import unittest

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

MIB = 1 << 20


class WanPool(PoolCase):
    hosts = 0

    def setUp(self):
        for name in ("h1", "h2"):
            if name not in self.pool.agents:
                images = self.images(name)
                os.makedirs(images)
                self.pool.start_agent(name, {"cpus": 4, "memory_mib": 4096, "operation_speed": 50},
                                      images={"directory": images})
        wait_until("both hosts are up", lambda: self.pool.get("/v1/status")["hosts"].get("up") == 2, 60)

    def images(self, host):
        return os.path.join(self.directory.name, host, "images")

    def create(self, name, seed):
        data = hashlib.shake_256(seed).digest(8 * MIB)
        path = os.path.join(self.images("h1"), f"{name}.img")
        with open(path, "wb") as file:
            file.write(data)
        body = {"name": name, "type": "pv", "memory_mib": 128, "vcpus": 1, "kernel": "/boot/vmlinuz", "to": "h1",
                "disks": [{"format": "raw", "target": path, "device": "xvda"}]}
        job = self.pool.post("/v1/vms?wait=30", body)
        self.assertEqual(job["state"], "succeeded", job)
        return data

    def assert_arrived(self, name, data):
        self.assertEqual(self.vm(name)["host"], "h2")
        with open(os.path.join(self.images("h2"), f"{name}.img"), "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), hashlib.sha256(data).digest())
        self.assertFalse(os.path.exists(os.path.join(self.images("h1"), f"{name}.img")))

    def test_an_operator_sends_a_guest_with_its_disk(self):
        data = self.create("mover", b"1")
        job = self.pool.post("/v1/vms/mover:migrate?wait=60", {"to": "h2", "storage": "copy", "bandwidth_mbps": 500})
        job = wait_until("the end of the job", lambda: (now := self.pool.get(f"/v1/jobs/{job['id']}?wait=20"))
                         ["state"] not in ("queued", "running") and now, 120)
        self.assertEqual(job["state"], "succeeded", job)
        migration = job["migration"]
        self.assertEqual((migration["storage"], migration["images"]["bytes"]), ("copy", len(data)))
        self.assertGreaterEqual(migration["images"]["rounds"], 2)
        self.assertGreater(migration["images"]["wire_bytes"], 8 * MIB)
        self.assert_arrived("mover", data)

    def test_the_command_line_does_too(self):
        data = self.create("typed", b"2")
        done = subprocess.run([os.path.join(PROGRAMS, "ballast"), "vm", "migrate", "typed", "--to", "h2", "--storage", "copy",
                               "--wait"], capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "BALLAST_SERVER": f"http://127.0.0.1:{self.pool.http_port}",
                                   "BALLAST_TOKEN_FILE": str(self.pool.state_dir / "admin.token")})
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assert_arrived("typed", data)

    def test_a_limit_without_images_and_an_unknown_way_are_mistakes(self):
        self.create("still", b"3")
        for body, pointer in (({"to": "h2", "bandwidth_mbps": 5}, "/bandwidth_mbps"),
                              ({"to": "h2", "storage": "move"}, "/storage"),
                              ({"to": "h2", "storage": "copy", "bandwidth_mbps": -1}, "/bandwidth_mbps")):
            problem = self.expect_problem("validation-failed", 422, "POST", "/v1/vms/still:migrate", body)
            self.assertEqual([error["pointer"] for error in problem["errors"]], [pointer])


if __name__ == "__main__":
    unittest.main()
