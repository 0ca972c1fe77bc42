"""Two agents: every operation, and kills in the middle of saves, restores and migrations (see agent_handover.py)."""

import os
import unittest

import agent_handover


class Agents(unittest.TestCase):
    def test_a_guest_is_in_exactly_one_place_whoever_is_killed_when(self):
        program = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast-agent")
        self.assertEqual(agent_handover.run(program, rounds=12, seed=1), "")


if __name__ == "__main__":
    unittest.main()
