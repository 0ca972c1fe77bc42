"""Commands that stay until what they asked for has ended, and a controller that goes away meanwhile."""

import contextlib
import signal
import socket

from cli_case import SECONDS_MAX, CliCase
from pool import wait_until
from proxy import Proxy


class WaitingCase(CliCase):
    guests = 2

    @contextlib.contextmanager
    def frozen(self, host):
        """What its agent is ordered to do does not end meanwhile."""
        process = self.pool.agents[host].process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def start_controller(self):
        self.pool.controller.start()
        self.pool.wait_for_controller()

    def restart(self, waits):
        """The controller, not before the command has noticed that it is away."""
        self.pool.controller.stop()
        waits.until_said("asking again for at most")
        self.start_controller()
        waits.until_said("it answers again")

    def open_job(self, guest):
        def found():
            jobs = self.pool.get("/v1/jobs?state=queued,running")["jobs"]
            return next((job["id"] for job in jobs if job["vm"] == guest), None)
        return wait_until(f"a job of {guest}", found, seconds=SECONDS_MAX)

    def ended_well(self, waits, words):
        self.assertEqual(waits.end(), 0, (waits.lines, waits.said))
        waits.until("its last word", lambda: waits.lines)
        self.assertIn(words, waits.lines[-1])

    def jobs_of(self, guest):
        return [job["id"] for job in self.pool.get("/v1/jobs")["jobs"] if job["vm"] == guest]


class Waiting(WaitingCase):
    def test_jobs_are_waited_for_over_a_restart(self):
        with self.frozen("h1"):
            pauses = self.stays("vm", "pause", "vm1-01", "vm1-02", "--wait")
            numbers = [self.open_job(guest) for guest in ("vm1-01", "vm1-02")]
            waits = self.stays("job", "wait", *map(str, numbers))
            waits.until("its first answer", lambda: self.waiting_requests() >= 2)
            self.pool.controller.stop()
            for each in (pauses, waits):
                each.until_said("asking again for at most 5m")
            self.start_controller()
            for each in (pauses, waits):
                each.until_said("it answers again")
        for each in (pauses, waits):
            self.ended_well(each, "pause h1 succeeded")
            self.assertEqual(len(each.lines), 2, each.lines)
        self.wait_for_hosts()
        self.run_it("vm", "unpause", "vm1-01", "vm1-02", "--wait")

    def waiting_requests(self):
        metrics = self.pool.request("GET", "/metrics")[2]
        return next(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("ballast_http_waiting "))

    def test_a_request_whose_answer_was_lost_is_sent_again_and_has_its_effect_once(self):
        cut = []

        def lose_the_answer(_, data):
            if not cut and data.startswith(b"POST"):
                with socket.create_connection(("127.0.0.1", self.pool.http_port)) as controller:
                    controller.sendall(data)
                    cut.append(controller.recv(1 << 16))
                self.pool.controller.kill()
                return None
            return data

        proxy = Proxy(self.pool.http_port, lose_the_answer)
        self.addCleanup(proxy.close)
        before = self.jobs_of("vm2-01")
        waits = self.stays("vm", "pause", "vm2-01", "--wait", "--server", f"http://127.0.0.1:{proxy.port}")
        waits.until_said("asking again for at most")
        self.start_controller()
        self.ended_well(waits, "pause h2 succeeded")
        self.assertIn(b" 202 ", cut[0])
        self.assertEqual(len(self.jobs_of("vm2-01")), len(before) + 1)
        self.wait_for_hosts()
        self.run_it("vm", "unpause", "vm2-01", "--wait")

    def test_its_patience_ends_and_it_says_how_to_look_later(self):
        with self.frozen("h1"):
            waits = self.stays("vm", "pause", "vm1-01", "--wait", "--patience", "1")
            number = self.open_job("vm1-01")
            at_once = self.stays("job", "wait", str(number), "--patience", "0")
            in_time = self.stays("job", "wait", str(number), "--timeout", "2")
            waits.until("its first answer", lambda: self.waiting_requests() >= 3)
            self.pool.controller.stop()
            for each, code in ((waits, 7), (at_once, 7), (in_time, 8)):
                self.assertEqual(each.end(), code, each.said)
                each.until_said(f"later: ballast job wait {number}")
            self.start_controller()
        self.run_it("job", "wait", str(number))
        self.wait_for_hosts()
        self.run_it("vm", "unpause", "vm1-01", "--wait")

    def test_a_controller_that_was_never_there_is_not_waited_for(self):
        for arguments in (("job", "wait", "1"), ("vm", "pause", "vm1-01", "vm1-02", "--wait"), ("rebalance", "--quiet")):
            said = self.run_it(*arguments, code=7, BALLAST_SERVER="http://127.0.0.1:1").stderr
            self.assertNotIn("later:", said)
            self.assertNotIn("may have been done", said)
            self.assertEqual("not asked for: vm1-02" in said, arguments[0] == "vm", said)


class Draining(WaitingCase):
    def test_a_host_that_nobody_has_heard_of_yet_is_not_said_to_be_empty(self):
        with self.frozen("h1"):
            waits = self.stays("host", "drain", "h1", "--wait")
            wait_until("it drains", lambda: self.pool.get("/v1/hosts/h1")["draining"], seconds=SECONDS_MAX)
            self.restart(waits)
            # It looks again whenever a host changes.
            wait_until("h2 is there", lambda: self.pool.get("/v1/hosts/h2")["state"] == "up", seconds=SECONDS_MAX)
            self.assertEqual(self.pool.get("/v1/hosts/h1")["vms"], 0)
            self.assertEqual((waits.process.poll(), [line for line in waits.lines if "no guest" in line]), (None, []))
        self.ended_well(waits, "h1: no guest is left")
        self.assertEqual(self.pool.get("/v1/hosts/h2")["vms"], 2 * self.guests)


class Rebalancing(WaitingCase):
    def test_the_plan_is_followed_over_a_restart_without_a_word(self):
        for guest in ("vm2-01", "vm2-02"):
            self.run_it("vm", "migrate", guest, "--to", "h1", "--wait")
        wait_until("it is hot", lambda: self.pool.get("/v1/hosts/h1")["cpu"] > 0.2, seconds=SECONDS_MAX)
        with self.frozen("h2"):
            waits = self.stays("rebalance", "--quiet", "--policy", "vds-3b", "--set", "critical_load=0.1", "--set", "samples_min=1")
            number = wait_until("a plan", lambda: [plan["id"] for plan in self.pool.get("/v1/plans")["plans"]
                                                   if plan["state"] == "applying"], seconds=SECONDS_MAX)[0]
            waits.until("its first answer", lambda: self.pool.get("/v1/jobs?state=queued,running")["jobs"])
            self.pool.controller.stop()
            self.start_controller()
        self.ended_well(waits, f"plan {number} (vds-3b): ")
        self.assertEqual((len(waits.lines), waits.said), (1, []))
