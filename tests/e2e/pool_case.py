"""What the end-to-end tests share: a pool of one controller and two simulated hosts, made once for each class."""

import os
import tempfile
import unittest

from pool import Pool, wait_until

PROGRAMS = os.environ["BALLAST_PROGRAMS"]


class PoolCase(unittest.TestCase):
    hosts = 2
    guests = 4
    tls = None
    controller_settings = {"balance": {"enabled": False, "window": 3}}

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="ballast-e2e-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.pool = Pool(PROGRAMS, cls.directory.name)
        cls.pool.tls = cls.tls
        cls.addClassCleanup(cls.pool.stop)
        cls.pool.start_controller(**cls.controller_settings)
        for number in range(1, cls.hosts + 1):
            cls.pool.start_agent(f"h{number}", {
                "seed": number, "cpus": 4, "memory_mib": 4096, "operation_speed": 10,
                "group_1": {"count": cls.guests, "name_prefix": f"vm{number}-", "memory_mib": 256, "load": "constant",
                            "load_mean_percent": 30}})
        cls.wait_for_hosts()

    @classmethod
    def wait_for_hosts(cls):
        if cls.hosts:
            wait_until("all hosts are up", lambda: cls.pool.get("/v1/status")["hosts"].get("up") == cls.hosts)

    def vm(self, name):
        return self.pool.get(f"/v1/vms/{name}")

    def expect_problem(self, slug, status, method, path, body=None, headers=None):
        """The answer is this problem, complete and in the right form; returns it."""
        import json
        code, answer_headers, text = self.pool.request(method, path, body, headers)
        self.assertEqual(code, status, text)
        self.assertEqual(answer_headers["content-type"], "application/problem+json")
        problem = json.loads(text)
        self.assertEqual(problem["type"], f"/problems/{slug}", text)
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["request_id"], answer_headers["x-request-id"])
        self.assertTrue(problem["title"])
        return problem
