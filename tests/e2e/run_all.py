"""Runs every test_*.py here and says how many tests passed."""

import sys
import unittest

if __name__ == "__main__":
    suite = unittest.defaultTestLoader.discover(".")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)
