"""Plays the controller for real ballast-agents over plain TCP on loopback. Knows of the protocol only what
proto/ballast.proto says, through a few lines of protobuf encoding of its own, so that it shares no code with what it
tests."""

import os
import selectors
import signal
import socket
import struct
import subprocess
import time
import uuid as uuids

KINDS = {"create": 1, "pause": 2, "unpause": 3, "save": 4, "restore": 5, "shutdown": 6, "destroy": 7,
         "migrate_in": 9, "migrate_out": 10, "disk_create": 11, "disk_delete": 12, "golden_keep": 13, "clone": 14,
         "image_index": 15}
RUNNING, PAUSED, SUSPENDED = 1, 2, 3
SUCCEEDED, FAILED, CANCELLED = 2, 3, 4


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(fields):
    """{number: int | bytes | str | list of them} as protobuf; nested messages are bytes."""
    out = bytearray()
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                one = one.encode()
            if isinstance(one, bytes):
                out += varint(number << 3 | 2) + varint(len(one)) + one
            else:
                out += varint(number << 3) + varint(int(one))
    return bytes(out)


def decode(data):
    """{number: [values]}; numbers stay numbers, everything else is bytes."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        kind = key & 7
        if kind == 0:
            value = number()
        elif kind == 1:
            value = struct.unpack_from("<d", data, at)[0]
            at += 8
        elif kind == 2:
            size = number()
            value = data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {kind}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def first(fields, number, default=0):
    return fields.get(number, [default])[0]


class Domain:
    def __init__(self, data):
        fields = decode(data)
        self.uuid = first(fields, 1, b"")
        self.name = first(fields, 3, b"").decode()
        self.state = first(fields, 5)
        self.in_flight = first(fields, 9)


class Update:
    def __init__(self, data):
        fields = decode(data)
        self.job = first(fields, 1)
        self.state = first(fields, 3)
        self.step = first(fields, 5, b"").decode()
        self.fault = first(fields, 7)
        self.detail = first(fields, 8, b"").decode()
        self.ready = bool(first(fields, 10))
        self.memory_bytes = first(fields, 11)
        self.wire_bytes = first(fields, 12)
        self.downtime_ms = first(fields, 13)
        self.total_ms = first(fields, 14)
        self.compression = ("none", "zstd", "lz4")[first(fields, 17)]
        self.image_bytes = first(fields, 19)
        self.image_done_bytes = first(fields, 20)
        self.image_wire_bytes = first(fields, 21)
        self.image_rounds = first(fields, 22)
        self.time_left_ms = first(fields, 23)
        self.referenced_bytes = first(fields, 24)

    @property
    def ended(self):
        return self.state >= SUCCEEDED


class Relay:
    def __init__(self, data):
        fields = decode(data)
        self.session = first(fields, 1)
        self.state = first(fields, 3)
        self.address = first(fields, 4, b"").decode()
        self.port = first(fields, 5)
        self.idle_seconds = first(fields, 7)
        self.fault = first(fields, 8)
        self.detail = first(fields, 9, b"").decode()


class Signal:
    def __init__(self, data):
        fields = decode(data)
        self.nonce = first(fields, 3, b"")
        self.address = first(fields, 4, b"").decode()
        self.ready = bool(first(fields, 5))
        self.fault = first(fields, 6)
        self.detail = first(fields, 7, b"").decode()


class StoreAnswer:
    def __init__(self, data):
        fields = decode(data)
        self.key = first(fields, 1), first(fields, 2)
        self.fault = first(fields, 3)
        self.detail = first(fields, 4, b"").decode()


class Agent:
    """One agent process with its simulated host, and what it has told us."""

    def __init__(self, program, directory, name, controller_port, sim="", migration=""):
        self.program, self.directory, self.name = program, directory, name
        os.makedirs(directory, exist_ok=True)
        self.config = os.path.join(directory, "agent.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'host_name = "{name}"\nhypervisor = "sim"\nstate_dir = "{directory}/state"\n'
                       f'run_dir = "{directory}/run"\nsave_dir = "{directory}/saved"\n'
                       f'[controller]\naddress = "127.0.0.1"\nport = {controller_port}\n'
                       f"[tls]\nplain = true\n"
                       f'[migration]\nlisten = "127.0.0.1"\nport = 0\n{migration}\n'
                       f"[sim]\nmemory_mib = 4096\ndom0_memory_mib = 512\n{sim}\n")
        self.process = None
        self.link = None
        self.buffer = b""
        self.port = 0
        self.domains = {}
        self.saved = set()
        self.reports = 0
        self.samples = 0
        self.updates = {}
        self.relays = {}
        self.signals = {}
        self.answers = {}
        self.store_proven = False

    def start(self):
        log = open(os.path.join(self.directory, "log"), "ab")
        self.process = subprocess.Popen([self.program, "--config", self.config], stderr=log)
        log.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def kill_after(self, controller, seconds):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            controller.poll(max(0, min(limit - time.monotonic(), 0.01)))
        self.kill()
        controller.wait(lambda: self.link is None, "the end of the connection")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None


class Controller:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, "accept")
        self.buffers = {}
        self.agents = {}
        self.by_socket = {}
        self.settled = set()
        self.last_job = int(time.time()) << 20

    def close(self):
        for link in list(self.buffers):
            self.drop(link)
        self.selector.close()
        self.listener.close()

    def add(self, agent):
        self.agents[agent.name] = agent

    def send(self, agent, number, fields):
        if agent.link:
            payload = encode({number: encode(fields)})
            try:
                agent.link.sendall(struct.pack("<I", len(payload)) + payload)
            except OSError:
                self.drop(agent.link)

    def drop(self, link):
        agent = self.by_socket.pop(link, None)
        if agent and agent.link is link:
            agent.link = None
        self.buffers.pop(link, None)
        self.selector.unregister(link)
        link.close()

    def poll(self, seconds):
        for key, _ in self.selector.select(seconds):
            if key.data == "accept":
                link, _ = self.listener.accept()
                self.selector.register(link, selectors.EVENT_READ, "link")
                self.buffers[link] = b""
                continue
            link = key.fileobj
            try:
                data = link.recv(1 << 18)
            except OSError:
                data = b""
            if not data:
                self.drop(link)
                continue
            self.buffers[link] += data
            while link in self.buffers and len(self.buffers[link]) >= 4:
                size = struct.unpack_from("<I", self.buffers[link])[0]
                if len(self.buffers[link]) < 4 + size:
                    break
                payload = self.buffers[link][4:4 + size]
                self.buffers[link] = self.buffers[link][4 + size:]
                self.receive(link, payload)

    def receive(self, link, payload):
        for number, bodies in decode(payload).items():
            body = bodies[0]
            fields = decode(body)
            if number == 1:
                agent = self.agents[first(fields, 3, b"").decode()]
                agent.link, agent.port = link, first(fields, 7)
                self.by_socket[link] = agent
                self.send(agent, 16, {1: 1, 4: 1, 5: 262144, 6: 500})
                continue
            if number == 48:
                reply = encode({49: encode({1: first(fields, 1)})})
                try:
                    link.sendall(struct.pack("<I", len(reply)) + reply)
                except OSError:
                    self.drop(link)
                continue
            agent = self.by_socket.get(link)
            if agent is None:
                continue
            if number == 2:
                agent.reports += 1
                agent.domains = {d.uuid: d for d in map(Domain, fields.get(11, []))}
                agent.store_proven = bool(first(fields, 16))
                agent.saved = {first(decode(s), 1, b"") for s in fields.get(12, [])}
            elif number == 3:
                agent.samples += 1
            elif number == 4:
                update = Update(body)
                agent.updates[update.job] = update
                if update.ended and update.job in self.settled:
                    self.send(agent, 19, {1: update.job})  # the first acknowledgement did not arrive
            elif number == 7:
                relay = Relay(body)
                agent.relays[relay.session] = relay
            elif number == 8:
                agent.signals[first(fields, 1, b"")] = Signal(body)
            elif number == 9:
                answer = StoreAnswer(body)
                agent.answers[answer.key] = answer
            elif number == 5:  # a source asks by way of us
                destination = self.agents[first(fields, 2, b"").decode()]
                self.send(destination, 5, {n: v[0] for n, v in fields.items()})
            elif number == 6:
                self.send(self.agents[first(fields, 2, b"").decode()], 6, {n: v[0] for n, v in fields.items()})

    def wait(self, condition, what, seconds=60):
        limit = time.monotonic() + seconds
        while not condition():
            left = limit - time.monotonic()
            if left <= 0:
                raise TimeoutError(what)
            self.poll(min(left, 0.2))

    def new_job(self):
        self.last_job += 1
        return self.last_job

    def order(self, agent, kind, guest, name, job=None, deadline_ms=60000, **more):
        job = job or self.new_job()
        fields = {1: job, 2: KINDS[kind], 3: guest, 4: name, 6: deadline_ms}
        numbers = {"spec": 7, "migration": 8, "peer": 9, "address": 10, "port": 11, "mode": 12, "memory_kib": 13,
                   "volume": 15, "copy_storage": 16, "bandwidth_mbps": 17}
        fields.update({numbers[key]: value for key, value in more.items()})
        self.send(agent, 17, fields)
        return job

    def finish(self, agent, job, seconds=60):
        """The final update of a job, acknowledged."""
        self.wait(lambda: job in agent.updates and agent.updates[job].ended, f"the end of job {job} on {agent.name}",
                  seconds)
        self.settled.add(job)
        self.send(agent, 19, {1: job})
        return agent.updates[job]

    def limit(self, agent, job, bandwidth_mbps):
        self.send(agent, 24, {1: job, 2: bandwidth_mbps})

    def cancel(self, agent, job):
        self.send(agent, 18, {1: job})

    def run(self, agent, kind, guest, name, **more):
        return self.finish(agent, self.order(agent, kind, guest, name, **more))

    def inventory_after(self, agent):
        """Waits for an inventory that was made after now: says hello again by breaking the link."""
        self.wait(lambda: agent.link is not None, f"{agent.name} to connect")
        seen = agent.reports
        self.drop(agent.link)
        self.wait(lambda: agent.link is not None and agent.reports > seen, f"the inventory of {agent.name}")


def disk(target, device="xvda", form=0, writable=True):
    return encode({1: form, 2: target, 3: device, 4: writable})


def spec(guest, name, memory_mib=128, disks=()):
    return encode({1: name, 2: guest, 3: 1, 4: memory_mib, 5: 1, 6: "/boot/vmlinuz", 11: list(disks), 16: 256})


def new_guest():
    return uuids.uuid4().bytes
