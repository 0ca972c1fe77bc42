#!/usr/bin/env python3
"""Real Xen hosts on this machine, emulated: start them, get into them, stop them.

  lab.py up [--hosts N] [--xen shadow|noshadow] [--file PATH=LOCAL]... [--enable UNIT]... [--wait]
  lab.py status | down
  lab.py ssh HOST [COMMAND...]     a shell, or one command, in a dom0
  lab.py console HOST              its serial line (Ctrl-] leaves)
  lab.py link HOST peer|outer up|down

Everything of a lab lies in one folder (--folder, BALLAST_LAB_DIR, or /tmp/ballast-lab-UID).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import console
import guests
import host
import image
import process

HERE = pathlib.Path(__file__).resolve().parent
STATE_FILE = "lab.json"
SAN_DISKS = 4
SAN_DISK_BYTES = 64 << 20


def default_folder():
    return pathlib.Path(os.environ.get("BALLAST_LAB_DIR", f"/tmp/ballast-lab-{os.getuid()}"))


class LabError(Exception):
    pass


class NoHypervisor(LabError):
    """The archives do not have the kind of hypervisor asked for: a reason to skip, not a fault."""


class Lab:
    """A running lab. As a context manager it stops at the end, and dies with its process."""

    def __init__(self, record):
        self.record = record
        self.folder = pathlib.Path(record["folder"])
        self.hosts = [host.Host(each, record) for each in record["hosts"]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def __getitem__(self, name):
        for each in self.hosts:
            if each.name == name:
                return each
        raise LabError(f"no host {name} (there are {', '.join(each.name for each in self.hosts)})")

    # --- life ----------------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, hosts=2, folder=None, xen="shadow", files=None, enable=(), forwards=None, die_with_parent=True,
              memory_mib=2560, dom0_mib=1024, smp=1, xen_options=""):
        """Starts a lab and returns it when all hosts answer.

        files     {path: content} for every host, or a function from a host to that (see payload.py)
        enable    units of `files` to start at boot
        forwards  {name: port in dom0} to forward from the loopback, besides ssh and vnc0…vnc7 (5900…)
        """
        folder = pathlib.Path(folder or default_folder())
        built = image.ensure()
        manifest = json.loads((built / "manifest.json").read_text())
        if "missing" in manifest["hypervisors"][xen]:
            raise NoHypervisor(f"no such hypervisor: {manifest['hypervisors'][xen]['missing']}")
        _make_folder(folder)
        record = {"folder": str(folder), "image": str(built), "hypervisor": xen, "host_count": hosts,
                  "memory_mib": memory_mib, "dom0_mib": dom0_mib, "smp": smp, "xen_options": xen_options,
                  "san_disks": SAN_DISKS, "die_with_parent": die_with_parent, "manifest": manifest,
                  "hosts": _host_records(hosts, forwards or {})}
        lab = cls(record)
        try:
            lab._boot(files or {}, enable)
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def attach(cls, folder=None):
        """The lab that was started in this folder, perhaps by another process."""
        path = pathlib.Path(folder or default_folder()) / STATE_FILE
        if not path.exists():
            raise LabError(f"no lab in {path.parent}")
        return cls(json.loads(path.read_text()))

    def _boot(self, files, enable):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", self.folder / "ssh_key"],
                       check=True)
        for number in range(SAN_DISKS):
            with open(self.folder / f"san{number}.raw", "wb") as disk:
                disk.truncate(SAN_DISK_BYTES)
        (self.folder / "store").mkdir()
        socket = self.folder / "switch.sock"
        child = process.start([sys.executable, HERE / "switch.py", self.folder, "ballast-lab"], self.folder / "switch.log",
                              self.record["die_with_parent"])
        self.record["switch_pid"] = child.pid
        self.save()
        process.wait_until(socket.exists, 20, "switch")
        for each in self.hosts:
            own = files(each) if callable(files) else files
            each.prepare(self.record["image"], own, enable, self.folder / "ssh_key")
            each.start()
            self.save()
        self.on_all(lambda each: each.wait_ready())

    def save(self):
        (self.folder / STATE_FILE).write_text(json.dumps(self.record, indent=1))

    def down(self):
        """Stops everything; logs stay in the folder until the next start."""
        for each in self.hosts:
            each.close()
            each.stop()
        process.kill(self.record.get("switch_pid"), self.folder)
        for path in [*self.folder.glob("*.raw"), *self.folder.glob("ssh_key*"), *self.folder.glob("*.sock"),
                     self.folder / STATE_FILE]:
            path.unlink(missing_ok=True)

    # --- whole-lab helpers ---------------------------------------------------------------------------------------

    def on_all(self, action):
        """Runs an action on all hosts side by side; returns the results in the hosts' order."""
        with concurrent.futures.ThreadPoolExecutor(max(1, len(self.hosts))) as pool:
            return list(pool.map(action, self.hosts))

    def restart(self, each):
        """After kill(): the host again, from its own disk."""
        each.start()
        self.save()
        each.wait_ready()

    def ticks(self, name, lines=None):
        """The ticks of a guest wherever it was, in time order (see guests.py)."""
        return guests.ticks([each for each in self.hosts if each.is_alive()], name, lines)

    def san_read(self, number, length=512):
        """What guests have written to a SAN disk, read from outside."""
        with open(self.folder / f"san{number}.raw", "rb") as disk:
            return disk.read(length)

    def status(self):
        kind = self.record["hypervisor"]
        lines = [f"folder {self.folder}, Xen {self.record['manifest']['hypervisors'][kind]['version']} ({kind})"]
        for each in self.hosts:
            ports = " ".join(f"{name}:{outer}" for name, (outer, _) in each.record["ports"].items())
            lines.append(f"{each.name} {each.peer_address} {'up' if each.is_alive() else 'DOWN'} "
                         f"pid {each.record.get('pid')} {ports}")
        return "\n".join(lines)


def _host_records(count, forwards):
    inner = {"ssh": 22, **{f"vnc{n}": 5900 + n for n in range(host.VNC_PORTS)}, **forwards}
    outer = iter(process.free_ports(count * len(inner)))  # at once: no host may be given another's
    return [{"name": f"h{number}", "number": number, "ports": {name: (next(outer), port) for name, port in inner.items()}}
            for number in range(1, count + 1)]


def _make_folder(folder):
    """An empty folder that only its owner can look into. A lab that still runs there is never touched."""
    if (folder / STATE_FILE).exists():
        old = Lab.attach(folder)
        if any(each.is_alive() for each in old.hosts):
            raise LabError(f"a lab runs in {folder} already: lab.py --folder {folder} down")
        old.down()
    if folder.exists() and any(folder.iterdir()) and not (folder / "this-is-a-lab").exists():
        raise LabError(f"{folder} is not empty and not a lab's folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "this-is-a-lab").touch()


# --- command line ----------------------------------------------------------------------------------------------------


def command_up(arguments):
    begin = time.monotonic()
    files = {}
    for each in arguments.file:
        path, local = each.split("=", 1)
        files[path] = pathlib.Path(local)
    lab = Lab.start(arguments.hosts, arguments.folder, arguments.xen, files, arguments.enable,
                    die_with_parent=arguments.wait)
    print(f"{lab.status()}\nup after {time.monotonic() - begin:.0f} s")
    if arguments.wait:
        print("Ctrl-C stops the lab", flush=True)
        try:
            signal.pause()
        finally:
            lab.down()


def command_status(arguments):
    try:
        lab = Lab.attach(arguments.folder)
        print(lab.status())
        known = {each.record.get("pid") for each in lab.hosts} | {lab.record.get("switch_pid")}
    except LabError as error:
        print(error)
        known = set()
    for pid, _ in process.of_labs():
        if pid not in known:
            print(f"process {pid} belongs to another lab, or was left over")


def command_ssh(arguments):
    each = Lab.attach(arguments.folder)[arguments.host]
    command = [*each.ssh_command(*([] if arguments.command else ["-t"])), *arguments.command]
    os.execvp(command[0], command)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=default_folder())
    commands = parser.add_subparsers(dest="verb", required=True)
    up = commands.add_parser("up")
    up.add_argument("--hosts", type=int, default=2)
    up.add_argument("--xen", choices=("shadow", "noshadow"), default="shadow")
    up.add_argument("--file", action="append", default=[], metavar="PATH=LOCAL")
    up.add_argument("--enable", action="append", default=[], metavar="UNIT")
    up.add_argument("--wait", action="store_true", help="stay, and stop the lab on Ctrl-C")
    commands.add_parser("status")
    commands.add_parser("down")
    ssh = commands.add_parser("ssh")
    ssh.add_argument("host")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    commands.add_parser("console").add_argument("host")
    link = commands.add_parser("link")
    link.add_argument("host")
    link.add_argument("link", choices=host.LINKS)
    link.add_argument("state", choices=("up", "down"))
    arguments = parser.parse_args()
    # Both must unwind and stop the lab, also when a script's "&" had SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    actions = {
        "up": command_up,
        "status": command_status,
        "down": lambda a: Lab.attach(a.folder).down(),
        "ssh": command_ssh,
        "console": lambda a: console.attach(Lab.attach(a.folder)[a.host].folder / "serial.sock"),
        "link": lambda a: Lab.attach(a.folder)[a.host].set_link(a.link, a.state == "up"),
    }
    try:
        actions[arguments.verb](arguments)
    except (LabError, host.HostError, TimeoutError) as error:
        raise SystemExit(f"lab: {error}")
    except KeyboardInterrupt:
        raise SystemExit(130)


if __name__ == "__main__":
    main()
