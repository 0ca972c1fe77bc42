"""Each operation of the contract, asked badly in every way: the right problem or a closed connection, and no effect."""

import concurrent.futures
import json
import re
import socket

from pool import wait_until
from pool_case import PoolCase
from test_openapi import operations

ROLES = ("viewer", "helpdesk", "operator", "admin")
# Of the objects that the pool has; what it has none of is a number or a name that nothing bears.
NAMES = {"hosts": "h1", "vms": "vm1-01", "pools": "nothing", "private-desktops": "nobody", "sessions": "9", "jobs": "9",
         "plans": "9", "decisions": "9", "tokens": "9"}
BODIES_MAX = 64 * 1024
# What is wrong with each is wrong before it is known whether there is such an object, or after.
NO_JSON = (b"{", b"[1]", b"\"text\"", b"{\"name\":\"\xff\xfe\"}", b"{\"name\":\"\xed\xa0\x80\"}", b"{}}", b"\x00",
           b"{\"name\":" * 500, b"[" * 20_000, b"{\"a\":1,\"a\":2")
WRONG = ({"nobody_knows_this": 1}, {"name": [], "to": {}, "targets": 7, "user": False, "policy": 1e300, "force": "yes",
                                    "movable": 3, "pool": {}, "role": 0, "parameters": "none", "ready": -1})


def calls():
    """(operationId, method, path, is public, takes a body)"""
    for name, (method, path, entry) in operations().items():
        kind = re.match(r"/v1/([a-z-]+)", path)
        path = re.sub(r"\{\w+\}", NAMES.get(kind.group(1), "x") if kind else "x", path)
        yield name, method, path, entry.get("security") == [], "requestBody" in entry


class EveryOperation(PoolCase):
    hosts = 1
    guests = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = {role: cls.pool.post("/v1/tokens", {"name": f"for-{role}", "role": role})["token"] for role in ROLES}
        cls.before = cls.state()

    @classmethod
    def state(cls):
        """What no bad request may change."""
        return {"vms": [(vm["name"], vm["state"], vm["host"], vm["movable"]) for vm in cls.pool.get("/v1/vms")["vms"]],
                "hosts": [(host["name"], host["state"]) for host in cls.pool.get("/v1/hosts")["hosts"]],
                "pools": cls.pool.get("/v1/pools")["pools"], "jobs": cls.pool.get("/v1/jobs")["jobs"],
                "plans": cls.pool.get("/v1/plans")["plans"], "tokens": len(cls.pool.get("/v1/tokens")["tokens"])}

    def tearDown(self):
        self.assertTrue(self.pool.controller.alive(), self.pool.controller.log_tail())
        self.assertEqual(self.state(), self.before)

    def refused(self, method, path, slugs, **how):
        """The answer is one of these problems, complete; returns its slug."""
        status, headers, text = self.pool.request(method, path, **how)
        what = f"{method} {path} {str(how)[:120]}: {status} {text[:300]}"
        self.assertEqual(headers.get("content-type"), "application/problem+json", what)
        problem = json.loads(text)
        self.assertEqual((problem["status"], problem["request_id"]), (status, headers["x-request-id"]), what)
        self.assertTrue(problem["title"] and (problem.get("detail") or problem.get("errors")), what)
        slug = problem["type"].removeprefix("/problems/")
        self.assertIn(slug, slugs, what)
        return slug

    def test_without_a_token(self):
        for _, method, path, public, _ in calls():
            if not public:
                self.refused(method, path, {"unauthenticated"}, token=False)
        self.refused("GET", "/v1/hosts", {"unauthenticated"}, token="A" * 64)  # not often: guessing is limited

    def test_with_a_role_that_may_not(self):
        with open(f"{__file__.rpartition('/tests/')[0]}/docs/roles.md", encoding="utf-8") as page:
            rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in page if line.startswith("| `")]
        needed = {row[0].split("`")[1]: next(role for role, may in zip(ROLES, row[2:]) if may == "yes") for row in rows
                  if "yes" in row[2:]}
        tried = 0
        for name, method, path, public, _ in calls():
            written = re.sub(r"\{\w+\}", "{id}", operations()[name][1])
            below = ROLES[:ROLES.index(needed[f"{method} {written}"])] if not public else ()
            for role in below:
                self.refused(method, path, {"forbidden"}, token=self.tokens[role])
                tried += 1
        self.assertGreater(tried, 60)

    def test_parameters_that_nobody_knows(self):
        for _, method, path, _, _ in calls():
            self.refused(method, f"{path}?nonsense=1", {"invalid-request"})

    def test_bodies_that_are_no_json(self):
        for _, method, path, _, takes_body in calls():
            for body in NO_JSON if takes_body else ():
                self.refused(method, path, {"invalid-request", "not-found"}, body=body)

    def test_fields_that_nobody_knows_and_of_wrong_types(self):
        checked = 0
        for _, method, path, _, takes_body in calls():
            for body in WRONG if takes_body else ():
                checked += self.refused(method, path, {"validation-failed", "not-found"}, body=body) == "validation-failed"
        self.assertGreater(checked, 20)

    def test_bodies_above_the_bound(self):
        for _, method, path, _, takes_body in calls():
            if takes_body:
                self.refused(method, path, {"too-large"}, body=b"{" + b" " * (2 * BODIES_MAX) + b"}")


class SlowConnections(PoolCase):
    """Thousands that begin a request and never end it."""

    hosts = 1
    guests = 1
    controller_settings = {"http": {"connections_max": 64, "connections_per_address_max": 16, "idle_timeout_seconds": 2,
                                    "request_timeout_seconds": 4}}
    connections = 10_000
    at_once = 250

    def test_are_bounded_and_keep_nobody_out_for_long(self):
        begun = 0
        for first in range(0, self.connections, self.at_once):
            held = [self.dial(number) for number in range(first, first + self.at_once)]
            begun += sum(self.begin(connection) for connection in held)
            self.assertEqual(self.over_unix_socket()[:12], b"HTTP/1.1 200")
            for connection in held:
                connection.close()
        self.assertGreater(begun, self.controller_settings["http"]["connections_max"])
        wait_until("others get in again", self.healthy, seconds=60)
        self.assertEqual(self.pool.get("/v1/hosts/h1")["state"], "up")
        limits = {limit["name"]: limit for limit in self.pool.get("/v1/limits")["limits"]}
        self.assertLessEqual(limits["http_connections"]["used"], limits["http_connections"]["limit"])

    def dial(self, number):
        """Of many addresses, so that it is not the bound of one that helps; without waiting for a place in the queue."""
        connection = socket.socket()
        connection.setblocking(False)
        connection.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
        connection.connect_ex(("127.0.0.1", self.pool.http_port))
        return connection

    def begin(self, connection):
        try:
            return connection.send(b"GET /v1/hosts HTTP/1.1\r\nHost: x\r\nX-Slow: ") > 0
        except OSError:  # not yet connected, or refused
            return False

    def over_unix_socket(self):
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(30)
            local.connect(str(self.pool.state_dir / "http.sock"))
            local.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return local.recv(4096)

    def healthy(self):
        try:
            return self.pool.request("GET", "/healthz", token=False)[0] == 200
        except OSError:
            return False

    def test_that_leave_a_chunked_body_in_its_middle_are_refused_or_closed(self):
        token = self.pool.token()
        requests = [f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n".encode() + rest
                    for _, method, path, _, takes_body in calls() if takes_body
                    for rest in (b"10\r\n{\"name\":", b"ffffffffffffffff\r\n{", b"zz\r\n{}\r\n")]
        self.assertGreater(len(requests), 30)
        with concurrent.futures.ThreadPoolExecutor(8) as senders:
            for request, answer in zip(requests, senders.map(self.answer_to, requests)):
                self.assertNotRegex(answer, rb"^HTTP/1.1 2", request)
        self.assertEqual(self.pool.get("/v1/jobs")["jobs"], [])

    def answer_to(self, data):
        """All that comes until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.pool.http_port), timeout=60) as connection:
            answer = b""
            try:
                connection.sendall(data)
                while part := connection.recv(65536):
                    answer += part
            except ConnectionError:
                pass
            return answer
