"""Two agents: every operation, and kills in the middle of saves, restores and migrations (see agent_handover.py)."""

import os
import unittest

import agent_handover


class Agents(unittest.TestCase):
    def test_a_guest_is_in_exactly_one_place_whoever_is_killed_when(self):
        program = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast-agent")
        self.assertEqual(agent_handover.run(program, rounds=12, seed=1), "")

    def test_a_guest_that_suspends_itself_late_runs_on_when_nobody_waits_for_it_any_more(self):
        program = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast-agent")
        self.assertEqual(agent_handover.run(program, rounds=10, seed=2, sim=agent_handover.SIM + "\nsuspend_late_ms = 300"), "")


if __name__ == "__main__":
    unittest.main()
