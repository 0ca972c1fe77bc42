"""A guest moves with its disk image between two simulated hosts over a link of 50 Mbit/s and 40 ms there and back: how
much of the link is used from the order to the end, and what a cut of 30 s in the middle costs.

h2 lives in a network namespace of its own; packets pass through two tun devices and this program, which gives each its
time on the link and its delay. So the TCP is the kernel's, no module of the kernel is needed, and the bytes are those
that the kernel has counted. Needs root. The image is noise, so that neither zstd nor an index makes it smaller.

  shaped_link.py PROGRAMS     prints the figures as an object
"""

import contextlib
import fcntl
import json
import os
import pathlib
import queue
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tools"))

import pool  # noqa: E402

LINK_MBPS = 50
DELAY_S = 0.02  # each way
QUEUED_MAX = 2000  # packets
CUT_S = 30
IMAGE_MIB = 128
ADDRESSES = ("10.213.77.1", "10.213.77.2")
NAMES = ("ballast-near", "ballast-far")  # of the devices; the second is the namespace's, too
MIGRATION_PORT = 7311
PKI = HERE.parent.parent / "packaging/ballast-pki"

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Link:
    """Between this machine and the namespace NAMES[1]. While it is not `open`, packets are lost."""

    def __init__(self):
        self.open = True
        self.ended = False
        self.ends = []

    def __enter__(self):
        run("ip", "netns", "add", NAMES[1])
        for name in NAMES:
            end = os.open("/dev/net/tun", os.O_RDWR)
            self.ends.append(end)
            fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        run("ip", "link", "set", NAMES[1], "netns", NAMES[1])
        for name, own, other in zip(NAMES, ADDRESSES, reversed(ADDRESSES)):
            inside = ["-n", name] if name == NAMES[1] else []
            run("ip", *inside, "link", "set", "lo", "up")
            run("ip", *inside, "addr", "add", own, "peer", other, "dev", name)
            run("ip", *inside, "link", "set", name, "up")
        for one, other in (self.ends, reversed(self.ends)):
            waiting = queue.Queue()
            for work in (lambda a=one, q=waiting: self._take(a, q), lambda b=other, q=waiting: self._give(b, q)):
                threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended = True
        run("ip", "netns", "del", NAMES[1])
        run("ip", "link", "del", NAMES[0])

    def _take(self, end, waiting):
        free_at = 0.0
        while not self.ended:
            try:
                packet = os.read(end, 2048)
            except OSError:
                return  # the device has gone
            if self.open and waiting.qsize() < QUEUED_MAX:
                free_at = max(free_at, time.monotonic()) + len(packet) * 8 / (LINK_MBPS * 1e6)
                waiting.put((free_at + DELAY_S, packet))

    def _give(self, end, waiting):
        while not self.ended:
            at, packet = waiting.get()
            time.sleep(max(0, at - time.monotonic()))
            with contextlib.suppress(OSError):
                os.write(end, packet)

    @staticmethod
    def sent_bytes():
        return int(pathlib.Path(f"/sys/class/net/{NAMES[0]}/statistics/tx_bytes").read_text())


class Sites(pool.Pool):
    """A controller and h1 here, h2 at the other end of the link; everything over TLS."""

    def start(self):
        pki = self.directory / "pki"
        run(PKI, "init", pki)
        for words in (("controller", "--ip", ADDRESSES[0]), ("h1",), ("h2",)):
            run(PKI, "issue", pki, *words)

        def tls(name):
            return {"ca": str(pki / "ca.pem"), "certificate": str(pki / f"{name}.pem"), "key": str(pki / f"{name}.key")}

        self.start_controller(balance={"enabled": False},
                              agents={"listen": ADDRESSES[0], "plain": False, **tls("controller")})
        for name, address in zip(("h1", "h2"), ADDRESSES):
            self.images(name).mkdir(parents=True)
            self.start_agent(name, {"cpus": 4, "memory_mib": 4096, "operation_speed": 50, "image_bytes_per_page": 64},
                             within=("ip", "netns", "exec", NAMES[1]) if name == "h2" else (),
                             controller={"address": ADDRESSES[0], "port": self.agents_port}, tls=tls(name),
                             migration={"listen": address, "port": MIGRATION_PORT, "advertised": address},
                             images={"directory": str(self.images(name))})
        pool.wait_until("both hosts are up", lambda: self.get("/v1/status")["hosts"].get("up") == 2, 60)

    def images(self, host):
        return self.directory / host / "images"

    def create(self, name):
        path = self.images("h1") / f"{name}.img"
        path.write_bytes(random.Random(name).randbytes(IMAGE_MIB << 20))
        body = {"name": name, "type": "pv", "memory_mib": 128, "vcpus": 1, "kernel": "/boot/vmlinuz", "to": "h1",
                "disks": [{"format": "raw", "target": str(path), "device": "xvda"}]}
        job = self.post("/v1/vms?wait=30", body)
        if job["state"] != "succeeded":
            raise RuntimeError(job)

    def move(self, name, link, cut):
        before, start = link.sent_bytes(), time.monotonic()
        job = self.post(f"/v1/vms/{name}:migrate", {"to": "h2", "storage": "copy"})
        while job["state"] in ("queued", "running"):
            time.sleep(0.02)
            job = self.get(f"/v1/jobs/{job['id']}")
            done = (job["migration"].get("images") or {}).get("done_bytes", 0)
            if cut and done >= IMAGE_MIB << 19:
                link.open, cut = False, False
                time.sleep(CUT_S)  # so long is the cut: nothing is awaited
                link.open = True
        if job["state"] != "succeeded":
            raise RuntimeError(job)
        return {"seconds": time.monotonic() - start, "sent_bytes": link.sent_bytes() - before}


def measure(programs):
    """Without a cut, and with one."""
    with tempfile.TemporaryDirectory(prefix="ballast-link-") as folder, Link() as link, Sites(programs, folder) as sites:
        sites.start()
        for name in ("whole", "cut"):
            sites.create(name)
        return {name: sites.move(name, link, name == "cut") for name in ("whole", "cut")}


if __name__ == "__main__":
    print(json.dumps({"image_mib": IMAGE_MIB, "link_mbps": LINK_MBPS, "cut_s": CUT_S,
                      **measure(pathlib.Path(sys.argv[1]).resolve())}))
