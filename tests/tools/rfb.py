"""Both ends of RFB (RFC 6143) for tests, sharing no code with what they test: a server that plays a guest's screen, and a
client that logs in, looks at the screen and types. The cipher of VNC's passwords is openssl's."""

import socket
import struct
import subprocess
import threading

WIDTH, HEIGHT = 64, 48


def respond(challenge, password):
    """What a peer that knows the password answers to this challenge."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
    return subprocess.run(["openssl", "enc", "-des-ecb", "-nopad", "-K", key.hex(), "-provider", "legacy", "-provider",
                           "default"], input=challenge, capture_output=True, check=True).stdout


def read(link, count):
    data = b""
    while len(data) < count:
        part = link.recv(count - len(data))
        if not part:
            raise ConnectionError("the peer closed the connection")
        data += part
    return data


class Server:
    """One screen of one colour, for any number of clients. `keys` are those that were pressed."""

    def __init__(self, name, password="", pixel=b"\x10\x20\x30\x00"):
        self.name, self.password, self.pixel = name, password, pixel
        self.keys = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links = []
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        for link in self.links:
            link.close()

    def accept(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.links.append(link)
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        try:
            self.greet(link)
            while True:
                self.answer(link)
        except (OSError, ConnectionError):
            link.close()

    def greet(self, link):
        link.sendall(b"RFB 003.008\n")
        assert read(link, 12) == b"RFB 003.008\n"
        link.sendall(b"\1\2" if self.password else b"\1\1")
        assert read(link, 1) == (b"\2" if self.password else b"\1")
        if self.password:
            challenge = bytes(range(16))
            link.sendall(challenge)
            right = read(link, 16) == respond(challenge, self.password)
            link.sendall(struct.pack(">I", 0 if right else 1))
            if not right:
                raise ConnectionError("wrong password")
        else:
            link.sendall(struct.pack(">I", 0))
        read(link, 1)  # ClientInit
        pixel_format = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        link.sendall(struct.pack(">HH", WIDTH, HEIGHT) + pixel_format + struct.pack(">I", len(self.name)) +
                     self.name.encode())

    def answer(self, link):
        kind = read(link, 1)[0]
        if kind == 0:
            read(link, 19)
        elif kind == 2:
            read(link, 4 * struct.unpack(">xH", read(link, 3))[0])
        elif kind == 3:
            read(link, 9)
            link.sendall(struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + self.pixel * (WIDTH * HEIGHT))
        elif kind == 4:
            down, key = struct.unpack(">BxxI", read(link, 7))
            if down:
                self.keys.append(key)
        elif kind == 5:
            read(link, 5)
        elif kind == 6:
            read(link, struct.unpack(">xxxI", read(link, 7))[0])


class Refused(Exception):
    """The server did not take the password; with its reason."""


class Client:
    def __init__(self, address, port, password, seconds=20):
        self.link = socket.create_connection((address, port), timeout=seconds)
        try:
            self.log_in(password)
        except (OSError, Refused):
            self.link.close()
            raise

    def log_in(self, password):
        read(self.link, 12)
        self.link.sendall(b"RFB 003.008\n")
        types = read(self.link, read(self.link, 1)[0])
        assert 2 in types, types
        self.link.sendall(b"\2")
        self.link.sendall(respond(read(self.link, 16), password))
        if struct.unpack(">I", read(self.link, 4))[0] != 0:
            raise Refused(read(self.link, struct.unpack(">I", read(self.link, 4))[0]).decode())
        self.link.sendall(b"\1")
        self.width, self.height = struct.unpack(">HH", read(self.link, 4))
        read(self.link, 16)
        self.name = read(self.link, struct.unpack(">I", read(self.link, 4))[0]).decode()

    def close(self):
        self.link.close()

    def screen(self):
        """The pixels of the whole screen, raw."""
        self.link.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        _, rectangles = struct.unpack(">BxH", read(self.link, 4))
        assert rectangles == 1
        _, _, width, height, encoding = struct.unpack(">HHHHi", read(self.link, 12))
        assert encoding == 0
        return read(self.link, width * height * 4)

    def press(self, key):
        for down in (1, 0):
            self.link.sendall(struct.pack(">BBxxI", 4, down, key))

    def cut_off(self):
        """Waits until the server closes; true when it did so without another word."""
        try:
            return self.link.recv(1) == b""
        except ConnectionError:
            return True
