#!/usr/bin/env python3
"""What lab hosts have in common: an Ethernet switch and a clock.

QEMU's stream back ends meet at the switch, each frame behind its length. The clock answers each line with
the microseconds since 1970.

A program of its own, so that the hosts go on talking when the one who started them is gone.
A port that does not read (a frozen host) loses frames beyond a bound, as on a real switch.

  switch.py FOLDER [MARK by which it is found again]
"""

import asyncio
import struct
import sys
import time

QUEUE_BYTES_MAX = 4 << 20
FRAME_BYTES_MIN = 14


class Port(asyncio.Protocol):
    def __init__(self, ports, port_of_address):
        self.ports = ports
        self.port_of_address = port_of_address
        self.buffer = bytearray()
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.ports.add(self)

    def connection_lost(self, _):
        self.ports.discard(self)
        for address in [a for a, port in self.port_of_address.items() if port is self]:
            del self.port_of_address[address]

    def data_received(self, data):
        self.buffer += data
        at = 0
        while len(self.buffer) >= at + 4:
            (length,) = struct.unpack_from(">I", self.buffer, at)
            if len(self.buffer) < at + 4 + length:
                break
            if length >= FRAME_BYTES_MIN:
                self.forward(bytes(self.buffer[at:at + 4 + length]))
            at += 4 + length
        del self.buffer[:at]

    def forward(self, frame):
        target, source = frame[4:10], frame[10:16]
        self.port_of_address[source] = self
        known = None if target[0] & 1 else self.port_of_address.get(target)
        for port in ([known] if known else self.ports):
            if port is not self and port.transport.get_write_buffer_size() < QUEUE_BYTES_MAX:
                port.transport.write(frame)


class Clock(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        for _ in range(data.count(b"\n")):
            self.transport.write(b"%d\n" % (time.time_ns() // 1000))


async def main(folder):
    ports, port_of_address = set(), {}
    loop = asyncio.get_running_loop()
    services = {"clock.sock": Clock, "switch.sock": lambda: Port(ports, port_of_address)}
    for name, protocol in services.items():
        await loop.create_unix_server(protocol, f"{folder}/{name}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
