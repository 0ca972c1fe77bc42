"""A pool and the command line that is pointed at it."""

import os
import subprocess
import threading

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

BALLAST = os.path.join(PROGRAMS, "ballast")
SECONDS_MAX = 60


class CliCase(PoolCase):
    def environment(self, **more):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("BALLAST_") and name != "NO_COLOR"}
        return {**clean, "HOME": self.directory.name, "BALLAST_SERVER": f"http://127.0.0.1:{self.pool.http_port}",
                "BALLAST_TOKEN_FILE": str(self.pool.state_dir / "admin.token"), **more}

    def run_it(self, *arguments, code=0, standard_input="", **more):
        done = subprocess.run([BALLAST, *arguments], capture_output=True, text=True, timeout=SECONDS_MAX,
                              input=standard_input, env=self.environment(**more), check=False)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def stays(self, *arguments):
        """A command that is left running, with what it writes; it is ended with the test."""
        return Staying(self, [BALLAST, *arguments], self.environment())


class Staying:
    def __init__(self, case, command, environment):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.lines = []  # of standard output
        self.said = []  # on standard error
        readers = [threading.Thread(target=self.read, args=each, daemon=True)
                   for each in ((self.process.stdout, self.lines), (self.process.stderr, self.said))]
        for reader in readers:
            reader.start()
            case.addCleanup(reader.join)
        case.addCleanup(self.process.wait)
        case.addCleanup(self.process.kill)

    @staticmethod
    def read(stream, into):
        with stream:
            into.extend(line.rstrip("\n") for line in stream)

    def until(self, what, condition):
        return wait_until(f"{what}; said: {self.said}", condition, seconds=SECONDS_MAX)

    def until_said(self, words):
        return self.until(f"{words} on standard error", lambda: any(words in line for line in self.said))

    def end(self):
        return self.process.wait(SECONDS_MAX)
