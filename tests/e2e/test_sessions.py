"""A session's relay from both ends: a controller orders it, a VNC client uses it, a VNC server plays the guest's screen."""

import os
import tempfile
import unittest

from agent_driver import Agent, Controller, SUCCEEDED, encode, new_guest, spec
from rfb import Client, Refused, Server, WIDTH, HEIGHT

PROGRAM = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast-agent")
LISTENING, CONNECTED, CLOSED = 0, 1, 2
NOT_FOUND, LIMIT_REACHED, UNSUPPORTED = 2, 4, 5


class Sessions(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="ballast-sessions-")
        self.addCleanup(self.directory.cleanup)
        self.screen = Server("desktop of the test", password="inner")
        self.addCleanup(self.screen.close)
        self.controller = Controller()
        self.addCleanup(self.controller.close)
        self.agent = Agent(PROGRAM, os.path.join(self.directory.name, "h1"), "h1", self.controller.port,
                           sim=f"operation_speed = 100\nconsole_port = {self.screen.port}",
                           migration=f"[relay]\nport_first = {21000 + os.getpid() % 9000}\nport_count = 2")
        self.controller.add(self.agent)
        self.agent.start()
        self.addCleanup(self.agent.stop)
        self.controller.wait(lambda: self.agent.link, "the agent")
        self.guest = self.create("desk", vnc=True)

    def create(self, name, vnc):
        guest = new_guest()
        more = encode({13: 1, 15: "inner"}) if vnc else b""
        update = self.controller.run(self.agent, "create", guest, name, spec=spec(guest, name) + more)
        self.assertEqual(update.state, SUCCEEDED, update.detail)
        return guest

    def open(self, session, password="geheim42", guest=None, **more):
        numbers = {"client": 4, "report_every_ms": 5}
        self.agent.relays.pop(session, None)
        self.controller.send(self.agent, 20, {1: session, 2: guest or self.guest, 3: password,
                                              **{numbers[key]: value for key, value in more.items()}})
        self.controller.wait(lambda: session in self.agent.relays, f"the status of session {session}")
        return self.agent.relays[session]

    def wait_state(self, session, state):
        self.controller.wait(lambda: self.agent.relays[session].state == state, f"session {session} to be {state}")

    def test_a_client_sees_and_uses_its_desktop(self):
        relay = self.open(7, report_every_ms=1000)
        self.assertEqual((relay.state, relay.address), (LISTENING, "127.0.0.1"))
        client = Client(relay.address, relay.port, "geheim42")
        self.addCleanup(client.close)
        self.assertEqual((client.name, client.width, client.height), ("desktop of the test", WIDTH, HEIGHT))
        self.assertEqual(client.screen(), self.screen.pixel * (WIDTH * HEIGHT))
        self.wait_state(7, CONNECTED)
        self.controller.wait(lambda: self.agent.relays[7].idle_seconds >= 1, "idleness")
        client.press(0x61)
        self.controller.wait(lambda: self.agent.relays[7].idle_seconds == 0, "the end of idleness")
        self.controller.wait(lambda: self.screen.keys == [0x61], "the key")

    def test_a_wrong_password_never_reaches_the_guest(self):
        relay = self.open(1)
        with self.assertRaisesRegex(Refused, "wrong password"):
            Client(relay.address, relay.port, "geheim43")
        self.assertEqual(self.screen.links, [])

    def test_the_end_of_a_session_cuts_its_client_off(self):
        relay = self.open(1)
        client = Client(relay.address, relay.port, "geheim42")
        self.addCleanup(client.close)
        self.controller.send(self.agent, 21, {1: 1})
        self.wait_state(1, CLOSED)
        self.assertTrue(client.cut_off())
        with self.assertRaises(OSError):
            Client(relay.address, relay.port, "geheim42")
        self.controller.send(self.agent, 21, {1: 99})
        self.controller.wait(lambda: 99 in self.agent.relays, "an answer about a session that never was")
        self.assertEqual((self.agent.relays[99].state, self.agent.relays[99].fault), (CLOSED, 0))

    def test_a_relay_goes_with_its_guest(self):
        relay = self.open(1)
        client = Client(relay.address, relay.port, "geheim42")
        self.addCleanup(client.close)
        self.controller.run(self.agent, "destroy", self.guest, "desk")
        self.wait_state(1, CLOSED)
        self.assertEqual(self.agent.relays[1].fault, NOT_FOUND)
        self.assertTrue(client.cut_off())

    def test_a_relay_is_ordered_again_after_its_agents_death(self):
        before = self.open(1)
        self.agent.kill()
        self.controller.wait(lambda: self.agent.link is None, "the end of the connection")
        with self.assertRaises(OSError):
            Client(before.address, before.port, "geheim42")
        self.agent.start()
        self.controller.wait(lambda: self.agent.link, "the agent to be back")
        after = self.open(1)
        client = Client(after.address, after.port, "geheim42")
        self.addCleanup(client.close)
        self.assertEqual(client.name, "desktop of the test")

    def test_what_cannot_be_had_is_refused_with_a_reason(self):
        self.assertEqual(self.open(1, guest=new_guest()).fault, NOT_FOUND)
        self.assertEqual(self.open(2, guest=self.create("dark", vnc=False)).fault, UNSUPPORTED)
        self.assertEqual(self.open(3).state, LISTENING)
        self.assertEqual(self.open(4).state, LISTENING)
        refused = self.open(5)
        self.assertEqual((refused.state, refused.fault), (CLOSED, LIMIT_REACHED))
        self.assertIn("relay.port_count", refused.detail)


if __name__ == "__main__":
    unittest.main()
