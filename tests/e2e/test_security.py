"""Who may do what: roles, limits for wrong tokens, the audit log, TLS and client certificates."""

import http.client
import json
import os
import pwd
import resource
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import yaml

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

ROOT = Path(__file__).resolve().parents[2]
BALLAST = os.path.join(PROGRAMS, "ballast")
CALLS = [(method, path) for path, item in
         yaml.safe_load((ROOT / "docs/openapi.yaml").read_text(encoding="utf-8"))["paths"].items()
         for method in ("get", "post", "put", "delete") if method in item]
ROLES = ("user", "viewer", "helpdesk", "operator", "admin")


def ballast(*arguments, **variables):
    return subprocess.run([BALLAST, *map(str, arguments)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **variables}, check=False)


class Roles(PoolCase):
    hosts = 1
    guests = 1
    controller_settings = {"balance": {"enabled": False}, "http": {"failed_logins_per_minute": 6}}

    def token(self, name, role, **more):
        return self.pool.post("/v1/tokens", {"name": name, "role": role, **more})["token"]

    def test_every_operation_is_open_to_exactly_the_roles_of_the_page(self):
        tokens = {role: self.token(role, role, **({"user": "ann"} if role == "user" else {})) for role in ROLES}
        rows = {}
        for line in (ROOT / "docs/roles.md").read_text(encoding="utf-8").splitlines():
            if line.startswith("| `"):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                method, path = cells[0].split("`")[1].split(" ")
                rows[method, path] = dict(zip(ROLES, cells[1:]))
        self.assertEqual(len(rows), len(CALLS))
        for (method, path), allowed in rows.items():
            # Nothing of this name exists, and an unknown parameter is refused after the role is judged.
            target = path.replace("{id}", "999999") + "?no_such_parameter=1"
            for role in ROLES:
                status, _, text = self.pool.request(method, target, token=tokens[role])
                self.assertEqual(status == 403, allowed[role] == "", f"{role}: {method} {path}: {status} {text}")
            if allowed["user"] != "yes":
                self.assertEqual(self.pool.request(method, target, token=False)[0], 401, path)

    def test_a_user_sees_and_opens_only_its_own(self):
        template = {"type": "pv", "memory_mib": 64, "kernel": "/boot/guest"}
        self.pool.post("/v1/pools", {"name": "kiosk", "after_session": "reset", "template": template,
                                     "targets": {"ready": 2, "paused": 0, "saved": 0, "max": 3}})
        wait_until("spares", lambda: self.pool.get("/v1/pools/kiosk")["desktops"].get("ready") == 2)
        ann, bob = (self.token("of-" + name, "user", user=name) for name in ("ann", "bob"))
        status, _, text = self.pool.request("POST", "/v1/sessions?wait=20", {"pool": "kiosk"}, token=ann)
        self.assertEqual(status, 201, text)
        session = json.loads(text)
        self.assertEqual(session["user"], "ann")
        where = f"/v1/sessions/{session['id']}"
        self.assertEqual(self.pool.request("GET", where, token=ann)[0], 200)
        self.assertEqual(self.pool.request("GET", where, token=bob)[0], 404)
        self.assertEqual(self.pool.request("DELETE", where, token=bob)[0], 404)
        self.assertEqual(json.loads(self.pool.request("GET", "/v1/sessions", token=bob)[2])["sessions"], [])
        self.assertEqual(self.pool.request("POST", "/v1/sessions", {"user": "ann", "pool": "kiosk"}, token=bob)[0], 403)
        self.assertEqual(self.pool.request("GET", "/v1/private-desktops/ann", token=bob)[0], 404)
        self.assertEqual(self.pool.request("DELETE", where, token=ann)[0], 200)

    def test_wrong_tokens_are_limited_and_root_still_gets_in(self):
        statuses = [self.pool.request("GET", "/v1/status", token="wrong")[0] for _ in range(9)]
        self.assertEqual(statuses[0], 401)
        self.assertEqual(statuses[-1], 429)
        status, headers, text = self.pool.request("GET", "/v1/status")
        self.assertEqual((status, json.loads(text)["limit"]), (429, "http.failed_logins_per_minute"))
        self.assertGreater(int(headers["retry-after"]), 0)
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(10)
            local.connect(str(self.pool.state_dir / "http.sock"))
            local.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b""
            while part := local.recv(65536):
                text += part
        self.assertRegex(text.decode(), r"ballast_http_logins_limited_total [1-9]")
        wait_until("the limit ends", lambda: self.pool.request("GET", "/v1/status")[0] == 200, 30)


class Audit(PoolCase):
    hosts = 1
    guests = 1

    def audit(self, *arguments):
        return ballast("audit", *arguments)

    def test_the_log_tells_who_did_what_and_shows_every_change_made_to_it(self):
        folder = self.pool.state_dir / "audit"
        viewer = self.pool.post("/v1/tokens", {"name": "looker", "role": "viewer"})["token"]
        self.pool.post("/v1/hosts/h1:cordon")
        self.pool.post("/v1/hosts/h1:uncordon?dry_run=true")
        self.assertEqual(self.pool.request("POST", "/v1/hosts/h1:drain", token=viewer)[0], 403)
        self.assertEqual(self.pool.request("GET", "/v1/status", token="wrong")[0], 401)
        answer = self.audit("tail", folder, "-o", "ndjson")
        entries = [json.loads(line) for line in answer.stdout.splitlines()]
        self.assertEqual([(e["caller"], e["method"], e["path"], e["status"]) for e in entries],
                         [("first-start", "POST", "/v1/tokens", 201),
                          ("first-start", "POST", "/v1/hosts/h1:cordon", 200),
                          ("looker", "POST", "/v1/hosts/h1:drain", 403), ("", "", "", 401)])
        self.assertEqual(entries[0]["about"], "token looker role viewer")
        self.assertNotIn(viewer, answer.stdout)
        whole = self.audit("verify", folder)
        self.assertEqual((whole.returncode, whole.stderr), (0, ""))
        head = whole.stdout.split()[-1]
        # A crash in the middle of a line, and a restart: the chain goes on.
        self.pool.controller.kill()
        [file] = folder.glob("*.log")
        with open(file, "a", encoding="utf-8") as log:
            log.write('{"seq":5,"prev')
        self.assertEqual(self.audit("verify", folder).returncode, 1)
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.pool.post("/v1/hosts/h1:uncordon")
        self.assertEqual(self.audit("verify", folder, "--head", head).returncode, 0)
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        for changed in (text.replace('"looker"', '"locker"', 1), "".join(lines[:1] + lines[2:]),
                        "".join([lines[1], lines[0], *lines[2:]])):
            file.write_text(changed, encoding="utf-8")
            answer = self.audit("verify", folder)
            self.assertEqual(answer.returncode, 1)
            self.assertRegex(answer.stderr, r"audit-\d+\.log:\d+: ")
        file.write_text("".join(lines[:2]), encoding="utf-8")  # its end cut off
        self.assertEqual(self.audit("verify", folder).returncode, 0)
        self.assertEqual(self.audit("verify", folder, "--head", head).returncode, 1)
        file.write_text(text, encoding="utf-8")

    def test_what_cannot_be_recorded_is_not_done(self):
        file = max((self.pool.state_dir / "audit").glob("*.log"), default=None)
        self.pool.post("/v1/hosts/h1:cordon")
        file = file or max((self.pool.state_dir / "audit").glob("*.log"))
        process = self.pool.controller.process.pid
        before = resource.prlimit(process, resource.RLIMIT_FSIZE)
        # The disk is full, as far as the log is concerned: the file may not grow. The store, larger, neither.
        resource.prlimit(process, resource.RLIMIT_FSIZE, (file.stat().st_size, before[1]))
        try:
            self.assertEqual(self.pool.request("GET", "/v1/status", token="wrong")[0], 401)  # its entry is lost
            wait_until("that is known",
                       lambda: "\nballast_audit_lost_total 1\n" in self.pool.request("GET", "/metrics")[2])
            status, headers, text = self.pool.request("POST", "/v1/hosts/h1:uncordon")
            self.assertEqual(status, 503, text)
            self.assertIn("the audit log cannot be written", json.loads(text)["detail"])
            self.assertGreater(int(headers["retry-after"]), 0)
            self.assertEqual(self.pool.request("POST", "/v1/hosts/h1:uncordon?dry_run=true")[0], 200)
            self.assertRegex(self.pool.request("GET", "/metrics")[2], r"(?m)^ballast_audit_lost_total 1$")
            self.assertTrue(self.pool.get("/v1/hosts/h1")["cordoned"])
        finally:
            resource.prlimit(process, resource.RLIMIT_FSIZE, before)
        wait_until("changes are taken again",
                   lambda: self.pool.request("POST", "/v1/hosts/h1:uncordon")[0] in (200, 202))
        self.assertEqual(self.audit("verify", file.parent).returncode, 0)


def curl(*arguments, user=None):
    """(exit code, status, body)"""
    answer = subprocess.run(["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", *map(str, arguments)],
                            capture_output=True, text=True, timeout=90, check=False, user=user)
    body, _, status = answer.stdout.rpartition("\n")
    return answer.returncode, int(status or 0), body


class FirstStartAndSocket(PoolCase):
    hosts = 0

    def test_the_first_start_makes_one_token_and_says_where(self):
        secret = self.pool.state_dir / "admin.token"
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.pool.state_dir.stat().st_mode & 0o777, 0o700)
        log = self.pool.controller.log_path.read_text(encoding="utf-8")
        self.assertIn(str(secret), log)
        self.assertNotIn(secret.read_text(encoding="utf-8").strip(), log)
        here = f"http://127.0.0.1:{self.pool.http_port}/v1/whoami"
        self.assertEqual(curl(here)[1], 401)
        self.assertEqual(curl("-u", "admin:admin", here)[1], 401)
        before = secret.read_text(encoding="utf-8")
        _, status, body = curl("-H", f"Authorization: Bearer {before.strip()}", here)
        self.assertEqual((status, json.loads(body)["role"]), (200, "admin"))
        store = (self.pool.state_dir / "controller.db").read_bytes()
        self.assertNotIn(before.strip().encode(), store)  # only its hash is kept
        # Another start makes no other, and one that was taken away does not come back.
        secret.unlink()
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.assertFalse(secret.exists())
        self.assertEqual(curl("-H", f"Authorization: Bearer {before.strip()}", here)[1], 200)

    def test_the_socket_lets_root_in_and_asks_the_kernel_who_that_is(self):
        path = self.pool.state_dir / "http.sock"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        code, status, body = curl("--unix-socket", path, "http://localhost/v1/whoami")
        self.assertEqual((code, status), (0, 200))
        self.assertEqual({key: json.loads(body)[key] for key in ("role", "proof")},
                         {"role": "admin", "proof": "socket"})
        if os.getuid() != 0:
            self.skipTest("to be somebody else one must be root")
        nobody = pwd.getpwnam("nobody").pw_uid
        self.assertEqual(curl("--unix-socket", path, "http://localhost/v1/whoami", user=nobody)[0], 7)
        # Even when an operator opens the way to the socket, it is the peer's uid that counts.
        for part in (path.parent.parent, path.parent):
            part.chmod(0o755)
        path.chmod(0o666)
        self.assertEqual(curl("--unix-socket", path, "http://localhost/v1/whoami", user=nobody)[1], 401)
        self.assertEqual(curl("--unix-socket", path, "http://localhost/v1/whoami")[1], 200)


class NobodyIsAsked(PoolCase):
    hosts = 0
    controller_settings = {"http": {"auth": "none", "names": ["ballast.example"]}}

    def test_under_a_name_that_is_not_ours_nothing_is_told_and_nothing_done(self):
        def status(method, path, **fields):
            return self.pool.request(method, path, headers=fields, token=False)[0]

        port = self.pool.http_port
        for path in ("/v1/whoami", "/v1/vms", "/metrics", "/"):
            for host in (f"127.0.0.1:{port}", f"localhost:{port}", "ballast.example"):
                self.assertEqual(status("GET", path, Host=host), 200, f"{path} {host}")
            for host in (f"evil.example:{port}", "localhost.evil.example"):
                self.expect_problem("forbidden", 403, "GET", path, headers={"Host": host})
        self.assertLess(status("POST", "/v1/rebalance", Host="ballast.example", Origin="https://ballast.example"), 300)
        for origin in ("https://evil.example", "null", "http://127.0.0.1"):
            self.assertEqual(status("POST", "/v1/rebalance", Origin=origin), 403, origin)


class Tls(PoolCase):
    hosts = 0

    @classmethod
    def setUpClass(cls):
        pki = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="ballast-pki-")))
        tool = ROOT / "packaging/ballast-pki"
        subprocess.run([tool, "init", pki / "ca"], check=True, capture_output=True)
        subprocess.run([tool, "init", pki / "other"], check=True, capture_output=True)
        subprocess.run([tool, "issue", pki / "ca", "controller", "--ip", "127.0.0.1"], check=True, capture_output=True)
        for folder, name in (("ca", "watcher"), ("ca", "stranger"), ("other", "forged")):
            subprocess.run([tool, "issue", pki / folder, name], check=True, capture_output=True)
        cls.pki = pki
        cls.controller_settings = {"http": {
            "certificate": str(pki / "ca/controller.pem"), "key": str(pki / "ca/controller.key"),
            "client_ca": str(pki / "ca/ca.pem"), "client_roles": ["watcher=viewer", "forged=admin"]}}
        cls.tls = ssl.create_default_context(cafile=pki / "ca/ca.pem")
        super().setUpClass()

    def get(self, path, name=None, folder="ca", token=None):
        context = ssl.create_default_context(cafile=self.pki / "ca/ca.pem")
        if name:
            context.load_cert_chain(self.pki / folder / f"{name}.pem", self.pki / folder / f"{name}.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.pool.http_port, timeout=10, context=context)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def test_a_certificate_of_our_ca_gives_its_names_role_and_no_other_does(self):
        status, caller = self.get("/v1/whoami", "watcher")
        self.assertEqual((status, caller["role"], caller["proof"]), (200, "viewer", "certificate"))
        self.assertEqual(self.get("/v1/tokens", "watcher")[0], 403)
        self.assertEqual(self.get("/v1/whoami", "watcher", token=self.pool.token())[1]["role"], "admin")
        self.assertEqual(self.get("/v1/whoami", "stranger")[0], 401)
        self.assertEqual(self.get("/v1/whoami", "forged", "other")[0], 401)
        self.assertEqual(self.get("/v1/whoami")[0], 401)

    def test_a_page_of_another_site_cannot_use_the_certificate_that_the_browser_shows(self):
        mine = ("--cacert", self.pki / "ca/ca.pem", "--cert", self.pki / "ca/watcher.pem",
                "--key", self.pki / "ca/watcher.key")
        here = f"https://127.0.0.1:{self.pool.http_port}"
        change = (*mine, "-X", "POST", here + "/v1/rebalance")
        for origin, sentence in (("https://evil.example", "a page of another site"), (here, "needs the role operator")):
            _, status, body = curl("-H", f"Origin: {origin}", *change)
            self.assertEqual(status, 403)
            self.assertIn(sentence, json.loads(body)["detail"])
        bearer = ("-H", f"Authorization: Bearer {self.pool.token()}", "-H", "Origin: https://evil.example")
        self.assertEqual(curl(*bearer, *change)[1] // 100, 2)

    def test_curl_trusts_the_ca_and_nothing_but_tls_is_spoken(self):
        here = f"https://127.0.0.1:{self.pool.http_port}/v1/whoami"
        mine = ("--cacert", self.pki / "ca/ca.pem")
        bearer = ("-H", f"Authorization: Bearer {self.pool.token()}")
        code, status, body = curl(*mine, *bearer, here)
        self.assertEqual((code, status, json.loads(body)["role"]), (0, 200, "admin"))
        code, status, body = curl(*mine, "--cert", self.pki / "ca/watcher.pem", "--key", self.pki / "ca/watcher.key",
                                  here)
        self.assertEqual((code, status, json.loads(body)["name"]), (0, 200, "watcher"))
        self.assertEqual(curl("--cacert", self.pki / "other/ca.pem", here)[0], 60)  # not its CA
        self.assertEqual(curl(*mine, "--connect-to", f"h9::127.0.0.1:{self.pool.http_port}",
                              "https://h9/v1/whoami")[0], 60)  # not its name
        self.assertEqual(curl(*mine, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", here)[0], 35)
        self.assertNotEqual(curl(here.replace("https:", "http:"))[0], 0)

    def test_the_command_line_comes_in_with_a_certificate_or_a_token(self):
        server = ("--server", f"https://127.0.0.1:{self.pool.http_port}", "--ca", self.pki / "ca/ca.pem")
        answer = ballast("whoami", *server, "--cert", self.pki / "ca/watcher.pem", "--key", self.pki / "ca/watcher.key")
        self.assertEqual((answer.returncode, answer.stdout), (0, "watcher: viewer (by certificate)\n"))
        answer = ballast("whoami", *server, BALLAST_TOKEN=self.pool.token())
        self.assertEqual((answer.returncode, answer.stdout), (0, "first-start: admin (by token)\n"))
        made = ballast("token", "create", "ci", "--role", "operator", *server, BALLAST_TOKEN=self.pool.token())
        self.assertEqual(ballast("whoami", *server, BALLAST_TOKEN=made.stdout.strip()).stdout.split(",")[0],
                         "ci: operator (by token)")
        self.assertEqual(ballast("token", "create", "more", *server, BALLAST_TOKEN=made.stdout.strip()).returncode, 4)
        self.assertIn("ci", ballast("token", "list", *server, BALLAST_TOKEN=self.pool.token()).stdout)
