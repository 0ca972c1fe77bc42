"""One emulated Xen host: its QEMU, its links, its clock, and commands in its dom0."""

import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time

import payload
import process
import qmp

# Not "max": with it dom0 dies at its first page fault. npt is for PVH guests, aes and pclmulqdq for TLS.
CPU = "qemu64,+svm,+npt,+aes,+pclmulqdq,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"
READY_LINE = "lab: host ready after"
FATAL_LINES = ("Kernel panic", "Panic on CPU", "FATAL TRAP", "FATAL PAGE FAULT")
LINKS = ("peer", "outer")
VNC_PORTS = 8


class HostError(Exception):
    pass


class Host:
    """`record` is what the lab's state file keeps of a host; everything else can be found again from it."""

    def __init__(self, record, lab):
        self.record = record
        self.name = record["name"]
        self.number = record["number"]
        self.folder = pathlib.Path(lab["folder"]) / self.name
        self.lab = lab
        self._clock = None

    @property
    def peer_address(self):
        return f"10.9.0.{self.number}"

    @property
    def serial_log(self):
        return self.folder / "serial.log"

    def port(self, name):
        """The port of the outer machine's loopback that leads to a forwarded port: "ssh", "vnc0", …"""
        return self.record["ports"][name][0]

    def is_alive(self):
        return process.is_alive(self.record.get("pid"), self.folder)

    # --- starting and stopping -----------------------------------------------------------------------------------

    def prepare(self, image, files, enabled_units, ssh_key):
        self.folder.mkdir(parents=True)
        files = {**self._own_files(ssh_key), **files}
        with open(self.folder / "payload.tar", "wb") as target:
            payload.write(target, files, enabled_units)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", f"{image}/root.img",
                        self.folder / "root.qcow2"], check=True)

    def _own_files(self, ssh_key):
        names = "".join(f"10.9.0.{n} h{n}\n" for n in range(1, self.lab["host_count"] + 1))
        return {
            "/etc/hostname": self.name + "\n",
            "/etc/hosts": "127.0.0.1 localhost\n10.0.2.2 outer\n" + names,
            "/etc/machine-id": os.urandom(16).hex() + "\n",
            "/etc/ballast-lab/host.conf": f"PEER_ADDRESS={self.peer_address}\n",
            "/etc/ssh/ssh_host_ed25519_key": ssh_key,
            "/root/.ssh/authorized_keys": ssh_key.with_suffix(".pub"),
        }

    def _drives(self):
        drives = [("root", self.folder / "root.qcow2", "qcow2", "cache=writeback"),
                  ("payload", self.folder / "payload.tar", "raw", "readonly=on")]
        for number in range(self.lab["san_disks"]):
            # Every host opens the same file through the same page cache: what one writes the other reads.
            path = pathlib.Path(self.lab["folder"]) / f"san{number}.raw"
            drives.append((f"san{number}", path, "raw", "cache=writeback,file.locking=off"))
        for serial, path, form, options in drives:
            yield f"file={path},if=none,id={serial},format={form},{options}", f"virtio-blk-pci,drive={serial},serial={serial}"

    def _network(self):
        forward = {"mgmt": "", "outer": ""}
        for name, (outer, inner) in self.record["ports"].items():
            forward["mgmt" if name == "ssh" else "outer"] += f",hostfwd=tcp:127.0.0.1:{outer}-:{inner}"
        switch = pathlib.Path(self.lab["folder"]) / "switch.sock"
        # Three cards: cutting the way to the controller must not cut the way of the test's own commands.
        yield "outer", f"user,id=outer{forward['outer']}", 1
        yield "peer", f"stream,id=peer,server=off,addr.type=unix,addr.path={switch}", 2
        clock = f"guestfwd=tcp:10.0.3.100:37-unix:{self.lab['folder']}/clock.sock"
        yield "mgmt", f"user,id=mgmt,net=10.0.3.0/24,restrict=on,{clock}{forward['mgmt']}", 3

    def command_line(self):
        image, options = self.lab["image"], self.lab
        xen = (f"console=com1 com1=115200,8n1 dom0_mem={options['dom0_mib']}M,max:{options['dom0_mib']}M "
               f"dom0_max_vcpus={options['smp']} bootscrub=0 loglvl=warning guest_loglvl=warning {options['xen_options']}")
        kernel = "console=hvc0 quiet net.ifnames=0 systemd.show_status=0 mitigations=off rodata=off"
        command = ["qemu-system-x86_64", "-name", "ballast-lab", "-accel", "tcg", "-cpu", CPU,
                   "-m", options["memory_mib"], "-smp", options["smp"],
                   "-display", "none", "-vga", "none", "-nodefaults", "-no-reboot", "-monitor", "none",
                   "-chardev", f"socket,id=serial,path={self.folder}/serial.sock,server=on,wait=off,"
                               f"logfile={self.serial_log},logappend=on", "-serial", "chardev:serial",
                   "-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off",
                   "-kernel", f"{image}/xen-{options['hypervisor']}", "-append", xen,
                   "-initrd", f"{image}/vmlinux {kernel},{image}/initrd"]
        for drive, device in self._drives():
            command += ["-drive", drive, "-device", device]
        command += ["-virtfs", f"local,path={self.lab['folder']}/store,mount_tag=store,security_model=none"]
        for name, backend, place in self._network():
            mac = f"52:54:00:ba:{place:02x}:{self.number:02x}"
            command += ["-netdev", backend, "-device", f"virtio-net-pci,netdev={name},id={name}-card,mac={mac}"]
        return command

    def start(self):
        """Switches the host on. Its disk is as it was left: after kill() this is the morning after a power cut."""
        if self.is_alive():
            raise HostError(f"{self.name} runs already")
        self._end_ssh()
        self._clock = None
        self.record["serial_from"] = self.serial_log.stat().st_size if self.serial_log.exists() else 0
        child = process.start(self.command_line(), self.folder / "qemu.log", self.lab["die_with_parent"])
        self.record["pid"] = child.pid

    def wait_ready(self, timeout=240):
        process.wait_until(self._says_ready, timeout, f"ready line of {self.name} (see {self.serial_log})")
        process.wait_until(lambda: self.try_run("true", timeout=20)[0] == 0, 60, f"answer of {self.name} to ssh")

    def _says_ready(self):
        text = ""
        if self.serial_log.exists():
            with open(self.serial_log, "rb") as log:
                log.seek(self.record.get("serial_from", 0))
                text = log.read().decode(errors="replace")
        if not self.is_alive() or any(line in text for line in FATAL_LINES):
            reason = (self.folder / "qemu.log").read_text(errors="replace")[-500:]
            raise HostError(f"{self.name} did not come up: {reason}\n{text[-1500:]}")
        return READY_LINE in text

    def kill(self):
        """The power goes away: no shutting down of anything."""
        process.kill(self.record.get("pid"), self.folder)
        self._end_ssh()

    def freeze(self):
        """The host stops as a whole (until thaw): the peers hear nothing, connections stay open."""
        os.kill(self.record["pid"], signal.SIGSTOP)

    def thaw(self):
        os.kill(self.record["pid"], signal.SIGCONT)

    def stop(self):
        if self.is_alive():
            self.thaw()
        self.kill()
        for name in ("root.qcow2", "payload.tar", "qmp.sock", "serial.sock"):
            (self.folder / name).unlink(missing_ok=True)

    def set_link(self, link, up):
        """Plugs or unplugs a cable: "peer" (the other hosts) or "outer" (the controller, VNC). ssh has its own."""
        if link not in LINKS:
            raise ValueError(f"{link} is none of {', '.join(LINKS)}")
        qmp.ask(self.folder / "qmp.sock", "set_link", name=f"{link}-card", up=up)

    def hang_disk(self, number, hangs):
        """A SAN disk answers no writes to this host, or answers them again."""
        limits = {key: 0 for key in ("bps", "bps_rd", "iops", "iops_rd", "iops_wr")}
        qmp.ask(self.folder / "qmp.sock", "block_set_io_throttle", device=f"san{number}", bps_wr=int(hangs), **limits)

    # --- commands and files --------------------------------------------------------------------------------------

    def ssh_command(self, *options):
        folder = self.lab["folder"]
        settings = {"ControlMaster": "auto", "ControlPath": f"{self.folder}/ssh.sock", "ControlPersist": "yes",
                    "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "LogLevel": "ERROR",
                    "ServerAliveInterval": "10", "ServerAliveCountMax": "6", "ConnectTimeout": "10",
                    "IdentitiesOnly": "yes", "BatchMode": "yes"}
        command = ["ssh", "-F", "/dev/null", "-i", f"{folder}/ssh_key", "-p", str(self.port("ssh"))]
        for key, value in settings.items():
            command += ["-o", f"{key}={value}"]
        return [*command, *options, "root@127.0.0.1"]

    def _end_ssh(self):
        if (self.folder / "ssh.sock").exists():
            subprocess.run(self.ssh_command("-O", "exit"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _ensure_ssh_master(self):
        # A master of its own, in its own session: one that a first command starts would hold that command's pipes.
        if subprocess.run(self.ssh_command("-O", "check"), capture_output=True).returncode != 0:
            subprocess.run(self.ssh_command("-N", "-f"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=30)

    def try_run(self, command, timeout=120, input=None):
        """Runs a shell command in dom0: (exit code, output, errors). 255: not reachable; 124: took too long."""
        text = command if isinstance(command, str) else shlex.join(command)
        data = input.encode() if isinstance(input, str) else input
        try:
            if not (self.folder / "ssh.sock").exists():
                self._ensure_ssh_master()
            done = subprocess.run([*self.ssh_command(), text], input=data if data is not None else b"",
                                  capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            return 124, "", f"took more than {timeout} s"
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def run(self, command, timeout=120, input=None):
        """As try_run, but returns only the output, and a failure is a HostError."""
        code, out, errors = self.try_run(command, timeout, input)
        if code != 0:
            raise HostError(f"{self.name}: {command!r} ended with {code}: {errors.strip() or out.strip()}")
        return out

    def spawn(self, command):
        """Starts a shell command in dom0 and returns its Popen (text pipes): ended when that is killed."""
        self.try_run("true")
        return subprocess.Popen([*self.ssh_command(), command], text=True, bufsize=1, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def put(self, files):
        """Lays files over the running host's root, as the payload does at boot."""
        with open(self.folder / "put.tar", "wb") as target:
            payload.write(target, files)
        self.run("tar -x -C / --no-overwrite-dir", input=(self.folder / "put.tar").read_bytes())

    def get(self, path):
        return self.run(f"cat {shlex.quote(path)}")

    # --- time ----------------------------------------------------------------------------------------------------

    def clock_offset(self):
        """(dom0's clock minus the outer machine's, uncertainty) in seconds, measured now."""
        if self._clock is None or self._clock.poll() is not None:
            self._clock = self.spawn("while read -r _; do echo $EPOCHREALTIME; done")
        best = None
        for _ in range(7):
            before = time.time()
            self._clock.stdin.write("?\n")
            self._clock.stdin.flush()
            answer = float(self._clock.stdout.readline())
            after = time.time()
            if best is None or after - before < 2 * best[1]:
                best = (answer - (before + after) / 2, (after - before) / 2)
        return best

    def close(self):
        """Lets go of what this object holds open; the host goes on."""
        if self._clock is not None:
            self._clock.kill()
            self._clock.wait()
            self._clock = None
