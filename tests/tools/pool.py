"""A pool of real processes on loopback: one controller and simulated hosts. For `make run` and the end-to-end tests.

Everything lives in one directory and ends with the Pool: each program runs in a process group of its own, which is
ended as a whole.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path


class HttpError(Exception):
    """An answer that is not 2xx; `problem` is its body."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.problem = problem


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=20.0):
    """Polls until the condition gives something true, and returns it. The last answer is in the failure's text."""
    deadline = time.monotonic() + seconds
    answer = None
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}; last: {answer!r}")


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def toml_text(sections):
    """Nested dictionaries as TOML: plain values of a table first, then its tables. Lists of dictionaries are [[tables]]."""
    lines = []

    def write(table, path):
        def is_tables(value):
            return isinstance(value, list) and value and isinstance(value[0], dict)

        for key, value in table.items():
            if not isinstance(value, dict) and not is_tables(value):
                lines.append(f"{key} = {toml(value)}")
        for key, value in table.items():
            if isinstance(value, dict):
                lines.append(f"[{'.'.join(path + [key])}]")
                write(value, path + [key])
            for item in value if is_tables(value) else []:
                lines.append(f"[[{'.'.join(path + [key])}]]")
                write(item, path + [key])

    write(sections, [])
    return "\n".join(lines) + "\n"


class Program:
    """One process with its log, in a process group of its own."""

    def __init__(self, name, command, directory):
        self.name = name
        self.command = command
        self.log_path = directory / f"{name}.log"
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """As a crash: the whole group at once."""
        self.end(signal.SIGKILL)

    def stop(self):
        self.end(signal.SIGTERM)

    def end(self, number, seconds=10.0):
        if self.process is None:
            return
        self._signal(number)
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        self._signal(signal.SIGKILL)  # workers that outlived it, or itself
        self.process.wait()

    def _signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def log_tail(self, lines=15):
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Pool:
    def __init__(self, programs, directory):
        self.programs = Path(programs)
        self.directory = Path(directory)
        self.agents_port = free_port()
        self.http_port = free_port()
        self.state_dir = self.directory / "controller"
        self.tls = None  # an ssl.SSLContext: the endpoint is asked over TLS
        self.controller = None
        self.agents = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for program in [*self.agents.values(), *([self.controller] if self.controller else [])]:
            program.stop()

    def start_controller(self, **sections):
        settings = {"state_dir": str(self.state_dir), "lock_memory": False}
        settings["agents"] = {"listen": "127.0.0.1", "port": self.agents_port, "plain": True}
        settings["http"] = {"port": self.http_port}
        # A machine that is busy with other tests may make a sample late; that is not what they are about.
        settings["hosts"] = {"sample_interval_seconds": 1, "stale_after_intervals": 20}
        for name, section in sections.items():
            if isinstance(section, dict):
                settings.setdefault(name, {}).update(section)
            else:
                settings[name] = section
        config = self.directory / "controller.toml"
        config.write_text(toml_text(settings))
        self.controller = Program("controller", [self.programs / "ballast-controller", "--config", config],
                                  self.directory)
        self.controller.start()
        self.wait_for_controller()

    def wait_for_controller(self):
        def answers():
            if not self.controller.alive():
                raise AssertionError("the controller ended:\n" + self.controller.log_tail())
            try:
                return self.request("GET", "/healthz", token=False)[0] == 200
            except OSError:
                return False

        wait_until("the controller answers", answers)

    def start_agent(self, name, sim, within=(), **sections):
        """`within`: a command that starts the agent somewhere else, as in a network namespace."""
        directory = self.directory / name
        for part in ("state", "run", "saved"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        config = directory / "agent.toml"
        config.write_text(toml_text({
            "host_name": name, "hypervisor": "sim", "state_dir": str(directory / "state"),
            "run_dir": str(directory / "run"), "save_dir": str(directory / "saved"),
            "controller": {"address": "127.0.0.1", "port": self.agents_port}, "tls": {"plain": True},
            "migration": {"listen": "127.0.0.1", "port": 0, "advertised": "127.0.0.1"}, "sim": sim, **sections}))
        agent = Program(name, [*within, self.programs / "ballast-agent", "--config", config], self.directory)
        agent.start()
        self.agents[name] = agent

    # ---- the HTTP endpoint, as a user sees it ----

    def token(self):
        """Of the administrator; empty when the controller asks for none."""
        path = self.state_dir / "admin.token"
        return path.read_text().strip() if path.exists() else ""

    def request(self, method, path, body=None, headers=None, token=True, timeout=70):
        """(status, headers, body as text)"""
        connection = (http.client.HTTPSConnection("127.0.0.1", self.http_port, timeout=timeout, context=self.tls)
                      if self.tls else http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout))
        try:
            sent = dict(headers or {})
            if token is True and self.token():
                sent["Authorization"] = f"Bearer {self.token()}"
            elif isinstance(token, str):
                sent["Authorization"] = f"Bearer {token}"
            if body is not None and not isinstance(body, (str, bytes)):
                body = json.dumps(body)
                sent["Content-Type"] = "application/json"
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def json(self, method, path, body=None, headers=None):
        """The answer's object; HttpError when the status is not 2xx."""
        status, _, text = self.request(method, path, body, headers)
        answer = json.loads(text) if text else None
        if status >= 300:
            raise HttpError(status, answer)
        return answer

    def get(self, path):
        return self.json("GET", path)

    def post(self, path, body=None, headers=None):
        return self.json("POST", path, body, headers)
