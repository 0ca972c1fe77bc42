"""Every operation on a pool of simulated hosts, through real agents and their workers."""

import json

from pool import HttpError, wait_until
from pool_case import PoolCase
from test_offline import ballast


class Operations(PoolCase):
    def act(self, name, action, body=None, wait=30):
        return self.pool.post(f"/v1/vms/{name}:{action}?wait={wait}", body)

    def test_pause_and_unpause(self):
        self.assertEqual(self.act("vm1-01", "pause")["state"], "succeeded")
        wait_until("it is paused", lambda: self.vm("vm1-01")["state"] == "paused")
        problem = self.expect_problem("state-conflict", 409, "POST", "/v1/vms/vm1-01:save")
        self.assertIn("unpause", problem["allowed_actions"])
        self.assertEqual(self.act("vm1-01", "unpause")["state"], "succeeded")
        wait_until("it runs", lambda: self.vm("vm1-01")["state"] == "running")
        status, _, text = self.pool.request("POST", "/v1/vms/vm1-01:unpause")
        self.assertEqual(status, 200, text)  # it is so already

    def test_save_and_restore(self):
        self.act("vm1-02", "save")
        wait_until("it is saved", lambda: self.vm("vm1-02")["state"] == "saved")
        self.act("vm1-02", "restore")
        wait_until("it runs", lambda: self.vm("vm1-02")["state"] == "running")

    def test_migrate_there_and_back(self):
        job = self.act("vm1-03", "migrate", {"to": "h2", "mode": "live"})
        self.assertEqual((job["migration"]["to"], job["migration"]["mode"]), ("h2", "live"))
        wait_until("it is there", lambda: self.vm("vm1-03")["host"] == "h2" and self.vm("vm1-03")["state"] == "running")
        self.act("vm1-03", "migrate", {"to": "h1", "mode": "stop_and_copy"})
        wait_until("it is back", lambda: self.vm("vm1-03")["host"] == "h1")
        problem = self.expect_problem("validation-failed", 422, "POST", "/v1/vms/vm1-03:migrate", {"to": "h9"})
        self.assertEqual(problem["errors"], [{"pointer": "/to", "detail": "no host h9"}])

    def test_create_then_destroy(self):
        spec = {"name": "made", "type": "pv", "memory_mib": 128, "vcpus": 1, "kernel": "/boot/guest", "to": "h2",
                "vifs": [{"bridge": "xenbr0"}], "vnc": {"listen": "127.0.0.1"}}
        dry = self.pool.post("/v1/vms?dry_run=true", spec)
        self.assertEqual(dry["decision"], "accepted")
        self.expect_problem("not-found", 404, "GET", "/v1/vms/made")
        job = self.pool.post("/v1/vms?wait=30", spec)
        self.assertEqual((job["kind"], job["state"]), ("create", "succeeded"))
        vm = wait_until("it is there", lambda: self.vm("made")["host"] == "h2" and self.vm("made"))
        self.assertTrue(vm["ours"])
        # An address of a network card is one guest's alone.
        beside = {"name": "beside", "type": "pv", "memory_mib": 64, "kernel": "/boot/guest"}
        card = {"bridge": "xenbr0", "mac": "00:16:3e:00:07:0a"}
        self.assertEqual(self.pool.post("/v1/vms?wait=30", {**beside, "vifs": [card]})["state"], "succeeded")
        same = {**beside, "name": "third", "vifs": [{**card, "mac": card["mac"].upper()}]}
        for query in ("", "?dry_run=true"):
            problem = self.expect_problem("state-conflict", 409, "POST", f"/v1/vms{query}", same)
            self.assertIn("beside has a card", problem["detail"])
        group = {**same, "vifs": [{**card, "mac": "01:00:5e:00:00:01"}]}
        problem = self.expect_problem("validation-failed", 422, "POST", "/v1/vms", group)
        self.assertEqual(problem["errors"][0]["pointer"], "/vifs/0/mac")
        self.act("made", "destroy")
        wait_until("it is gone from its host", lambda: self.vm("made")["state"] == "inactive")

    def test_more_memory_than_a_host_has_is_refused_before_anything_moves(self):
        spec = {"name": "huge", "type": "pv", "memory_mib": 1000000, "kernel": "/boot/guest"}
        problem = self.expect_problem("no-capacity", 503, "POST", "/v1/vms", spec)
        self.assertTrue(problem["reasons"])

    def test_cordon_and_uncordon(self):
        self.assertEqual(self.pool.post("/v1/hosts/h2:cordon")["state"], "cordoned")
        with self.assertRaises(HttpError):
            self.act("vm1-04", "migrate", {"to": "h2"})
        self.assertEqual(self.pool.post("/v1/hosts/h2:uncordon")["state"], "up")

    def test_plans(self):
        plan = self.pool.post("/v1/plans", {"policy": "vds-3b", "parameters": {"critical_load": 0.9}})
        self.assertEqual((plan["format"], plan["policy"]), ("ballast-plan/1", "vds-3b"))
        self.assertEqual(plan["moves"], [])  # nobody is overloaded
        again = self.pool.get(f"/v1/plans/{plan['id']}")
        self.assertEqual(again["parameters"]["critical_load"], 0.9)
        self.assertNotIn("search", again)  # this policy does not search
        self.pool.post("/v1/rebalance?dry_run=true", {"max_moves": 2})

    def test_a_plan_and_its_decision_say_how_long_was_searched(self):
        asked = {"policy": "ballast", "parameters": {"time_budget_ms": 60000}}
        search = {"asked_ms": 60000, "allowed_ms": 10, "complete": True}
        plan = self.pool.post("/v1/plans", asked)
        self.assertEqual(plan["search"], search)
        decided = next(each for each in self.pool.get("/v1/decisions?limit=1000")["decisions"]
                       if each.get("plan") == plan["id"])
        self.assertEqual(decided["search"], search)
        self.assertEqual(self.pool.post("/v1/explain", {"vm": "vm1-01", **asked})["search"], search)

    def test_lists_have_pages_filters_and_three_forms(self):
        names, token = [], ""
        while True:
            page = self.pool.get(f"/v1/vms?limit=3&host=h1,h2{'&page_token=' + token if token else ''}")
            names += [vm["name"] for vm in page["vms"]]
            self.assertLessEqual(len(page["vms"]), 3)
            token = page.get("next_page_token", "")
            if not token:
                break
        self.assertEqual(names, sorted(set(names)))
        self.assertGreaterEqual(len(names), 8)
        lines = self.pool.request("GET", "/v1/hosts", headers={"Accept": "application/x-ndjson"})[2].splitlines()
        self.assertEqual([json.loads(line)["name"] for line in lines], ["h1", "h2"])
        table = self.pool.request("GET", "/v1/hosts", headers={"Accept": "text/plain"})[2].splitlines()
        self.assertEqual([line.split()[0] for line in table], ["NAME", "h1", "h2"])

    def test_snapshot_is_a_pool_that_the_offline_tools_read(self):
        pool = self.pool.get("/v1/snapshot")
        self.assertEqual(pool["format"], "ballast-pool/1")
        self.assertEqual([host["name"] for host in pool["hosts"]], ["h1", "h2"])
        hosts = {host["name"] for host in pool["hosts"]}
        self.assertTrue(all(vm["host"] in hosts for vm in pool["vms"]))

    def test_metrics_parse_and_name_no_guest(self):
        text = self.pool.request("GET", "/metrics")[2]
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) ballast_\w+ .+|ballast_\w+(\{([a-z_]+="[^"]*",?)+\})? -?[0-9.e+-]+)$')
        self.assertNotIn("vm1-", text)
        self.assertIn('ballast_host_up{host="h1"} 1', text)


class Snapshot(PoolCase):
    controller_settings = {"balance": {"enabled": False, "window": 3, "apart": ["vm1-"]}}

    def test_it_tells_who_is_to_be_kept_apart(self):
        pool = self.pool.get("/v1/snapshot")
        self.assertEqual({vm["name"]: vm.get("anti_affinity") for vm in pool["vms"]},
                         {vm["name"]: "vm1-" if vm["name"].startswith("vm1-") else None for vm in pool["vms"]})
        self.assertTrue(all(vm["movable"] for vm in pool["vms"]))
        drained = {**pool, "hosts": [{**host, "state": "draining" if host["name"] == "h1" else "up"} for host in pool["hosts"]]}
        plan = ballast("plan", "--pool", "-", "--json", "--set", "samples_min=0", stdin=json.dumps(drained))
        self.assertEqual(plan.returncode, 0, plan.stderr)
        self.assertEqual(len(json.loads(plan.stdout)["moves"]), 1, "one of the group has a place on the other host")
