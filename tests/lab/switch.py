#!/usr/bin/env python3
"""The Ethernet switch between lab hosts: QEMU's stream back ends meet here, each frame behind its length.

A program of its own, so that the hosts go on talking when the one who started them is gone.
A port that does not read (a frozen host) loses frames beyond a bound, as on a real switch.

  switch.py SOCKET [MARK by which it is found again]
"""

import asyncio
import os
import struct
import sys

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


async def main(path):
    ports, port_of_address = set(), {}
    if os.path.exists(path):
        os.unlink(path)
    server = await asyncio.get_running_loop().create_unix_server(lambda: Port(ports, port_of_address), path)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
