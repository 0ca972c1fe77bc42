"""docs/openapi.yaml against the truth: the controller's table, the command line's table, and real answers."""

import json
import os
import re
import subprocess
import unittest
from pathlib import Path

import jsonschema
import yaml

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "delete")


def operations():
    """operationId -> (method, path, what the contract says)"""
    found = {}
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                found[item[method]["operationId"]] = (method.upper(), path, item[method])
    return found


def resolved(part):
    while "$ref" in part:
        target = DOCUMENT
        for word in part["$ref"].removeprefix("#/").split("/"):
            target = target[word]
        part = target
    return part


class Document(unittest.TestCase):
    def test_every_operation_of_the_controller_is_in_the_contract_and_the_other_way_round(self):
        source = (ROOT / "controller/http/operations.cpp").read_text(encoding="utf-8")
        names = {"get": "GET", "post": "POST", "put": "PUT", "del": "DELETE"}
        served = {(names[method], path) for method, path in
                  re.findall(r'Operation\{\s*Method::(\w+),\s*"([^"]+)"', source)}
        written = {(method, re.sub(r"\{\w+\}", "{id}", path)) for method, path, _ in operations().values()}
        self.assertEqual(served, written)
        self.assertGreater(len(served), 30)

    def test_every_operation_has_a_command_and_every_command_names_operations_that_exist(self):
        answer = subprocess.run([os.path.join(PROGRAMS, "ballast"), "help", "-o", "json"], capture_output=True,
                                check=True, timeout=30)
        used = {name for command in json.loads(answer.stdout)["commands"] for name in command["operations"]}
        self.assertEqual(used, set(operations()))

    def test_the_document_is_complete(self):
        ids = [entry["operationId"] for item in DOCUMENT["paths"].values() for method, entry in item.items()
               if method in METHODS]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(DOCUMENT["openapi"], "3.1.0")
        for name, (_, path, entry) in operations().items():
            self.assertTrue(entry["summary"], name)
            self.assertIn("default", entry["responses"], name)
            given = DOCUMENT["paths"][path].get("parameters", []) + entry.get("parameters", [])
            in_path = {resolved(part)["name"] for part in given if resolved(part)["in"] == "path"}
            self.assertEqual(in_path, set(re.findall(r"\{(\w+)\}", path)), name)
        for name, schema in DOCUMENT["components"]["schemas"].items():
            jsonschema.Draft202012Validator.check_schema(schema)


class RealAnswers(PoolCase):
    """Each operation is called; each answer is what the contract says of its status and form."""

    guests = 2

    def call(self, name, query="", body=None, accept=None, token=True, **path_values):
        method, path, entry = operations()[name]
        for key, value in path_values.items():
            path = path.replace("{" + key + "}", str(value))
        status, headers, text = self.pool.request(method, path + query, body, {"Accept": accept} if accept else None,
                                                  token)
        said = resolved(entry["responses"].get(str(status)) or entry["responses"]["default"])
        self.exercised.add(name)
        if status == 204:
            self.assertEqual(text, "", name)
            return status, None
        form = headers["content-type"].split(";")[0]
        self.assertIn(form, said["content"], f"{name} answered {status} as {form}: {text}")
        if form == "text/plain":
            return status, text
        values = [json.loads(line) for line in text.splitlines()] if "ndjson" in form else [json.loads(text)]
        # The components beside it are what its references find.
        validator = jsonschema.Draft202012Validator(
            {**said["content"][form]["schema"], "components": DOCUMENT["components"]})
        for value in values:
            errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]
            self.assertEqual(errors, [], f"{name} answered {status}: {text}")
        return status, values[0] if values else None

    def expect(self, status, name, *args, **values):
        """As call, with this status; returns the body."""
        answered, body = self.call(name, *args, **values)
        self.assertEqual(answered, status, f"{name}: {body}")
        return body

    def read_everything(self):
        for name in ("getHealth", "getReadiness", "getMetrics", "getOpenapi", "getStatus", "getLimits", "getSnapshot",
                     "listHosts", "listVms", "listJobs", "listPlans", "listDecisions"):
            self.expect(200, name)
        for name in ("getLimits", "listHosts", "listVms", "listJobs", "listPlans", "listDecisions"):
            self.expect(200, name, accept="application/x-ndjson")
            self.expect(200, name, accept="text/plain")
        for accept in (None, "text/plain"):
            self.expect(200, "listEvents", "?limit=1000", accept=accept)
        self.expect(200, "listEvents", "?wait=0", accept="application/x-ndjson")
        self.expect(200, "getLoadHistory")
        self.expect(200, "getLoadHistory", "?span=day")
        self.expect(200, "getHost", host="h1")
        self.expect(200, "getVm", vm="vm1-01")

    def change_guests(self):
        spec = {"name": "made", "type": "pv", "memory_mib": 64, "kernel": "/boot/guest", "to": "h1",
                "vnc": {"listen": "127.0.0.1"}}
        self.expect(200, "createVm", "?dry_run=true", spec)
        job = self.expect(200, "createVm", "?wait=30", spec)
        self.expect(200, "getJob", id=job["id"])
        self.expect(200, "cancelJob", id=job["id"])  # it has ended: so it is already
        self.expect(409, "limitJob", "", {"bandwidth_mbps": 5}, id=job["id"])  # nor has it images that travel
        wait_until("it runs", lambda: self.vm("made")["state"] == "running")
        for name, state in (("pauseVm", "paused"), ("unpauseVm", "running"), ("saveVm", "saved"),
                            ("restoreVm", "running")):
            self.expect(200, name, "?dry_run=true", vm="made")
            self.expect(200, name, "?wait=30", vm="made")
            wait_until(state, lambda state=state: self.vm("made")["state"] == state)
        self.expect(200, "migrateVm", "?wait=30", {"to": "h2", "mode": "live"}, vm="made")
        wait_until("it is there", lambda: self.vm("made")["host"] == "h2" and self.vm("made")["state"] == "running")
        self.expect(200, "indexVm", "?dry_run=true", vm="made")
        self.expect(200, "getVmDestinations", vm="made")
        self.expect(200, "getVmDestinations", accept="text/plain", vm="made")
        self.assertFalse(self.expect(200, "setVmMovable", "", {"movable": False}, vm="made")["movable"])
        self.expect(200, "shutdownVm", "?wait=30", vm="made")
        wait_until("it is down", lambda: self.vm("made")["state"] == "inactive")
        self.expect(200, "startVm", "?wait=30", {"to": "h1"}, vm="made")
        wait_until("it runs again", lambda: self.vm("made")["state"] == "running")
        self.expect(200, "destroyVm", "?wait=30", vm="made")
        wait_until("it is gone", lambda: self.vm("made")["state"] == "inactive")
        self.call("forgetVm", vm="made")
        self.expect(404, "getVm", vm="made")

    def change_hosts(self):
        self.assertEqual(self.expect(200, "cordonHost", host="h2")["state"], "cordoned")
        self.assertEqual(self.expect(200, "uncordonHost", host="h2")["state"], "up")
        self.expect(200, "drainHost", "?dry_run=true", host="h2")
        self.expect(409, "forgetHost", host="h1")

    def change_plans(self):
        body = {"policy": "vds-3b", "parameters": {"critical_load": 0.9}, "max_moves": 2}
        self.expect(200, "createPlan", "?dry_run=true", body)
        first = self.expect(201, "createPlan", "", body)
        self.expect(200, "getPlan", id=first["id"])
        self.call("cancelPlan", id=first["id"])
        second = self.expect(201, "createPlan", "", body)
        self.call("applyPlan", id=second["id"])
        self.expect(200, "rebalance", "?dry_run=true", body)
        self.call("rebalance", "?wait=30", body)
        decisions = wait_until("a decision", lambda: self.pool.get("/v1/decisions")["decisions"])
        self.expect(200, "getDecision", id=decisions[0]["id"])

    def explain(self):
        for body in (None, {"policy": "vds-3b", "parameters": {"critical_load": 0.1}, "max_moves": 3}, {"policy": "none"}):
            pool = self.expect(200, "explain", "", body)
            self.assertNotIn("vm", pool)
            self.expect(200, "explain", "", body, accept="text/plain")
        calm = {"policy": "vds-3b", "parameters": {"samples_min": 0}}
        counted = self.expect(200, "explain", "", calm)
        self.assertEqual(sum(counted["by_rule"]["vms"].values()), len(self.pool.get("/v1/vms?host=h1,h2")["vms"]))
        self.assertEqual(counted["by_rule"]["hosts"], {"not_overloaded": 2})
        stays = self.expect(200, "explain", "", {"vm": "vm1-01", "to": "h2", **calm})
        self.assertEqual((stays["vm"]["decision"], stays["vm"]["rule"]), ("stays", "not_overloaded"))
        self.assertIn("not overloaded", stays["vm"]["why"])
        self.assertEqual((stays["migrate"]["decision"], stays["migrate"]["to"]), ("accepted", "h2"))
        self.assertEqual(self.expect(200, "explain", "", {"vm": "vm1-01", "to": "h1"})["migrate"]["decision"], "already_so")
        host = self.expect(200, "explain", "", {"host": "h1"})["host"]
        self.assertEqual((host["name"], host["decision"]), ("h1", "stays"))
        self.assertEqual([guest["name"] for guest in host["guests"]],
                         sorted(vm["name"] for vm in self.pool.get("/v1/vms?host=h1")["vms"]))
        self.assertTrue(all(guest["why"] for guest in host["guests"] if guest["decision"] == "stays"))
        hot = {"parameters": {"critical_load": 0.05, "cool_down_seconds": 0, "samples_min": 1}, "policy": "vds-3b"}
        self.expect(200, "setVmMovable", "", {"movable": False}, vm="vm1-02")
        self.assertEqual(self.expect(200, "explain", "", {"vm": "vm1-02", **hot})["vm"]["rule"], "not_movable")
        self.expect(200, "setVmMovable", "", {"movable": True}, vm="vm1-02")
        self.expect(422, "explain", "", {"vm": "nobody"})
        self.expect(422, "explain", "", {"to": "h1"})
        self.expect(422, "explain", "", {"vm": "vm1-01", "host": "h1"})

    def change_desktops(self):
        template = {"type": "pv", "memory_mib": 64, "kernel": "/boot/guest"}
        pool = {"name": "kiosk", "after_session": "reset", "template": template,
                "targets": {"ready": 1, "paused": 0, "saved": 0, "max": 1}}
        self.expect(200, "createPool", "?dry_run=true", pool)
        self.expect(201, "createPool", "", pool)
        self.expect(200, "replacePool", "", pool, pool="kiosk")
        self.expect(200, "getPoolTargets", pool="kiosk")
        self.expect(200, "setPoolTargets", "", {"max": 2}, pool="kiosk")
        self.expect(200, "disablePool", pool="kiosk")
        self.expect(200, "enablePool", pool="kiosk")
        wait_until("a desktop is ready",
                   lambda: self.expect(200, "getPool", pool="kiosk")["desktops"].get("ready") == 1)
        session = self.expect(201, "openSession", "?wait=20", {"user": "ann", "pool": "kiosk"})
        self.expect(200, "openSession", "", {"user": "ann", "pool": "kiosk"})
        self.expect(200, "getSession", id=session["id"])
        self.expect(200, "getVmHistory", vm=session["vm"])
        self.expect(200, "getVmHistory", accept="text/plain", vm=session["vm"])
        self.expect(409, "deletePool", pool="kiosk")
        for name in ("listPools", "listSessions", "listPrivateDesktops"):
            for accept in (None, "application/x-ndjson", "text/plain"):
                self.expect(200, name, accept=accept)
        self.expect(200, "closeSession", id=session["id"])
        self.expect(201, "createPool", "", {"name": "office", "kind": "private", "template": template})
        self.expect(201, "assignPrivateDesktop", "", {"pool": "office"}, user="ann")
        self.expect(200, "listPrivateDesktops")
        self.expect(200, "getPrivateDesktop", user="ann")
        self.expect(204, "deletePrivateDesktop", user="ann")
        self.call("deletePool", pool="office")
        self.call("deletePool", pool="kiosk")

    def change_tokens(self):
        self.assertEqual(self.expect(200, "whoAmI")["role"], "admin")
        body = {"name": "ann", "role": "user", "user": "ann", "expires_in_seconds": 60}
        self.expect(200, "createToken", "?dry_run=true", body)
        made = self.expect(201, "createToken", "", body)
        self.expect(409, "createToken", "", body)
        self.assertEqual(self.expect(200, "whoAmI", token=made["token"])["user"], "ann")
        self.expect(403, "listVms", token=made["token"])
        self.expect(200, "listSessions", token=made["token"])
        self.assertNotIn("token", self.expect(200, "getToken", id=made["id"]))
        for accept in (None, "application/x-ndjson", "text/plain"):
            self.expect(200, "listTokens", accept=accept)
        self.expect(200, "revokeToken", "?dry_run=true", id=made["id"])
        self.assertEqual(self.expect(200, "revokeToken", id=made["id"])["state"], "revoked")
        self.expect(401, "whoAmI", token=made["token"])
        self.expect(422, "createToken", "", {"name": "no blanks", "role": "king", "user": "ann"})

    def refusals(self):
        self.expect(401, "listVms", token=False)
        self.expect(401, "getStatus", token="x" * 43)
        self.expect(400, "listVms", "?unknown=1")
        self.expect(404, "getHost", host="nobody")
        self.expect(410, "listEvents", "?since=1")
        self.expect(422, "migrateVm", "", {"to": "nobody"}, vm="vm1-01")
        self.expect(422, "createPlan", "", {"policy": "nonsense"})
        self.expect(503, "createVm", "", {"name": "huge", "type": "pv", "memory_mib": 1000000, "kernel": "/k"})

    def test_every_operation_answers_as_the_contract_says(self):
        self.exercised = set()
        for part in (self.read_everything, self.change_guests, self.change_hosts, self.change_plans, self.explain, self.change_desktops,
                     self.change_tokens, self.refusals, self.read_everything):
            with self.subTest(part.__name__):
                part()
        self.assertEqual(self.exercised, set(operations()))

    def test_the_controller_serves_the_document(self):
        served = self.pool.request("GET", "/openapi.json", token=False)
        self.assertEqual(served[0], 200)
        self.assertEqual(json.loads(served[2]), json.loads(json.dumps(DOCUMENT)))
