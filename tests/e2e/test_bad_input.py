"""Whatever a client sends: a clear refusal, and the controller goes on."""

import json
import os
import socket
import time

from pool import wait_until
from pool_case import PoolCase


class BadInput(PoolCase):
    hosts = 1
    guests = 2
    controller_settings = {"balance": {"window": 3},
                           "http": {"idle_timeout_seconds": 1, "request_timeout_seconds": 2,
                                    "connections_per_address_max": 8}}

    def tearDown(self):
        self.assertTrue(self.pool.controller.alive(), self.pool.controller.log_tail())
        self.assertEqual(self.pool.request("GET", "/healthz", token=False)[0], 200)

    def raw(self, data, timeout=10.0):
        """Everything that the server answers to these bytes until it closes."""
        with socket.create_connection(("127.0.0.1", self.pool.http_port), timeout=timeout) as connection:
            try:
                connection.sendall(data)
                answer = b""
                while part := connection.recv(65536):
                    answer += part
                return answer
            except ConnectionError:
                return b"reset"

    def test_unknown_paths_verbs_and_names(self):
        self.expect_problem("not-found", 404, "GET", "/nothing")
        self.expect_problem("not-found", 404, "GET", "/v1/hosts/nobody")
        self.expect_problem("not-found", 404, "GET", "/v1/jobs/12")
        self.expect_problem("not-found", 404, "GET", "/v1/jobs/12x")
        self.expect_problem("not-found", 404, "POST", "/v1/vms/vm1-01:dance")
        self.expect_problem("not-found", 404, "POST", "/v1/vms/nobody:pause")
        self.expect_problem("not-found", 404, "POST", f"/v1/vms/{'x' * 200}:pause")
        problem = self.expect_problem("method-not-allowed", 405, "PUT", "/v1/vms")
        self.assertIn("GET, POST", problem["detail"])
        self.assertEqual(self.pool.request("BREW", "/v1/vms")[1]["allow"], "GET, POST")

    def test_paths_that_decode_to_something_else(self):
        self.expect_problem("invalid-request", 400, "GET", "/v1/hosts%00x")
        self.expect_problem("not-found", 404, "GET", "/v1/hosts/%ff%fe")
        self.expect_problem("not-found", 404, "GET", "/v1/hosts/..%2f..%2fetc")
        self.expect_problem("too-large", 414, "GET", "/" + "x" * 2000)

    def test_query_parameters(self):
        for query in ("limit=0", "limit=x", "limit=1001", "page_token=zz", "nonsense=1", "state=sleepy",
                      "state=paused&state=saved"):
            self.expect_problem("invalid-request", 400, "GET", f"/v1/vms?{query}")
        self.expect_problem("invalid-request", 400, "POST", "/v1/vms/vm1-01:pause?wait=61")
        self.expect_problem("invalid-request", 400, "POST", "/v1/vms/vm1-01:pause?dry_run=perhaps")

    def test_bodies_that_are_no_json(self):
        for body in (b"{", b"nonsense", b"[1]", b"{\"to\":\"h2\"}}", b"{\"to\":\"\xff\"}", b"\x00\x01\x02",
                     b"{\"a\":" + b"[" * 5000, b"{\"to\":\"h\xf0"):
            self.expect_problem("invalid-request", 400, "POST", "/v1/vms/vm1-01:migrate", body)

    def test_fields_of_wrong_types_and_unknown_fields(self):
        problem = self.expect_problem("validation-failed", 422, "POST", "/v1/vms/vm1-01:migrate",
                                      {"to": 5, "mode": "teleport", "speed": 9})
        self.assertEqual([error["pointer"] for error in problem["errors"]], ["/to", "/mode", "/speed"])
        problem = self.expect_problem("validation-failed", 422, "POST", "/v1/plans",
                                      {"policy": "luck", "parameters": {"critical_load": 7}})
        self.assertEqual([error["pointer"] for error in problem["errors"]], ["/policy", "/parameters/critical_load"])
        problem = self.expect_problem("validation-failed", 422, "POST", "/v1/vms", {"name": "a b", "memory_mib": "64"})
        self.assertIn("/name", [error["pointer"] for error in problem["errors"]])

    def test_a_body_above_the_bound(self):
        problem = self.expect_problem("too-large", 413, "POST", "/v1/vms", b"{" + b" " * 100_000 + b"}")
        self.assertEqual(problem["limit"], "http.body_bytes_max")
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        head = (f"POST /v1/vms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.pool.token()}\r\n"
                "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode()
        self.assertIn(b" 413 ", self.raw(head + chunk * 3 + b"0\r\n\r\n"))
        announced = (f"POST /v1/vms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.pool.token()}\r\n"
                     "Content-Length: 99999999999\r\n\r\n").encode()
        self.assertIn(b" 413 ", self.raw(announced))

    def test_a_header_above_the_bound(self):
        problem = self.expect_problem("too-large", 431, "GET", "/v1/vms", headers={"X-Long": "x" * 9000})
        self.assertEqual(problem["limit"], "http.header_bytes_max")
        self.assertNotIn(b" 200 ", self.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 500_000 + b"\r\n\r\n"))

    def test_what_is_no_http(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\r\n\r\n\r\n", os.urandom(4096),
                     b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"):
            self.assertNotIn(b" 200 OK", self.raw(data))

    def test_a_body_whose_length_is_said_in_two_ways_is_not_followed_by_another_request(self):
        body = b"2\r\n{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        for lengths in (b"Content-Length: 2\r\nContent-Length: 3", b"Content-Length: 2\r\nContent-Length: 2",
                        b"Content-Length: 0\r\nContent-Length: 2", b"Content-Length: 2\r\ntransfer-encoding: chunked",
                        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: gzip"):
            head = f"POST /v1/rebalance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.pool.token()}\r\n".encode()
            answer = self.raw(head + lengths + b"\r\n\r\n" + body)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (lengths, answer))
            self.assertIn(b"the length of the body", answer)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, lengths)
        self.assertIn(b" 200 OK", self.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n"
                                           b"Connection: close\r\n\r\n0\r\n\r\n"))

    def test_truncated_bodies_and_slow_clients_are_cut_off(self):
        token = self.pool.token()
        head = (f"POST /v1/vms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                "Content-Length: 100\r\n\r\n{").encode()
        started = time.monotonic()
        self.assertNotIn(b" 20", self.raw(head))  # the rest never comes
        self.assertLess(time.monotonic() - started, 8)
        with socket.create_connection(("127.0.0.1", self.pool.http_port), timeout=10) as slow:
            started = time.monotonic()
            try:
                while time.monotonic() - started < 9:  # never idle, never done
                    slow.sendall(b"G" if time.monotonic() - started < 0.1 else b"E")
                    time.sleep(0.2)
            except ConnectionError:
                pass
            self.assertLess(time.monotonic() - started, 8)

    def test_one_address_cannot_take_all_connections(self):
        held = [socket.create_connection(("127.0.0.1", self.pool.http_port), timeout=5) for _ in range(30)]
        try:
            status = self.pool.directory / "controller" / "http.sock"
            with socket.socket(socket.AF_UNIX) as local:  # root on the box gets in all the same
                local.settimeout(5)
                local.connect(str(status))
                local.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertIn(b" 200 OK", local.recv(4096))
        finally:
            for connection in held:
                connection.close()
        def answers():
            try:
                return self.pool.request("GET", "/healthz", token=False)[0] == 200
            except OSError:
                return False
        wait_until("others get in again", answers)

    def test_tokens(self):
        status, headers, text = self.pool.request("GET", "/v1/vms", token=False)
        self.assertEqual((status, headers["www-authenticate"]), (401, "Bearer"))
        self.assertEqual(json.loads(text)["type"], "/problems/unauthenticated")
        self.assertEqual(self.pool.request("GET", "/v1/vms", token="0" * 64)[0], 401)
        self.assertEqual(self.pool.request("GET", "/metrics", token=False)[0], 401)

    def test_refusals_are_counted(self):
        self.pool.request("GET", "/v1/vms", token=False)
        self.pool.request("POST", "/v1/vms/nobody:pause")
        metrics = self.pool.request("GET", "/metrics")[2]
        self.assertRegex(metrics, r'ballast_http_refused_total\{why="unauthenticated"\} [1-9]')
        self.assertRegex(metrics, r'ballast_refusals_total\{slug="not-found"\} [1-9]')
