"""What the tests of migrations with disk images share: two simulated hosts without shared storage, and a proxy between
them that can do harm."""

import glob
import hashlib
import os
import tempfile
import unittest

from agent_driver import Agent, Controller, RUNNING, SUCCEEDED, new_guest, spec
from proxy import Proxy

PROGRAM = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast-agent")
MIB = 1 << 20


def content(seed, mib):
    return hashlib.shake_256(str(seed).encode()).digest(mib * MIB)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).digest()


class WanCase(unittest.TestCase):
    BYTES_PER_PAGE = 64
    MIGRATION = ""  # more settings of migrations
    IMAGES = ""  # and of images
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ballast-wan-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.controller = Controller()
        self.addCleanup(self.controller.close)
        self.source, self.destination = self.start("h1"), self.start("h2")
        self.proxy = Proxy(self.destination.port)
        self.addCleanup(self.proxy.close)
        self.guest, self.name = new_guest(), "traveller"

    def start(self, name):
        directory = os.path.join(self.folder, name)
        os.makedirs(f"{directory}/images")
        agent = Agent(PROGRAM, directory, name, self.controller.port,
                      sim=f"operation_speed = 50\nimage_bytes_per_page = {self.BYTES_PER_PAGE}",
                      migration=f'{self.MIGRATION}\n[images]\ndirectory = "{directory}/images"\n{self.IMAGES}')
        self.controller.add(agent)
        agent.start()
        self.addCleanup(agent.stop)
        self.controller.wait(lambda: agent.link, name)
        return agent

    def path(self, agent, name):
        return os.path.join(agent.directory, "images", name)

    def write(self, agent, name, data, at=0):
        with open(self.path(agent, name), "r+b" if os.path.exists(self.path(agent, name)) else "wb") as file:
            file.seek(at)
            file.write(data)
        return self.path(agent, name)

    def hear_both(self):
        """New connections: while files were made here, nobody listened, and an agent does not wait for ever."""
        for agent in (self.source, self.destination):
            self.controller.inventory_after(agent)

    def create(self, *disks):
        self.hear_both()
        update = self.controller.run(self.source, "create", self.guest, self.name,
                                     spec=spec(self.guest, self.name, disks=disks))
        self.assertEqual(update.state, SUCCEEDED, update.detail)

    def order(self, bandwidth_mbps=0, deadline_ms=120000):
        """The two jobs of a migration through the proxy, begun; and what repeats the source's order."""
        self.hear_both()
        common = {"migration": new_guest(), "memory_kib": 128 * 1024, "deadline_ms": deadline_ms, "copy_storage": True}
        job_in = self.controller.order(self.destination, "migrate_in", self.guest, self.name, peer="h1", **common)
        self.controller.wait(lambda: job_in in self.destination.updates, "the destination's word")
        self.assertTrue(self.destination.updates[job_in].ready, self.destination.updates[job_in].detail)
        out = {"peer": "h2", "address": "127.0.0.1", "port": self.proxy.port, "mode": 2,
               "bandwidth_mbps": bandwidth_mbps, **common}
        job_out = self.controller.order(self.source, "migrate_out", self.guest, self.name, **out)
        return job_in, job_out, lambda: self.controller.order(self.source, "migrate_out", self.guest, self.name,
                                                              job=job_out, **out)

    def finish(self, job_in, job_out):
        result = self.controller.finish(self.source, job_out, 180)
        if result.state != SUCCEEDED:
            self.controller.cancel(self.destination, job_in)
        result_in = self.controller.finish(self.destination, job_in, 60)
        self.controller.inventory_after(self.source)
        self.controller.inventory_after(self.destination)
        self.assertEqual(result.state == SUCCEEDED, result_in.state == SUCCEEDED)
        return result

    def migrate(self, **more):
        return self.finish(*self.order(**more)[:2])

    def state(self, agent):
        return agent.domains[self.guest].state if self.guest in agent.domains else None

    def wait_for_bytes(self, count):
        self.controller.wait(lambda: self.proxy.to_target >= count, f"{count} bytes on their way")

    def assert_moved(self, result, name="disk.img", expected=None):
        self.assertEqual(result.state, SUCCEEDED, result.detail)
        self.assertEqual((self.state(self.source), self.state(self.destination)), (None, RUNNING))
        left = [n for n in glob.glob(self.path(self.source, f"{name}.left-*")) if not n.endswith(".index")]
        self.assertEqual(len(left), 1, left)
        self.assertFalse(os.path.exists(self.path(self.source, name)), "the source's image has its old name")
        self.assertEqual(digest(self.path(self.destination, name)), digest(left[0]))
        if expected is not None:
            self.assertEqual(digest(self.path(self.destination, name)), hashlib.sha256(expected).digest())

    def assert_stayed(self, result, expected, name="disk.img"):
        self.assertNotEqual(result.state, SUCCEEDED)
        self.assertEqual((self.state(self.source), self.state(self.destination)), (RUNNING, None), result.detail)
        self.assertEqual(digest(self.path(self.source, name)), hashlib.sha256(expected).digest())
        self.assertFalse(os.path.exists(self.path(self.destination, name)))
