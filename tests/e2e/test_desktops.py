"""Pools of desktops on simulated hosts: the ladder, sessions, denials, and a controller that is killed in between."""

import json

from pool import wait_until
from pool_case import PoolCase

TEMPLATE = {"type": "pv", "memory_mib": 128, "vcpus": 1, "kernel": "/boot/guest", "vifs": [{"bridge": "xenbr0"}]}


def pool_body(name, targets, **more):
    body = {"name": name, "template": TEMPLATE, "targets": targets, "after_session": "reset", "pause_after_seconds": 1,
            "save_after_seconds": 1}
    return {**body, **more}


class Desktops(PoolCase):
    guests = 1

    def desktops(self, name):
        counts = self.pool.get(f"/v1/pools/{name}")["desktops"]
        return {state: count for state, count in counts.items() if state != "all"}

    def wait_for_desktops(self, name, states, seconds=60):
        wait_until(f"{name} is {states}", lambda: self.desktops(name) == states, seconds=seconds)

    def open(self, user, pool, wait=30):
        return self.pool.post(f"/v1/sessions?wait={wait}", {"user": user, "pool": pool})

    def close(self, session):
        self.pool.json("DELETE", f"/v1/sessions/{session}")

    def remove(self, name):
        for session in self.pool.get(f"/v1/sessions?pool={name}&state=open,opening")["sessions"]:
            self.close(session["id"])
        self.pool.json("DELETE", f"/v1/pools/{name}")
        wait_until(f"{name} is gone", lambda: self.pool.request("GET", f"/v1/pools/{name}")[0] == 404, seconds=60)

    def test_sessions_take_ready_then_paused_then_saved_and_are_then_denied(self):
        status, _, text = self.pool.request("POST", "/v1/pools",
                                            pool_body("ladder", {"ready": 1, "paused": 1, "saved": 1, "max": 3}))
        self.assertEqual(status, 201, text)
        self.wait_for_desktops("ladder", {"ready": 1, "paused": 1, "saved": 1})
        hosts = {vm["host"] for vm in self.pool.get("/v1/vms?pool=nothing,ladder")["vms"]}
        self.assertEqual(self.pool.get("/v1/vms?pool=nothing")["vms"], [])
        self.assertEqual(hosts, {"h1", "h2"})
        sessions = [self.open(f"user{i}", "ladder") for i in range(3)]
        self.assertEqual([s["taken_from"] for s in sessions], ["ready", "paused", "saved"])
        self.assertEqual([s["state"] for s in sessions], ["open"] * 3)
        self.assertEqual(len({s["vm"] for s in sessions}), 3)
        problem = self.expect_problem("no-capacity", 503, "POST", "/v1/sessions", {"user": "late", "pool": "ladder"})
        self.assertEqual(len(problem["reasons"]), 3)
        self.assertIn("raise targets.max above 3", problem["would_help"][0]["change"])
        again = self.pool.request("POST", "/v1/sessions", {"user": "user0", "pool": "ladder"})
        self.assertEqual((again[0], json.loads(again[2])["id"]), (200, sessions[0]["id"]))
        history = self.pool.get(f"/v1/vms/{sessions[2]['vm']}/history")["changes"]
        self.assertEqual([c["to"] for c in history if c["machine"] == "common_desktop"][:3],
                         ["running", "ready", "restoring"])
        self.assertTrue(all(c["cause"] for c in history))
        generation = self.pool.get(f"/v1/vms/{sessions[0]['vm']}")["desktop"]["generation"]
        self.close(sessions[0]["id"])
        self.assertEqual(self.pool.json("DELETE", f"/v1/sessions/{sessions[0]['id']}")["state"], "closed")  # twice

        def fresh():
            desktop = self.pool.get(f"/v1/vms/{sessions[0]['vm']}")["desktop"]
            return desktop["generation"] > generation and desktop["state"] == "ready"

        wait_until("the used desktop was reset", fresh, seconds=60)
        self.remove("ladder")

    def test_a_killed_controller_keeps_sessions_and_desktops(self):
        self.pool.post("/v1/pools", pool_body("kept", {"ready": 2, "paused": 0, "saved": 0, "max": 3}))
        self.wait_for_desktops("kept", {"ready": 2})
        session = self.open("ann", "kept")
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        again = self.pool.get(f"/v1/sessions/{session['id']}")
        self.assertEqual((again["state"], again["vm"]), ("open", session["vm"]))
        self.wait_for_hosts()
        wait_until("its desktop is known again",
                   lambda: self.pool.get(f"/v1/vms/{session['vm']}")["desktop"]["state"] == "running")
        self.assertEqual(self.open("ann", "kept")["id"], session["id"])
        self.assertNotEqual(self.open("bob", "kept")["vm"], session["vm"])
        self.remove("kept")

    def test_the_time_that_a_session_has_left_is_shown(self):
        self.pool.post("/v1/pools", pool_body("timed", {"ready": 1, "paused": 0, "saved": 0, "max": 1},
                                              session_max_seconds=3600))
        self.wait_for_desktops("timed", {"ready": 1})
        session = self.open("ann", "timed")
        left = self.pool.get(f"/v1/sessions/{session['id']}")["max_seconds_left"]
        self.assertTrue(0 < left <= 3600, left)
        wait_until("it gets less", lambda: self.pool.get(f"/v1/sessions/{session['id']}")["max_seconds_left"] < left)
        self.assertNotIn("disconnect_seconds_left", self.pool.get(f"/v1/sessions/{session['id']}"))
        self.remove("timed")

    def test_targets_change_one_number_and_lists_have_columns(self):
        self.pool.post("/v1/pools", pool_body("small", {"ready": 1, "paused": 0, "saved": 0, "max": 2}))
        targets = self.pool.json("PUT", "/v1/pools/small/targets", {"max": 1})["targets"]
        self.assertEqual(targets, {"ready": 1, "paused": 0, "saved": 0, "max": 1})
        self.assertEqual(self.pool.get("/v1/pools/small/targets"), targets)
        self.pool.post("/v1/pools/small:disable")
        problem = self.expect_problem("state-conflict", 409, "POST", "/v1/sessions", {"user": "u", "pool": "small"})
        self.assertEqual(problem["would_help"][0]["change"], "enable the pool")
        self.pool.post("/v1/pools/small:enable")
        table = self.pool.request("GET", "/v1/pools", headers={"Accept": "text/plain"})[2].splitlines()
        self.assertEqual(table[0].split()[:4], ["NAME", "KIND", "ENABLED", "READY"])
        self.remove("small")

    def test_an_edit_is_refused_when_the_pool_has_been_changed_since(self):
        body = pool_body("edited", {"ready": 0, "paused": 0, "saved": 0, "max": 1})

        def edit(method, path, change=None, **headers):
            status, answered, text = self.pool.request(method, path, change,
                                                       {name.replace("_", "-"): value for name, value in headers.items()})
            return status, answered.get("etag"), json.loads(text) if text else None

        first = edit("POST", "/v1/pools", body)
        self.assertEqual((first[0], edit("GET", "/v1/pools/edited")[1]), (201, first[1]))
        self.assertRegex(first[1], r'^"[0-9a-f]{32}"$')
        second = edit("PUT", "/v1/pools/edited/targets", {"max": 2}, If_Match=first[1])
        self.assertEqual(second[0], 200)
        self.assertNotEqual(second[1], first[1])
        for method, path, change in (("PUT", "/v1/pools/edited", body), ("PUT", "/v1/pools/edited/targets", {"max": 3}),
                                     ("POST", "/v1/pools/edited:disable", None), ("DELETE", "/v1/pools/edited", None)):
            for tag in (first[1], f"W/{second[1]}", f'"x", {first[1]}'):
                status, now, problem = edit(method, path, change, If_Match=tag)
                self.assertEqual((status, problem["type"]), (412, "/problems/precondition-failed"))
                self.assertEqual((now, problem["current_tag"]), (second[1], second[1]))
            self.assertEqual(edit(method, path, change, If_Match="no tag")[0], 400)
        self.assertEqual(edit("GET", "/v1/pools/edited")[1], second[1])
        self.assertEqual(edit("GET", "/v1/pools/edited/targets")[1], second[1])
        self.assertEqual(edit("PUT", "/v1/pools/edited/targets?dry_run=true", {"max": 1}, If_Match=first[1])[0], 412)
        # What has had its effect is answered again, although the tag is another by now.
        for _ in range(2):
            again = edit("PUT", "/v1/pools/edited/targets", {"max": 1}, If_Match=second[1], Idempotency_Key="edit-1")
            self.assertEqual((again[0], again[2]["targets"]["max"]), (200, 1))
        self.assertEqual(edit("POST", "/v1/pools/edited:disable", None, If_Match=f'"x", {again[1]}')[0], 200)
        self.assertEqual(edit("PUT", "/v1/pools/edited", body, If_Match="*")[0], 200)
        self.assertEqual(edit("PUT", "/v1/pools/nothing/targets", {}, If_Match=first[1])[0], 404)
        kept = edit("GET", "/v1/pools/edited")[1]
        self.pool.controller.kill()
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.assertEqual(edit("GET", "/v1/pools/edited")[1], kept)
        self.wait_for_hosts()
        self.remove("edited")

    def test_a_repeated_request_is_answered_as_the_first(self):
        body = pool_body("repeated", {"ready": 0, "paused": 0, "saved": 0, "max": 1})
        answers = [self.pool.request("POST", "/v1/pools", body, {"Idempotency-Key": "repeat-1"}) for _ in range(2)]
        self.assertEqual([(status, json.loads(text)["name"]) for status, _, text in answers], [(201, "repeated")] * 2)
        self.assertEqual(answers[1][1]["idempotency-replayed"], "true")
        for path, name in (("/v1/hosts/h1:uncordon", "h1"), ("/v1/hosts/h2:cordon", "h2")):
            for _ in range(2):
                status, _, text = self.pool.request("POST", path, None, {"Idempotency-Key": f"repeat-{name}"})
                self.assertEqual((status, json.loads(text)["name"]), (200, name))
        self.pool.post("/v1/hosts/h2:uncordon")
        self.remove("repeated")

    def test_private_desktops_boot_at_login_and_shut_down_at_logout(self):
        body = {"name": "office", "kind": "private", "template": TEMPLATE, "shutdown_grace_seconds": 5}
        self.pool.post("/v1/pools", body)
        self.expect_problem("not-found", 404, "POST", "/v1/sessions", {"user": "ann", "private": True})
        made = self.pool.json("PUT", "/v1/private-desktops/ann", {"pool": "office"})
        self.assertEqual((made["state"], made["user"]), ("inactive", "ann"))
        session = self.pool.post("/v1/sessions?wait=30", {"user": "ann", "private": True})
        self.assertEqual((session["state"], session["vm"]), ("open", "office-ann"))
        self.assertEqual(self.pool.get("/v1/private-desktops/ann")["state"], "running")
        self.expect_problem("state-conflict", 409, "POST", "/v1/vms/office-ann:pause")
        self.close(session["id"])
        wait_until("it is shut down", lambda: self.pool.get("/v1/private-desktops/ann")["state"] == "inactive",
                   seconds=60)
        self.pool.json("DELETE", "/v1/private-desktops/ann")
        self.remove("office")

    def test_bad_input(self):
        good = pool_body("bad", {"ready": 1, "paused": 0, "saved": 0, "max": 2})
        rows = [
            ({**good, "name": "no/name"}, "/name"),
            ({**good, "targets": {"ready": 3, "paused": 0, "saved": 0, "max": 2}}, "/targets/max"),
            ({**good, "targets": {"ready": 1, "paused": 0, "saved": 0, "max": 999999}}, "/targets/max"),
            ({**good, "after_session": "maybe"}, "/after_session"),
            ({k: v for k, v in good.items() if k != "after_session"}, "/after_session"),
            ({**good, "console": "relay"}, "/console"),
            ({**good, "surprise": 1}, "/surprise"),
            ({**good, "template": {**TEMPLATE, "disks": [
                {"format": "raw", "target": "/srv/shared.img", "device": "xvda"}]}}, "/template/disks"),
            ({**good, "template": {**TEMPLATE, "kernel": "boot/guest"}}, "/template/kernel"),
            ({k: v for k, v in good.items() if k != "template"}, "/template"),
        ]
        for body, pointer in rows:
            with self.subTest(pointer=pointer, body=body):
                problem = self.expect_problem("validation-failed", 422, "POST", "/v1/pools", body)
                self.assertIn(pointer, [error["pointer"] for error in problem["errors"]])
        self.expect_problem("not-found", 404, "POST", "/v1/sessions", {"user": "u", "pool": "nowhere"})
        self.expect_problem("not-found", 404, "DELETE", "/v1/sessions/1")
        self.expect_problem("not-found", 404, "GET", "/v1/pools/nowhere")
        for body in ({"user": "u"}, {"user": "../u", "pool": "p"}, {"user": "u", "pool": "p", "private": True},
                     {"user": "u", "pool": "p", "client_address": "example.net"}):
            with self.subTest(body=body):
                self.expect_problem("validation-failed", 422, "POST", "/v1/sessions", body)
