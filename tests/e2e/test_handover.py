"""Two agents without a controller's core: every operation, then migrations with agents killed at random moments."""

import os
import subprocess
import sys
import unittest

from pool_case import PROGRAMS

ROUNDS = "6"
SEED = "1"


class HandOver(unittest.TestCase):
    def test_the_guest_runs_on_exactly_one_host_whatever_is_killed(self):
        command = [sys.executable, "agent_handover.py", os.path.join(PROGRAMS, "ballast-agent"), ROUNDS, SEED]
        result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(result.returncode, 0, result.stdout[-4000:] + result.stderr[-4000:])
