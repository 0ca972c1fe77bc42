"""Commands that stay, and a controller that goes away beneath them: restarted, stopped, refusing."""

import json
import signal

from cli_case import SECONDS_MAX, CliCase
from pool import HttpError, wait_until


class Watching(CliCase):
    guests = 2

    def restart(self, watch):
        """The controller, not before the watch has noticed that it is away."""
        times = self.times_said(watch, "asking again") + 1
        self.pool.controller.stop()
        watch.until("it notices", lambda: self.times_said(watch, "asking again") == times)
        self.pool.controller.start()
        self.pool.wait_for_controller()
        watch.until("it is answered", lambda: self.times_said(watch, "it answers again") == times)
        self.wait_for_hosts()

    @staticmethod
    def times_said(watch, words):
        return sum(words in line for line in list(watch.said))

    @staticmethod
    def names(watch, state):
        return [event["name"] for event in map(json.loads, list(watch.lines))
                if event.get("kind") == "vm" and event["object"]["state"] == state]

    def change(self, guest, watch):
        wait_until("the agents are there again", lambda: self.taken(f"/v1/vms/{guest}:pause?wait=30"))
        watch.until(f"{guest} paused", lambda: guest in self.names(watch, "paused"))
        self.run_it("vm", "unpause", guest, "--wait")

    def taken(self, action):
        try:
            return self.pool.post(action)
        except HttpError as error:
            if error.problem["type"] != "/problems/host-unreachable":
                raise
            return None

    def test_events_are_watched_on_over_a_restart(self):
        watch = self.stays("events", "-w", "--kind", "vm", "-o", "ndjson", "--limit", "1")
        watch.until("the beginning", lambda: watch.lines)
        self.change("vm1-01", watch)
        self.restart(watch)
        watch.until_said("are not kept any more")
        self.change("vm2-02", watch)
        revisions = [json.loads(line)["revision"] for line in list(watch.lines)]
        self.assertEqual(revisions, sorted(set(revisions)), "each event once, in their order")
        self.restart(watch)
        self.change("vm1-02", watch)
        self.assertEqual([self.times_said(watch, words) for words in ("asking again", "it answers again")], [2, 2], watch.said)
        self.assertIsNone(watch.process.poll())

    def test_a_controller_that_only_pauses_loses_no_event(self):
        watch = self.stays("events", "-w", "--kind", "vm", "-o", "ndjson", "--limit", "1", "--request-timeout", "1")
        watch.until("the beginning", lambda: watch.lines)
        since = self.pool.get("/v1/events?limit=1")["revision"]
        self.pool.controller.process.send_signal(signal.SIGSTOP)
        try:
            watch.until_said("asking again")
        finally:
            self.pool.controller.process.send_signal(signal.SIGCONT)
        watch.until_said("it answers again")
        self.change("vm2-01", watch)
        kept = [event["revision"] for event in self.pool.get(f"/v1/events?since={since}&kind=vm&limit=1000")["events"]]
        watch.until("all of them", lambda: set(kept) <= {json.loads(line)["revision"] for line in list(watch.lines)})
        self.assertFalse([line for line in watch.said if "not kept" in line], watch.said)

    def test_lists_are_watched_on_over_a_restart(self):
        watch = self.stays("get", "vms", "-w", "--every", "1", "-o", "ndjson")
        watch.until("all guests", lambda: len(watch.lines) >= self.hosts * self.guests)
        self.restart(watch)
        self.run_it("vm", "pause", "vm1-01", "--wait")
        watch.until("the change", lambda: any(
            vm.get("name") == "vm1-01" and vm["state"] == "paused" for vm in map(json.loads, list(watch.lines))))
        self.run_it("vm", "unpause", "vm1-01", "--wait")
        self.assertFalse([line for line in watch.lines if "gone" in line], "no guest was away")

    def test_it_ends_when_that_is_asked_for_and_when_it_is_refused(self):
        ends = [self.stays("events", "-w", "--no-reconnect", "-o", "name"),
                self.stays("get", "hosts", "-w", "--no-reconnect", "--every", "1", "-o", "name")]
        refused = self.stays_with_a_token_that_ends()
        for watch in (*ends, refused):
            watch.until("the beginning", lambda watch=watch: watch.lines)
        self.pool.controller.stop()
        self.assertEqual([watch.end() for watch in ends], [7, 7])
        refused.until_said("asking again")
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.wait_for_hosts()
        refused.until_said("it answers again")
        self.pool.json("DELETE", f"/v1/tokens/{self.token_id}")
        self.assertEqual(refused.end(), 4)
        self.assertIn("unauthenticated", refused.said[-1])

    def stays_with_a_token_that_ends(self):
        made = self.pool.post("/v1/tokens", {"name": "passing", "role": "viewer"})
        self.token_id = made["id"]
        path = self.pool.state_dir / "passing.token"
        path.write_text(made["token"] + "\n", encoding="utf-8")
        return self.stays("get", "hosts", "-w", "--every", "1", "-o", "name", "--token-file", str(path))

    def test_a_controller_that_is_not_there_yet_is_not_waited_for(self):
        self.run_it("events", "-w", code=7, BALLAST_SERVER="http://127.0.0.1:1")
        self.run_it("get", "hosts", "-w", code=7, BALLAST_SERVER="http://127.0.0.1:1")


class Stopped(CliCase):
    hosts = 1
    guests = 1

    def test_a_controller_that_does_not_answer_is_said_to_be_so(self):
        self.pool.controller.process.send_signal(signal.SIGSTOP)
        try:
            for arguments in (["status"], ["get", "vms"], ["explain"], ["vm", "pause", "vm1-01"], ["top", "--once"]):
                said = self.run_it(*arguments, "--request-timeout", "1", code=7).stderr
                self.assertIn("no answer within 1 s", said)
                self.assertEqual("may have been done" in said, arguments[0] == "vm", said)
        finally:
            self.pool.controller.process.send_signal(signal.SIGCONT)
        wait_until("it answers", lambda: self.pool.request("GET", "/healthz", token=False)[0] == 200, seconds=SECONDS_MAX)
