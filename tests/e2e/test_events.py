"""GET /v1/events in its three forms, and what becomes of readers that are late, slow or too many."""

import json
import socket
import threading

from pool import wait_until
from pool_case import PoolCase


class Reader(threading.Thread):
    """Reads a stream of events until it ends or `close` is called."""

    def __init__(self, pool, query="", accept="application/x-ndjson", headers=""):
        super().__init__(daemon=True)
        self.lines = []
        self.ended = threading.Event()
        self.connection = socket.create_connection(("127.0.0.1", pool.http_port))
        self.connection.sendall((f"GET /v1/events{query} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
                                 f"Authorization: Bearer {pool.token()}\r\n{headers}\r\n").encode())
        self.start()

    def run(self):
        with self.connection.makefile("rb") as stream:
            for line in stream:
                self.lines.append(line.decode().strip())
        self.ended.set()

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.ended.wait(10)
        self.connection.close()

    def status(self):
        return wait_until("a status line", lambda: self.lines and self.lines[0])

    def events(self):
        return [json.loads(line) for line in list(self.lines) if line.startswith("{") and line.endswith("}")]

    def wait_for(self, what, found):
        return wait_until(what, lambda: next((event for event in self.events() if found(event)), None))


def is_pause(event):
    return event.get("kind") == "vm" and event.get("object", {}).get("state") == "paused"


class Events(PoolCase):
    guests = 2

    def newest(self):
        return self.pool.get("/v1/events?limit=1")["revision"]

    def told_of_host(self, since):
        return [event["object"]["state"] for event in self.pool.get(f"/v1/events?since={since}&kind=host")["events"]
                if event["name"] == "h2"]

    def test_a_change_of_a_guest_is_told_with_the_guest_as_it_is_then(self):
        reader = Reader(self.pool, "?kind=vm,job")
        reader.wait_for("the beginning", lambda event: event["kind"] == "hello")
        self.pool.post("/v1/vms/vm1-01:pause?wait=30")
        paused = reader.wait_for("the guest is told as paused", is_pause)
        self.assertEqual(paused["name"], "vm1-01")
        self.assertEqual(paused["object"], self.vm("vm1-01") | {"cpu_cores": paused["object"]["cpu_cores"]})
        told = [event for event in reader.events() if event["kind"] == "job"]
        self.assertEqual(told[0]["change"], "added")
        self.assertEqual(told[-1]["object"]["state"], "succeeded")
        revisions = [event["revision"] for event in reader.events()]
        self.assertEqual(revisions, sorted(set(revisions)))
        reader.close()
        self.pool.post("/v1/vms/vm1-01:unpause?wait=30")

    def test_a_long_poll_answers_as_soon_as_something_happens(self):
        since = self.newest()
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(self.pool.get(f"/v1/events?since={since}&wait=30&kind=host")))
        waiting.start()
        wait_until("it waits", lambda: "ballast_event_readers 1" in self.pool.request("GET", "/metrics")[2])
        self.pool.post("/v1/hosts/h2:cordon")
        waiting.join(20)
        event = answers[0]["events"][0]
        self.assertEqual(event["kind"], "host")
        self.assertGreaterEqual(answers[0]["revision"], event["revision"])
        self.pool.post("/v1/hosts/h2:uncordon")
        # What has happened meanwhile is there at once.
        events = self.pool.get(f"/v1/events?since={since}&wait=30&kind=host")["events"]
        self.assertEqual(events[0], event)

    def test_server_sent_events_go_on_where_the_last_one_was(self):
        since = self.newest()
        self.pool.post("/v1/hosts/h2:cordon")
        # Changes within 10 ms are one, unless somebody asks between them.
        self.assertEqual(self.told_of_host(since), ["cordoned"])
        self.pool.post("/v1/hosts/h2:uncordon")
        reader = Reader(self.pool, "?kind=host", "text/event-stream", f"Last-Event-ID: {since}\r\n")
        wait_until("both changes", lambda: any('"name":"h2"' in line and '"state":"up"' in line for line in reader.lines))
        self.assertIn("200", reader.status())
        self.assertIn("Content-Type: text/event-stream", reader.lines)
        self.assertIn("event: hello", reader.lines)
        hosts = [json.loads(line[6:])["object"] for line in reader.lines
                 if line.startswith("data: ") and '"kind":"host"' in line]
        self.assertEqual([host["state"] for host in hosts if host["name"] == "h2"], ["cordoned", "up"])
        reader.close()

    def test_who_asks_for_what_is_gone_is_told(self):
        self.expect_problem("events-lost", 410, "GET", "/v1/events?since=1")
        self.expect_problem("events-lost", 410, "GET", f"/v1/events?since={self.newest() + 1000000}")
        self.expect_problem("events-lost", 410, "GET", "/v1/events?since=1", headers={"Accept": "application/x-ndjson"})
        reader = Reader(self.pool, "", "text/event-stream", "Last-Event-ID: 1\r\n")
        wait_until("the reset", lambda: "event: reset" in reader.lines)
        reader.close()

    def test_nonsense_is_refused(self):
        self.expect_problem("invalid-request", 400, "GET", "/v1/events?since=x")
        self.expect_problem("invalid-request", 400, "GET", "/v1/events?since=-1")
        self.expect_problem("invalid-request", 400, "GET", "/v1/events?kind=vm,nonsense")
        self.expect_problem("invalid-request", 400, "GET", "/v1/events?wait=61")
        self.expect_problem("invalid-request", 400, "GET", "/v1/events?limit=0")
        self.expect_problem("invalid-request", 400, "GET", "/v1/history?span=week")

    def test_columns_for_people(self):
        text = wait_until("a sample", lambda: next(
            (text for text in [self.pool.request("GET", "/v1/events", headers={"Accept": "text/plain"})[2]]
             if "load" in text), None))
        self.assertRegex(text.splitlines()[0], r"^ *REVISION +AT +KIND +CHANGE +NAME +WHAT$")

    def test_the_history_of_loads_is_there_for_whoever_comes_later(self):
        def told(host):  # a step that has just begun has no sample yet
            return [percent for percent in host["cpu_percent"] if percent is not None]

        def known():
            hosts = self.pool.get("/v1/history")["hosts"]
            return len(hosts) == 2 and all(told(host) for host in hosts) and hosts
        for host in wait_until("samples of both hosts", known):
            for percent in told(host):
                self.assertIn(percent, range(0, 101))
            self.assertEqual(len(host["cpu_percent"]), len(host["memory_percent"]))
        self.assertEqual(self.pool.get("/v1/history?span=day")["step_seconds"], 360)


class Bounds(PoolCase):
    hosts = 1
    guests = 1
    controller_settings = {"balance": {"enabled": False, "window": 3},
                           "limits": {"events": 16, "event_kib": 64, "event_readers": 2}}

    def test_the_oldest_events_make_room_for_new_ones(self):
        limits = {limit["name"]: limit for limit in self.pool.get("/v1/limits")["limits"]}
        self.assertEqual(limits["events"]["limit"], 16)
        since = self.pool.get("/v1/events")["revision"]
        for action in ("cordon", "uncordon") * 10:
            self.pool.post(f"/v1/hosts/h1:{action}")
            since = self.pool.get(f"/v1/events?since={since}&wait=30")["revision"]
        answer = self.pool.get("/v1/events?limit=1000")
        self.assertLessEqual(len(answer["events"]), 16)
        self.expect_problem("events-lost", 410, "GET", f"/v1/events?since={answer['revision'] - 17}")

    def test_one_reader_too_many_is_refused_by_the_limit_s_name(self):
        readers = [Reader(self.pool), Reader(self.pool)]
        for reader in readers:
            reader.wait_for("the beginning", lambda event: event["kind"] == "hello")
        problem = self.expect_problem("limit-reached", 429, "GET", "/v1/events",
                                      headers={"Accept": "application/x-ndjson"})
        self.assertEqual(problem["limit"], "event_readers")
        readers[0].close()
        wait_until("its place is free", lambda: "ballast_event_readers 1" in self.pool.request("GET", "/metrics")[2])
        another = Reader(self.pool)
        another.wait_for("the beginning", lambda event: event["kind"] == "hello")
        another.close()
        readers[1].close()
        wait_until("all have gone", lambda: "ballast_event_readers 0" in self.pool.request("GET", "/metrics")[2])


class Restart(PoolCase):
    hosts = 1
    guests = 1

    def test_revisions_of_a_controller_that_was_killed_are_known_to_be_of_the_past(self):
        before = self.pool.get("/v1/events?limit=1")["revision"]
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.expect_problem("events-lost", 410, "GET", f"/v1/events?since={before}")
        self.assertGreater(self.pool.get("/v1/events?limit=1")["revision"], before)
