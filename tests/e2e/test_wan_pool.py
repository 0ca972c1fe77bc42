"""A guest moves with its disk image because an operator asks for it, at the endpoint and on the command line."""

import hashlib
import os
import socket
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

MIB = 1 << 20
TOOL = Path(__file__).parents[2] / "packaging/ballast-pki"


class TwoSites(PoolCase):
    hosts = 0

    def agent_settings(self, name):
        return {"images": {"directory": self.images(name)}}

    def setUp(self):
        for name in ("h1", "h2"):
            if name not in self.pool.agents:
                os.makedirs(self.images(name))
                self.pool.start_agent(name, {"cpus": 4, "memory_mib": 4096, "operation_speed": 50},
                                      **self.agent_settings(name))
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

    def send(self, name):
        job = self.pool.post(f"/v1/vms/{name}:migrate?wait=60", {"to": "h2", "storage": "copy", "bandwidth_mbps": 500})
        return wait_until("the end of the job", lambda: (now := self.pool.get(f"/v1/jobs/{job['id']}?wait=20"))
                          ["state"] not in ("queued", "running") and now, 120)


class WanPool(TwoSites):
    def test_an_operator_sends_a_guest_with_its_disk(self):
        data = self.create("mover", b"1")
        job = self.send("mover")
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


class WanPoolOverTls(TwoSites):
    """Nothing between the programs is plain: controller and agents, and agents among themselves."""

    @classmethod
    def setUpClass(cls):
        cls.pki = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="ballast-pki-")))
        for words in (("init", cls.pki / "ca"), ("issue", cls.pki / "ca", "controller", "--ip", "127.0.0.1"),
                      ("issue", cls.pki / "ca", "h1"), ("issue", cls.pki / "ca", "h2"), ("init", cls.pki / "other"),
                      ("issue", cls.pki / "other", "h2")):
            subprocess.run([TOOL, *words], check=True, capture_output=True)
        cls.controller_settings = {**PoolCase.controller_settings, "agents": {"plain": False, **cls.files("controller")}}
        super().setUpClass()

    @classmethod
    def files(cls, name, authority="ca"):
        folder = cls.pki / authority
        return {"ca": str(folder / "ca.pem"), "certificate": str(folder / f"{name}.pem"), "key": str(folder / f"{name}.key")}

    def agent_settings(self, name):
        return {**super().agent_settings(name), "tls": self.files(name)}

    def spoken_to(self, port, authority=None):
        """Whether the agent on this port greets who shows the certificate of this authority's h2, or none."""
        context = ssl.create_default_context(cafile=self.pki / "ca/ca.pem")
        context.check_hostname = False
        if authority:
            files = self.files("h2", authority)
            context.load_cert_chain(files["certificate"], files["key"])
        with socket.create_connection(("127.0.0.1", port), 30) as plain:
            try:
                with context.wrap_socket(plain) as link:
                    return link.recv(1) != b""  # an agent speaks first
            except OSError:
                return False

    def test_an_image_goes_along_and_strangers_are_not_talked_to(self):
        data = self.create("secret", b"4")
        job = self.send("secret")
        self.assertEqual(job["state"], "succeeded", job)
        self.assert_arrived("secret", data)
        port = self.pool.get("/v1/hosts/h2")["agent"]["migration_port"]
        self.assertTrue(self.spoken_to(port, "ca"))
        self.assertFalse(self.spoken_to(port, "other"))
        self.assertFalse(self.spoken_to(port))


if __name__ == "__main__":
    unittest.main()
