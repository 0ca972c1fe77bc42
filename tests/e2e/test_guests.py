"""What guests tell and are told: simulated guests play ballast-guest's side, and misbehave when they are asked to."""

import os
import subprocess
import tempfile
import unittest
import uuid as uuids

from agent_driver import Agent, Controller, SUCCEEDED, new_guest, spec

PROGRAMS = os.environ["BALLAST_PROGRAMS"]
NOT_FOUND, PROTOCOL_VIOLATION = 2, 52


class Guests(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="ballast-guests-")
        self.addCleanup(self.directory.cleanup)
        self.controller = Controller()
        self.addCleanup(self.controller.close)
        # A guest boots in 400 ms.
        self.agent = Agent(os.path.join(PROGRAMS, "ballast-agent"), os.path.join(self.directory.name, "h1"), "h1",
                           self.controller.port, sim="operation_speed = 20")
        self.controller.add(self.agent)
        self.agent.start()
        self.addCleanup(self.agent.stop)
        self.controller.wait(lambda: self.agent.link, "the agent")

    def run_job(self, kind, guest, name, **more):
        update = self.controller.run(self.agent, kind, guest, name, **more)
        self.assertEqual(update.state, SUCCEEDED, update.detail)

    def create(self, name, signals="normal"):
        guest = new_guest()
        self.run_job("create", guest, name, spec=spec(guest, name))
        if signals != "normal":
            subprocess.run([os.path.join(PROGRAMS, "sim-inspect"), os.path.join(self.agent.directory, "state/sim-host"),
                            "signals", name, signals], check=True)
        return guest

    def note(self, guest):
        nonce = uuids.uuid4().bytes
        self.controller.send(self.agent, 22, {1: guest, 2: nonce, 3: "nas:/users/alice"})
        return nonce

    def wait_for_nonce(self, guest, nonce):
        def repeated():
            return guest in self.agent.signals and self.agent.signals[guest].nonce == nonce
        self.controller.wait(repeated, "the guest to repeat its nonce")
        return self.agent.signals[guest]

    def test_a_guest_tells_that_it_is_up_and_answers_again_wherever_it_wakes(self):
        guest = self.create("desk")
        signal = self.wait_for_nonce(guest, self.note(guest))
        self.assertTrue(signal.ready)
        self.assertRegex(signal.address, r"^10\.77\.")
        self.wait_for_nonce(guest, self.note(guest))
        for before, after in (("pause", "unpause"), ("save", "restore")):
            self.run_job(before, guest, "desk")
            self.run_job(after, guest, "desk")
            self.wait_for_nonce(guest, self.note(guest))

    def test_a_new_controller_connection_hears_of_all_guests_again(self):
        guest = self.create("desk")
        nonce = self.note(guest)
        self.wait_for_nonce(guest, nonce)
        self.agent.kill()
        self.agent.signals.clear()
        self.agent.start()
        self.wait_for_nonce(guest, nonce)

    def test_guests_that_misbehave_are_told_apart(self):
        silent, rude, huge, good = (self.create(name, signals) for name, signals in
                                    (("silent", "never"), ("rude", "garbage"), ("huge", "huge"), ("good", "normal")))
        for guest in (silent, rude, huge):
            self.note(guest)
        self.wait_for_nonce(good, self.note(good))
        for guest in (rude, huge):
            self.controller.wait(lambda: guest in self.agent.signals, "the complaint about nonsense")
            self.assertEqual(self.agent.signals[guest].fault, PROTOCOL_VIOLATION)
            self.assertFalse(self.agent.signals[guest].ready)
            self.assertLess(len(self.agent.signals[guest].detail), 256)
        self.assertNotIn(silent, self.agent.signals)

    def test_a_note_to_a_guest_that_is_not_here_is_answered(self):
        nobody = new_guest()
        self.note(nobody)
        self.controller.wait(lambda: nobody in self.agent.signals, "an answer")
        self.assertEqual(self.agent.signals[nobody].fault, NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
