"""A pool for the acceptance test: certificates, a controller on this machine, an agent in each dom0 of the lab."""

import pathlib
import subprocess
import time

import process
from client import Api, ApiError

ROOT = pathlib.Path(__file__).resolve().parents[3]
GUEST_KERNEL = "/usr/lib/ballast-lab/guest/vmlinuz"
GUEST_RAMDISK = "/usr/lib/ballast-lab/guest/initrd"

CONTROLLER_TOML = """
state_dir = "{folder}/controller"
lock_memory = false
[agents]
listen = "127.0.0.1"
port = {agents_port}
ca = "{pki}/ca.pem"
certificate = "{pki}/controller.pem"
key = "{pki}/controller.key"
[http]
listen = "127.0.0.1"
port = {http_port}
[hosts]
sample_interval_seconds = {sample_interval}
memory_reserved_mib = 64
[balance]
enabled = {balance}
critical_load = 0.8
policy = "{policy}"
cool_down_seconds = 60
interval_seconds = 5
{sites}
"""

AGENT_TOML = """
host_name = "{name}"
memory_reserved_mib = 16
net_mbps = 100
[controller]
address = "10.0.2.2"
port = {agents_port}
name = "controller"
[tls]
ca = "/etc/ballast/ca.pem"
certificate = "/etc/ballast/host.pem"
key = "/etc/ballast/host.key"
[migration]
listen = "0.0.0.0"
advertised = "{address}"
compression = "{compression}"
[relay]
port_first = {relay_port_first}
port_count = {relay_port_count}
[store]
directory = "/srv/ballast"
[images]
directory = "/srv/images"
page_references = {page_references}
"""


class Pool:
    """`lab` is a Lab whose hosts have not been started; `programs` the folder with the built ones."""

    # Each of a host's relay ports is forwarded from the outer machine ("relay0" and so on).
    relay_port_first, relay_port_count = 17100, 4

    def __init__(self, programs, folder, agents_port, http_port, policy="vds-1a", sample_interval=2):
        self.programs = pathlib.Path(programs)
        self.folder = pathlib.Path(folder)
        self.settings = {"folder": folder, "pki": self.folder / "pki", "agents_port": agents_port,
                         "http_port": http_port, "policy": policy, "sample_interval": sample_interval, "sites": ""}
        self.controller = None
        self.hosts = []

    # --- what goes where -----------------------------------------------------------------------------------------

    def prepare(self, host_names):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "controller").mkdir(exist_ok=True)
        for words in (["init"], *(["issue", name] for name in ("controller", *host_names))):
            self._pki(words)
        self.configure_controller(balance=False)

    def _pki(self, words):
        subprocess.run([ROOT / "packaging/ballast-pki", words[0], self.settings["pki"], *words[1:]], check=True,
                       stdout=subprocess.DEVNULL)

    def configure_controller(self, **settings):
        settings = {key: str(value).lower() if isinstance(value, bool) else value for key, value in settings.items()}
        (self.folder / "controller.toml").write_text(CONTROLLER_TOML.format(**{**self.settings, **settings}))

    def agent_config(self, name, address, compression="auto", page_references=False):
        return AGENT_TOML.format(name=name, address=address, compression=compression,
                                 page_references=str(page_references).lower(),
                                 relay_port_first=self.relay_port_first, relay_port_count=self.relay_port_count,
                                 **self.settings)

    def forwards(self):
        """Ports of a dom0 that a client outside must reach."""
        return {f"relay{n}": self.relay_port_first + n for n in range(self.relay_port_count)}

    def agent_files(self, name, address):
        """What `make install` and an operator would have put on the host, for its payload."""
        pki = self.settings["pki"]
        return {
            "/usr/sbin/ballast-agent": self.programs / "ballast-agent",
            "/usr/sbin/ballast-image": self.programs / "ballast-image",
            "/usr/sbin/ballast-vif-bridge": self.programs / "ballast-vif-bridge",
            "/srv/images/.here": "",
            "/lib/systemd/system/ballast-agent.service": ROOT / "packaging/ballast-agent.service",
            "/etc/ballast/agent.toml": self.agent_config(name, address),
            "/etc/ballast/ca.pem": pki / "ca.pem",
            "/etc/ballast/host.pem": pki / f"{name}.pem",
            "/etc/ballast/host.key": (pki / f"{name}.key", 0o600),
        }

    # --- the controller ------------------------------------------------------------------------------------------

    def start_controller(self):
        command = [self.programs / "ballast-controller", "--config", self.folder / "controller.toml"]
        self.controller = process.start(command, self.folder / "controller.log", die_with_parent=True)
        process.wait_until(self._answers, 20, f"the controller's answer (see {self.folder}/controller.log)")

    def _answers(self):
        if self.controller.poll() is not None:
            raise RuntimeError(f"the controller ended: {(self.folder / 'controller.log').read_text()[-2000:]}")
        try:
            token = (self.folder / "controller/admin.token").read_text().strip()
            self.api = Api(self.settings["http_port"], token)
            return self.api.request("GET", "/healthz", timeout=2)[0] == 200
        except OSError:
            return False

    def kill_controller(self):
        self.controller.kill()
        self.controller.wait()

    def restart_controller(self, **settings):
        self.controller.terminate()
        self.controller.wait(timeout=20)
        self.configure_controller(**settings)
        self.start_controller()

    def stop(self):
        if self.controller is not None and self.controller.poll() is None:
            self.controller.terminate()
            try:
                self.controller.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.controller.kill()
                self.controller.wait()

    # --- waiting -------------------------------------------------------------------------------------------------

    def wait_for_hosts(self, names, timeout=90):
        def all_up():
            try:
                return all(self.api.host(name)["state"] == "up" for name in names)
            except (ApiError, OSError):
                return False
        process.wait_until(all_up, timeout, f"hosts {', '.join(names)} up at the controller", interval=0.5)

    def wait_for_vm(self, name, timeout=60, **wanted):
        """Waits until the API shows the guest with these values, and returns it."""
        end = time.monotonic() + timeout
        vm = None
        while time.monotonic() < end:
            try:
                vm = self.api.vm(name)
                if all(vm.get(key) == value for key, value in wanted.items()):
                    return vm
            except (ApiError, OSError):
                pass
            time.sleep(0.3)
        raise TimeoutError(f"{name} is not {wanted} after {timeout} s, but {vm}")


def guest_spec(name, number, host=None, memory_mib=96, **more):
    """A lab guest: Debian's kernel and the ticking program, a card on the bridge."""
    spec = {"name": name, "type": "pv", "memory_mib": memory_mib, "vcpus": 1, "kernel": GUEST_KERNEL,
            "ramdisk": GUEST_RAMDISK, "cmdline": "console=hvc0 quiet",
            "vifs": [{"mac": f"00:16:3e:ba:11:{number:02x}", "bridge": "xenbr0"}], **more}
    if host is not None:
        spec["to"] = host
    return spec
