"""What an operator of the service does beside using it: cron, backup and restore, a journal."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from pool import wait_until
from pool_case import PROGRAMS, PoolCase

ROOT = Path(__file__).resolve().parents[2]
BALLAST = os.path.join(PROGRAMS, "ballast")
TEMPLATE = {"type": "pv", "memory_mib": 64, "kernel": "/boot/guest"}
# Minute, hour, day of the month, month, day of the week; user; command. crontab(5), a file of /etc/cron.d.
CRON_LINE = re.compile(r"#?((?:[\d*,/-]+ +){5})(\w+)  (\S.*)")
CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def cron_jobs():
    """(fields, user, command) of each job of the example, those to be commented in included."""
    lines = (ROOT / "configs/cron.d/ballast").read_text(encoding="utf-8").splitlines()
    jobs = [CRON_LINE.fullmatch(re.sub(" {2,}", "  ", line)) for line in lines]
    return [(job[1].split(), job[2], job[3]) for job in jobs if job]


class Cron(PoolCase):
    hosts = 1
    guests = 8
    # A host whose agent is held up by the test stays a host to move to.
    controller_settings = {"balance": {"enabled": False, "window": 3, "critical_load": 0.3, "policy": "vds-3b"},
                           "hosts": {"sample_interval_seconds": 1, "stale_after_intervals": 100}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pool.start_agent("h2", {"seed": 2, "cpus": 4, "memory_mib": 4096, "operation_speed": 10})
        wait_until("both hosts are up", lambda: cls.pool.get("/v1/status")["hosts"].get("up") == 2)
        wait_until("h1 is known to be busy", lambda: cls.pool.post("/v1/rebalance?dry_run=true")["moves"])
        cls.environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "NO_COLOR": "1",
                           "BALLAST_SERVER": f"http://127.0.0.1:{cls.pool.http_port}",
                           "BALLAST_TOKEN_FILE": str(cls.pool.state_dir / "admin.token")}

    def begin(self, *arguments):
        return subprocess.Popen([BALLAST, *arguments], env=self.environment, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def asked(self):
        """How often a rebalance was asked for, of what the audit log tells."""
        answer = subprocess.run([BALLAST, "audit", "tail", self.pool.state_dir / "audit", "-o", "ndjson", "-n", "1000"],
                                capture_output=True, text=True, timeout=60, check=True)
        return sum(json.loads(line)["path"] == "/v1/rebalance" for line in answer.stdout.splitlines())

    def test_of_two_at_once_the_second_reports_the_first_and_moves_nothing(self):
        plans = len(self.pool.get("/v1/plans")["plans"])
        asked = self.asked()
        os.kill(self.pool.agents["h2"].process.pid, signal.SIGSTOP)  # the first move does not get on
        try:
            first = self.begin("rebalance", "--quiet")
            wait_until("the first has asked", lambda: self.asked() == asked + 1)
            second = self.begin("rebalance", "--quiet")
            wait_until("the second has asked", lambda: self.asked() == asked + 2)
        finally:
            os.kill(self.pool.agents["h2"].process.pid, signal.SIGCONT)
        told, also_told = first.communicate(timeout=120), second.communicate(timeout=120)
        self.assertEqual((first.returncode, second.returncode, told[1], also_told[1]), (0, 0, "", ""))
        self.assertEqual(len(told[0].splitlines()), 1, told)
        self.assertEqual(also_told[0], "a rebalance is under way already: " + told[0])
        made = self.pool.get("/v1/plans")["plans"]
        self.assertEqual(len(made), plans + 1)
        # Nobody is so busy: silence.
        third = self.begin("rebalance", "--quiet", "--policy", "vds-3b", "--set", "critical_load=1")
        self.assertEqual((third.communicate(timeout=60), third.returncode), (("", ""), 0))

    def test_the_example_is_a_file_for_cron_and_its_commands_work(self):
        self.pool.post("/v1/pools", {"name": "kiosk", "after_session": "reset", "template": TEMPLATE,
                                     "targets": {"ready": 1, "paused": 0, "saved": 0, "max": 40}})
        self.pool.post("/v1/pools/kiosk:disable")
        jobs = cron_jobs()
        self.assertEqual(len(jobs), 3)
        for fields, user, command in jobs:
            self.assertEqual(user, "root")
            self.assertNotIn("%", command)  # cron would make a line feed of it
            for field, (least, most) in zip(fields, CRON_RANGES):
                for number in re.findall(r"\d+", field):
                    self.assertTrue(least <= int(number) <= most, field)
            if "rebalance" in command:
                continue  # its contract is tested above
            for _ in range(2):  # the same again changes nothing, and is no error
                done = subprocess.run(["sh", "-c", command], env=self.environment, capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), command)
            wanted = int(re.search(r"--ready (\d+)", command)[1])
            self.assertEqual(self.pool.get("/v1/pools/kiosk")["targets"]["ready"], wanted)
        self.assertIn("/v1/pools/kiosk/targets", (ROOT / "configs/cron.d/ballast").read_text(encoding="utf-8"))
        text = (ROOT / "configs/cron.d/ballast").read_bytes()
        self.assertTrue(text.endswith(b"\n"))  # cron ignores a last line without its end


class Backup(PoolCase):
    hosts = 2
    guests = 2

    def restart(self):
        self.pool.controller.start()
        self.pool.wait_for_controller()
        self.wait_for_hosts()

    def migrate(self, name, to):
        job = self.pool.post(f"/v1/vms/{name}:migrate?wait=60", {"to": to})
        self.assertEqual((job["state"], self.vm(name)["host"]), ("succeeded", to))
        return job["id"]

    def test_a_copy_of_the_state_directory_is_a_backup_also_an_old_one(self):
        self.pool.post("/v1/pools", {"name": "kiosk", "after_session": "reset", "template": TEMPLATE,
                                     "targets": {"ready": 0, "paused": 0, "saved": 0, "max": 7}})
        token = self.pool.post("/v1/tokens", {"name": "kept", "role": "viewer"})["token"]
        self.pool.post("/v1/hosts/h2:cordon")
        self.pool.controller.stop()
        copy = Path(self.directory.name) / "backup"
        shutil.copytree(self.pool.state_dir, copy, ignore=shutil.ignore_patterns("*.sock"))
        self.restart_cordoned()
        # What happens after the backup: it is forgotten, but what was done to guests stays done.
        self.pool.post("/v1/hosts/h2:uncordon")
        self.assertEqual(self.pool.request("DELETE", "/v1/pools/kiosk")[0] // 100, 2)
        self.migrate("vm1-01", "h2")
        self.pool.controller.stop()
        shutil.rmtree(self.pool.state_dir)
        shutil.copytree(copy, self.pool.state_dir)
        self.restart_cordoned()
        self.assertEqual(self.pool.get("/v1/pools/kiosk")["targets"]["max"], 7)
        self.assertEqual(self.pool.request("GET", "/v1/status", token=token)[0], 200)
        self.assertEqual(self.pool.get("/v1/hosts/h2")["state"], "cordoned")
        wait_until("the agents tell where the guest is", lambda: self.vm("vm1-01")["host"] == "h2")
        self.pool.post("/v1/hosts/h2:uncordon")
        self.migrate("vm1-02", "h2")
        self.migrate("vm1-01", "h1")
        whole = subprocess.run([BALLAST, "audit", "verify", self.pool.state_dir / "audit"], capture_output=True,
                               text=True, timeout=60, check=False)
        self.assertEqual((whole.returncode, whole.stderr), (0, ""))

    def restart_cordoned(self):
        self.pool.controller.start()
        self.pool.wait_for_controller()
        wait_until("the hosts are back", lambda: self.pool.get("/v1/status")["hosts"].get("up") == 1
                   and self.pool.get("/v1/hosts/h2")["state"] == "cordoned")


class Journal(PoolCase):
    hosts = 0

    def test_lines_carry_their_priority_for_the_journal(self):
        with tempfile.TemporaryDirectory(prefix="ballast-journal-") as directory:
            config = Path(directory) / "controller.toml"
            config.write_text(f'state_dir = "{directory}/state"\nlock_memory = false\n[agents]\n'
                              'listen = "127.0.0.1"\nplain = true\nport = 0\n'
                              '[http]\nport = 0\n', encoding="utf-8")
            log = Path(directory) / "journal"
            with open(log, "wb") as stream:
                # As systemd says that standard error is the journal: its device and inode (systemd.exec(5)).
                place = os.fstat(stream.fileno())
                environment = {**os.environ, "JOURNAL_STREAM": f"{place.st_dev}:{place.st_ino}"}
                with subprocess.Popen([os.path.join(PROGRAMS, "ballast-controller"), "--config", config], stderr=stream,
                                      env=environment) as process:
                    wait_until("it has started", lambda: b"HTTP on" in log.read_bytes())
                    process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.wait(timeout=60), 0)
            lines = log.read_text(encoding="utf-8").splitlines()
            self.assertGreater(len(lines), 3)
            for line in lines:
                self.assertRegex(line, r"^<[3-7]>[^<]")
            self.assertTrue(any(line.startswith("<5>") and "admin token" in line for line in lines), lines)
            # A configuration that cannot be used is an error, and says where.
            config.write_text("[http]\nport = 99999\n", encoding="utf-8")
            with open(log, "wb") as stream:
                place = os.fstat(stream.fileno())
                environment["JOURNAL_STREAM"] = f"{place.st_dev}:{place.st_ino}"
                code = subprocess.run([os.path.join(PROGRAMS, "ballast-controller"), "--config", config], stderr=stream,
                                      env=environment, timeout=60, check=False).returncode
            self.assertEqual(code, 2)
            self.assertRegex(log.read_text(encoding="utf-8"), r"http\.port")
