"""The commands that need no controller, as a user meets them: exit codes, messages, and a golden plan."""

import json
import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

BALLAST = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast")


def host(name, **facts):
    return {"name": name, "cpu_cores": 10, "memory_mib": 8192, "net_mbps": 1000, "disk_mbps": 500, **facts}


def vm(name, on, cores, **facts):
    return {"name": name, "host": on, "memory_mib": 1024, "vcpus": 2, "cpu_cores": [cores], **facts}


def pool(hosts, vms):
    return json.dumps({"format": "ballast-pool/1", "hosts": hosts, "vms": vms})


# One hot host, two idle ones.
HOT = pool([host("h1"), host("h2"), host("h3")],
           [vm("a", "h1", 4), vm("b", "h1", 3), vm("c", "h1", 2), vm("d", "h2", 1)])


def ballast(*arguments, stdin="", limit_memory_mib=None):
    def limit():
        if limit_memory_mib:
            resource.setrlimit(resource.RLIMIT_DATA, (limit_memory_mib << 20, limit_memory_mib << 20))
    return subprocess.run([BALLAST, *arguments], input=stdin, capture_output=True, text=True, timeout=120,
                          preexec_fn=limit, env={key: value for key, value in os.environ.items()
                                                 if key != "BALLAST_DATA"})


class Plan(unittest.TestCase):
    def refused(self, expected, *arguments, stdin=""):
        run = ballast(*arguments, stdin=stdin)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertEqual(run.stdout, "")
        for text in expected:
            self.assertIn(text, run.stderr)

    def test_the_busiest_guest_leaves_the_hot_host_for_the_idlest(self):
        run = ballast("plan", "--pool", "-", "--policy", "vds-1a", "--json", stdin=HOT)
        self.assertEqual(run.returncode, 0, run.stderr)
        plan = json.loads(run.stdout)
        self.assertEqual(plan["format"], "ballast-plan/1")
        self.assertEqual(plan["policy"], "vds-1a")
        self.assertEqual(plan["parameters"]["critical_load"], 0.8)
        self.assertEqual([(m["kind"], m["vm"], m["from"], m["to"], m["memory_mib"]) for m in plan["moves"]],
                         [("migrate", "a", "h1", "h3", 1024)])
        self.assertEqual(plan["unresolved"], [])
        self.assertEqual([h["cpu"] for h in plan["before"]["hosts"]], [0.9, 0.1, 0])
        self.assertEqual([h["cpu"] for h in plan["after"]["hosts"]], [0.5, 0.1, 0.4])

    def test_a_balanced_pool_gets_an_empty_plan_and_success(self):
        calm = pool([host("h1"), host("h2")], [vm("a", "h1", 1), vm("b", "h2", 1)])
        run = ballast("plan", "--pool", "-", "--policy", "vds-3b", stdin=calm)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("nothing to do", run.stdout)

    def test_the_same_file_gives_the_same_bytes(self):
        runs = {ballast("plan", "--pool", "-", "--policy", "vds-3b", "--json", stdin=HOT).stdout for _ in range(3)}
        self.assertEqual(len(runs), 1)

    def test_every_policy_is_compared(self):
        run = ballast("compare", "--pool", "-", "-o", "json", stdin=HOT)
        self.assertEqual(run.returncode, 0, run.stderr)
        rows = {row["policy"]: row for row in json.loads(run.stdout)}
        self.assertEqual(rows["none"]["moves"], 0)
        self.assertEqual(rows["none"]["hot_hosts"], 1)
        self.assertEqual(rows["vds-1a"]["hot_hosts"], 0)
        self.assertLess(rows["vds-1a"]["score"], rows["none"]["score"])

    def test_bad_files_are_refused_with_the_place(self):
        self.refused(["standard input: /vms/0/host", "h9"], "plan", "--pool", "-",
                     stdin=pool([host("h1")], [vm("a", "h9", 1)]))
        self.refused(["/hosts/0/cpu_cores", "expected a number"], "plan", "--pool", "-",
                     stdin=pool([host("h1", cpu_cores="8")], []))
        self.refused(["expected JSON"], "plan", "--pool", "-", stdin="{")
        self.refused(["/nowhere/pool.json"], "plan", "--pool", "/nowhere/pool.json")

    def test_unknown_names_are_answered_with_the_valid_ones(self):
        self.refused(["vds-9z", "vds-3b"], "plan", "--pool", "-", "--policy", "vds-9z", stdin=HOT)
        self.refused(["critical_lode", "critical_load"], "plan", "--pool", "-", "--policy", "vds-3b", "--set",
                     "critical_lode=1", stdin=HOT)
        self.refused(["critical_load"], "plan", "--pool", "-", "--policy", "vds-3b", "--set", "critical_load=7",
                     stdin=HOT)

    def test_a_file_of_100_mb_is_refused_by_its_size_in_little_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            large = pathlib.Path(folder) / "pool.json"
            with large.open("wb") as file:
                file.truncate(100 * 1000 * 1000)
            run = ballast("plan", "--pool", str(large), limit_memory_mib=256)
            self.assertEqual(run.returncode, 2)
            self.assertIn("larger than 67108864 bytes", run.stderr)


class Simulate(unittest.TestCase):
    def test_equal_seeds_give_equal_tables(self):
        for experiment in ("vds", "scoa"):
            runs = {ballast("simulate", experiment, "--seeds", "2", "--policy", "none", "--policy", "vds-3b").stdout
                    for _ in range(2)}
            self.assertEqual(len(runs), 1)
            self.assertIn("vds-3b", runs.pop())

    def test_plots_and_tables_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            svg, csv = f"{folder}/plot.svg", f"{folder}/table.csv"
            run = ballast("simulate", "scoa", "--seeds", "1", "--policy", "none", "--svg", svg, "--csv", csv)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertTrue(pathlib.Path(svg).read_text().startswith("<svg"))
            self.assertEqual(len(pathlib.Path(csv).read_text().splitlines()), 2)

    def test_a_folder_without_traces_is_said_to_be_one(self):
        with tempfile.TemporaryDirectory() as folder:
            run = ballast("simulate", "trace", "--data", folder)
            self.assertEqual(run.returncode, 2)
            self.assertIn("planetlab-", run.stderr)
        self.assertIn("BALLAST_DATA", ballast("simulate", "trace").stderr)


if __name__ == "__main__":
    unittest.main()
