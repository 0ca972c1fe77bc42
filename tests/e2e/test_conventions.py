"""The conventions that all operations share, asked of each operation of the contract that has them: dry runs, idempotency
keys, waiting, pages, filters, the forms of lists, entity tags and problems."""

import json
import re

from pool import wait_until
from pool_case import PoolCase
from test_openapi import operations, resolved, DOCUMENT

TEMPLATE = {"type": "pv", "memory_mib": 64, "kernel": "/boot/guest"}
GUEST = {"name": "made", "to": "h1", **TEMPLATE}
DESKTOPS = {"name": "more", "after_session": "reset", "template": TEMPLATE,
            "targets": {"ready": 0, "paused": 0, "saved": 0, "max": 1}}
NO_MOVES = {"policy": "vds-3b", "parameters": {"critical_load": 0.9}}
# Of each change: whom it is asked of, and with which body, so that it is possible as the pool stands. `None`: the pool
# has nobody of whom it could be asked, and the answer is the problem beside it.
CHANGES = {
    "forgetHost": ({"host": "h1"}, None, "state-conflict"),
    "cordonHost": ({"host": "h1"}, None, None),
    "uncordonHost": ({"host": "h2"}, None, None),
    "drainHost": ({"host": "h1"}, None, None),
    "createVm": ({}, GUEST, None),
    "forgetVm": ({"vm": "vm1-01"}, None, "state-conflict"),
    "startVm": ({"vm": "off"}, {"to": "h1"}, None),
    "pauseVm": ({"vm": "vm1-01"}, None, None),
    "unpauseVm": ({"vm": "vm1-02"}, None, None),
    "saveVm": ({"vm": "vm1-01"}, None, None),
    "restoreVm": ({"vm": "vm2-01"}, None, None),
    "shutdownVm": ({"vm": "vm1-01"}, {"force": False}, None),
    "destroyVm": ({"vm": "off"}, None, None),
    "migrateVm": ({"vm": "vm1-01"}, {"to": "h2"}, None),
    "setVmMovable": ({"vm": "vm1-01"}, {"movable": False}, None),
    "indexVm": ({"vm": "vm1-01"}, None, None),
    "createPool": ({}, DESKTOPS, None),
    "replacePool": ({"pool": "kiosk"}, {**DESKTOPS, "name": "kiosk"}, None),
    "deletePool": ({"pool": "kiosk"}, None, None),
    "setPoolTargets": ({"pool": "kiosk"}, {"max": 3}, None),
    "enablePool": ({"pool": "kiosk"}, None, None),
    "disablePool": ({"pool": "kiosk"}, None, None),
    "assignPrivateDesktop": ({"user": "bob"}, {"pool": "office"}, None),
    "deletePrivateDesktop": ({"user": "ann"}, None, None),
    "openSession": ({}, {"user": "bob", "pool": "kiosk"}, "no-capacity"),
    "closeSession": ({"id": "9"}, None, "not-found"),
    "cancelJob": ({"id": "JOB"}, None, None),
    "limitJob": ({"id": "JOB"}, {"bandwidth_mbps": 5}, "state-conflict"),
    "createPlan": ({}, NO_MOVES, None),
    "applyPlan": ({"id": "PLAN"}, None, None),
    "cancelPlan": ({"id": "PLAN"}, None, None),
    "rebalance": ({}, NO_MOVES, None),
    "createToken": ({}, {"name": "bob", "role": "viewer"}, None),
    "revokeToken": ({"id": "TOKEN"}, None, None),
}
LISTS = ("hosts", "vms", "pools", "private-desktops", "sessions", "jobs", "plans", "decisions", "tokens")


def parameters_of(name):
    _, path, entry = operations()[name]
    given = DOCUMENT["paths"][path].get("parameters", []) + entry.get("parameters", [])
    return {resolved(part)["name"] for part in given if resolved(part)["in"] != "path"}


class Conventions(PoolCase):
    guests = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pool = cls.pool
        pool.post("/v1/vms?wait=30", {**GUEST, "name": "off"})
        pool.post("/v1/vms/off:destroy?wait=30")
        job = pool.post("/v1/vms/vm1-02:pause?wait=30")
        pool.post("/v1/vms/vm2-01:save?wait=30")
        for vm, state in (("off", "inactive"), ("vm1-02", "paused"), ("vm2-01", "saved")):
            wait_until(f"{vm} is {state}", lambda vm=vm, state=state: pool.get(f"/v1/vms/{vm}")["state"] == state)
        pool.post("/v1/pools", {**DESKTOPS, "name": "kiosk"})
        pool.post("/v1/pools", {"name": "office", "kind": "private", "template": TEMPLATE})
        pool.json("PUT", "/v1/private-desktops/ann", {"pool": "office"})
        pool.json("PUT", "/v1/private-desktops/eve", {"pool": "office"})
        plans = [pool.post("/v1/plans", NO_MOVES) for _ in range(3)]
        token = pool.post("/v1/tokens", {"name": "old", "role": "viewer"})
        cls.ids = {"JOB": job["id"], "PLAN": plans[0]["id"], "TOKEN": token["id"]}

    def path_of(self, name, **values):
        path = operations()[name][1]
        for key, value in values.items():
            path = path.replace("{" + key + "}", str(self.ids.get(value, value)))
        return path

    def changes(self):
        """(operationId, method, path, body, problem to be expected)"""
        for name, (values, body, problem) in CHANGES.items():
            yield name, operations()[name][0], self.path_of(name, **values), body, problem

    def state(self):
        """All that a change can change, and nothing that goes on by itself."""
        def lists(kind, *members):
            found = self.pool.get(f"/v1/{kind}?limit=1000")[kind.replace("-", "_")]
            return [[item.get(member) for member in members] for item in found]
        return [lists("hosts", "name", "state"), lists("vms", "name", "state", "host", "movable"),
                lists("pools", "name", "enabled", "etag", "targets"), lists("private-desktops", "user", "pool"),
                lists("sessions", "id", "state"), lists("jobs", "id", "state"), lists("plans", "id", "state"),
                lists("tokens", "id", "state")]

    def is_problem(self, answer, slug, what):
        status, headers, text = answer
        self.assertEqual(headers.get("content-type"), "application/problem+json", f"{what}: {status} {text}")
        problem = json.loads(text)
        self.assertEqual(problem["type"], f"/problems/{slug}", f"{what}: {text}")
        self.assertEqual((problem["status"], problem["request_id"]), (status, headers["x-request-id"]), what)
        self.assertTrue(problem["title"] and (problem.get("detail") or problem.get("errors")), what)
        return problem

    def test_the_table_has_every_change_of_the_contract(self):
        changing = {name for name, (method, _, _) in operations().items() if method != "GET" and name != "explain"}
        self.assertEqual(set(CHANGES), changing)

    def test_every_change_can_be_tried_without_effect(self):
        before = self.state()
        for name, method, path, body, problem in self.changes():
            self.assertIn("dry_run", parameters_of(name))
            answer = self.pool.request(method, f"{path}?dry_run=true", body)
            what = f"{name}: {answer[0]} {answer[2][:300]}"
            if problem is None:
                self.assertEqual(answer[0], 200, what)
                self.assertTrue(json.loads(answer[2]), what)
            else:
                self.is_problem(answer, problem, name)
            self.assertEqual(self.state(), before, name)
            self.is_problem(self.pool.request(method, f"{path}?dry_run=perhaps", body), "invalid-request", name)

    def test_waiting_is_bounded_and_a_number(self):
        for name, method, path, body, _ in self.changes():
            for wrong in ("61", "-1", "soon") if "wait" in parameters_of(name) else ():
                answer = self.pool.request(method, f"{path}?wait={wrong}&dry_run=true", body)
                self.is_problem(answer, "invalid-request", f"{name} wait={wrong}")

    def test_the_same_key_and_body_act_once_and_another_body_is_refused(self):
        tried = 0
        # What leaves the pool as the other tests want it.
        for name, body, other in (("createPlan", NO_MOVES, {"policy": "vds-3b", "parameters": {"critical_load": 0.8}}),
                                  ("setVmMovable", {"movable": True}, {"movable": False}),
                                  ("setPoolTargets", {"max": 1}, {"max": 2}),
                                  ("assignPrivateDesktop", {"pool": "office"}, {"pool": "kiosk"}),
                                  ("cordonHost", None, None), ("uncordonHost", None, None), ("enablePool", None, None)):
            self.assertIn("Idempotency-Key", parameters_of(name))
            values = {"user": "ann"} if name == "assignPrivateDesktop" else CHANGES[name][0]
            values = {"host": "h2"} if "host" in values else values
            method, path, key = operations()[name][0], self.path_of(name, **values), {"Idempotency-Key": f"key-of-{name}"}
            first = self.pool.request(method, path, body, key)
            again = self.pool.request(method, path, body, key)
            self.assertIn(first[0], (200, 201), f"{name}: {first[2]}")
            self.assertNotIn("idempotency-replayed", first[1], name)
            self.assertEqual(again[1].get("idempotency-replayed"), "true", f"{name}: {again}")
            if name == "createPlan":
                self.assertEqual(json.loads(again[2])["id"], json.loads(first[2])["id"], "a second plan was made")
            if other is not None:
                self.is_problem(self.pool.request(method, path, other, key), "idempotency-key-reused", name)
            self.is_problem(self.pool.request("POST", "/v1/vms/vm1-01:pause", None, key), "idempotency-key-reused", name)
            tried += 1
        self.assertEqual(tried, 7)

    def test_every_change_takes_a_key_except_those_of_tokens(self):
        for name in CHANGES:
            self.assertEqual("Idempotency-Key" in parameters_of(name), not name.endswith("Token"), name)

    def test_lists_come_in_pages_that_add_up(self):
        paged = {name for name in operations() if "page_token" in parameters_of(name)}
        self.assertEqual({operations()[name][1] for name in paged}, {f"/v1/{kind}" for kind in LISTS})
        for kind in LISTS:
            member = kind.replace("-", "_")
            whole = self.pool.get(f"/v1/{kind}?limit=1000")
            self.assertNotIn("next_page_token", whole, kind)
            found, path = [], f"/v1/{kind}?limit=1"
            while path:
                page = self.pool.get(path)
                self.assertLessEqual(len(page[member]), 1, kind)
                found += page[member]
                token = page.get("next_page_token")
                path = f"/v1/{kind}?limit=1&page_token={token}" if token else None
            self.assertEqual([self.name_of(item) for item in found], [self.name_of(item) for item in whole[member]], kind)
            for wrong in ("limit=0", "limit=1001", "limit=many", "page_token=nonsense"):
                self.is_problem(self.pool.request("GET", f"/v1/{kind}?{wrong}"), "invalid-request", f"{kind} {wrong}")

    def name_of(self, item):
        return item.get("id") or item.get("name") or item["user"]

    def test_lists_are_filtered_by_one_value_and_by_a_set(self):
        filtered = 0
        for kind in LISTS:
            name = next(name for name, (method, path, _) in operations().items() if (method, path) == ("GET", f"/v1/{kind}"))
            whole = self.pool.get(f"/v1/{kind}?limit=1000")[kind.replace("-", "_")]
            for parameter in parameters_of(name) - {"limit", "page_token"}:
                values = sorted({item[parameter] for item in whole if isinstance(item.get(parameter), str)})
                for asked in [[value] for value in values] + ([values] if len(values) > 1 else []):
                    got = self.pool.get(f"/v1/{kind}?limit=1000&{parameter}={','.join(asked)}")[kind.replace("-", "_")]
                    self.assertEqual([self.name_of(item) for item in got],
                                     [self.name_of(item) for item in whole if item.get(parameter) in asked],
                                     f"{kind}?{parameter}={asked}")
                    filtered += 1
        self.assertGreater(filtered, 10)

    def test_lists_are_columns_and_lines_for_those_who_ask(self):
        for kind in LISTS:
            whole = self.pool.get(f"/v1/{kind}?limit=1000")[kind.replace("-", "_")]
            _, headers, text = self.pool.request("GET", f"/v1/{kind}?limit=1000", headers={"Accept": "text/plain"})
            self.assertTrue(headers["content-type"].startswith("text/plain"), kind)
            lines = text.splitlines()
            self.assertEqual(len(lines), 1 + len(whole), f"{kind}: {text}")
            self.assertRegex(lines[0], r"^ *[A-Z][A-Z0-9_%/ ]+$", kind)
            _, headers, text = self.pool.request("GET", f"/v1/{kind}?limit=1000", headers={"Accept": "application/x-ndjson"})
            self.assertEqual(headers["content-type"], "application/x-ndjson", kind)
            self.assertEqual([self.name_of(json.loads(line)) for line in text.splitlines()],
                             [self.name_of(item) for item in whole], kind)

    def test_changes_of_pools_can_be_bound_to_what_was_seen(self):
        _, headers, _ = self.pool.request("GET", "/v1/pools/kiosk")
        self.assertRegex(headers["etag"], r'^"[0-9a-f]{32}"$')
        before, bound = self.state(), 0
        for name, method, path, body, _ in self.changes():
            if "If-Match" in parameters_of(name):
                old = self.pool.request(method, f"{path}?dry_run=true", body, {"If-Match": '"' + "0" * 32 + '"'})
                self.is_problem(old, "precondition-failed", name)
                self.assertEqual(old[0], 412)
                now = self.pool.request(method, f"{path}?dry_run=true", body, {"If-Match": headers["etag"]})
                self.assertEqual(now[0], 200, f"{name}: {now[2]}")
                bound += 1
        self.assertEqual(bound, 5)
        self.assertEqual(self.state(), before)

    def test_the_tag_of_a_pool_is_on_every_answer_that_the_contract_says(self):
        tag = self.pool.request("GET", "/v1/pools/kiosk")[1]["etag"]
        tagged = 0
        for name, (method, path, entry) in operations().items():
            answers = [resolved(answer) for status, answer in entry["responses"].items() if status.startswith("2")]
            if method != "GET" or not any("ETag" in answer.get("headers", {}) for answer in answers):
                continue
            path = path.replace("{pool}", "kiosk")
            whole = self.pool.request("GET", path)
            self.assertEqual(whole[1]["etag"], tag, name)
            # It is of what operators set, not of the counts beside it: no cache may be told that nothing has changed.
            self.assertEqual(whole[1]["cache-control"], "no-store", name)
            again = self.pool.request("GET", path, headers={"If-None-Match": tag})
            self.assertEqual((again[0], json.loads(again[2]).keys()), (200, json.loads(whole[2]).keys()), name)
            tagged += 1
        self.assertEqual(tagged, 2)

    def test_what_if_match_says_is_judged_as_http_does(self):
        tag, other = self.pool.request("GET", "/v1/pools/kiosk")[1]["etag"], '"' + "0" * 32 + '"'
        for name, method, path, body, _ in self.changes():
            if "If-Match" not in parameters_of(name):
                continue
            for holds in (tag, "*", f"{other}, {tag}", f" {tag} "):
                status, _, text = self.pool.request(method, f"{path}?dry_run=true", body, {"If-Match": holds})
                self.assertEqual(status, 200, f"{name} If-Match: {holds}: {text}")
            for fails in (other, f"W/{tag}", f"{other},{other}"):
                problem = self.is_problem(self.pool.request(method, f"{path}?dry_run=true", body, {"If-Match": fails}),
                                          "precondition-failed", f"{name} If-Match: {fails}")
                self.assertEqual(problem["current_tag"], tag, name)
            for malformed in (tag.strip('"'), '"open', f"{tag} {tag}"):
                self.is_problem(self.pool.request(method, f"{path}?dry_run=true", body, {"If-Match": malformed}),
                                "invalid-request", f"{name} If-Match: {malformed}")

    def test_a_pool_that_was_edited_meanwhile_is_not_edited_over(self):
        self.pool.post("/v1/pools", {**DESKTOPS, "name": "edited"})
        self.addCleanup(self.delete_pool, "edited")
        seen = self.pool.request("GET", "/v1/pools/edited")[1]["etag"]
        status, headers, _ = self.pool.request("PUT", "/v1/pools/edited/targets", {"max": 2}, {"If-Match": seen})
        self.assertEqual(status, 200)
        problem = self.is_problem(self.pool.request("PUT", "/v1/pools/edited/targets", {"max": 3}, {"If-Match": seen}),
                                  "precondition-failed", "the second edit")
        self.assertEqual((problem["status"], problem["current_tag"]), (412, headers["etag"]))
        self.assertEqual(self.pool.get("/v1/pools/edited/targets")["max"], 2)
        self.assertEqual(self.pool.request("DELETE", "/v1/pools/edited", None, {"If-Match": seen})[0], 412)

    def delete_pool(self, name):
        self.pool.request("DELETE", f"/v1/pools/{name}")
        wait_until(f"{name} is gone", lambda: self.pool.request("GET", f"/v1/pools/{name}")[0] == 404)

    def test_files_of_the_dashboard_are_sent_once(self):
        page = self.pool.request("GET", "/")[2]
        files = {"/", *(found for found in re.findall(r'(?:href|src)="(/[^"]+)"', page))}
        self.assertGreater(len(files), 2)
        for path in sorted(files):
            status, headers, text = self.pool.request("GET", path)
            self.assertEqual((status, bool(text)), (200, True), path)
            for known in (headers["etag"], "*", f'"of-before", {headers["etag"]}', f'W/{headers["etag"]}'):
                again = self.pool.request("GET", path, headers={"If-None-Match": known})
                self.assertEqual((again[0], again[2]), (304, ""), f"{path} If-None-Match: {known}")
                self.assertEqual(again[1]["etag"], headers["etag"], path)
            self.assertEqual(self.pool.request("GET", path, headers={"If-None-Match": '"of-before"'})[0::2], (200, text), path)

    def test_what_is_not_there_is_a_problem_by_its_name(self):
        kinds = sorted({match.group(1) for _, path, _ in operations().values() if (match := re.match(r"/v1/([a-z-]+)", path))})
        for kind in kinds:
            self.is_problem(self.pool.request("GET", f"/v1/{kind}/nobody/nothing"), "not-found", kind)
        for name, (method, path, _) in operations().items():
            if method == "GET" and (holes := re.findall(r"\{(\w+)\}", path)):
                self.is_problem(self.pool.request("GET", self.path_of(name, **{hole: "987654321" for hole in holes})),
                                "not-found", name)
            wrong = "PATCH"
            status, headers, text = self.pool.request(wrong, re.sub(r"\{\w+\}", "x", path))
            self.is_problem((status, headers, text), "method-not-allowed", name)
            self.assertIn(method, headers["allow"].split(", "), name)

    def test_a_conflict_says_what_is_possible(self):
        problem = self.is_problem(self.pool.request("POST", "/v1/vms/vm1-02:save?dry_run=true"), "state-conflict", "save")
        self.assertIn("unpause", problem["allowed_actions"])
