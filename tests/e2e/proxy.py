"""A TCP proxy on loopback that can do harm: cut connections, let nothing through, flip bits. In threads of its own."""

import socket
import threading


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is shut already


class Proxy:
    """Listens on `port` and passes on to `target_port`. `harm` sees every piece that goes towards the target, with
    the number of bytes that went there before it, and returns what is passed on; None cuts the connection."""

    def __init__(self, target_port, harm=None):
        self.target_port = target_port
        self.harm = harm
        self.open = True
        self.connections = 0
        self.to_target = 0  # bytes, over all connections
        self.lock = threading.Lock()
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = []
        self.run(self.accept)

    def run(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                near.close()
                continue
            self.connections += 1
            with self.lock:
                self.sockets |= {near, far}
            for one, other, towards_target in ((near, far, True), (far, near, False)):
                self.run(self.relay, one, other, towards_target)

    def relay(self, one, other, towards_target):
        try:
            while data := one.recv(1 << 16):
                if towards_target:
                    before, self.to_target = self.to_target, self.to_target + len(data)
                    data = self.harm(before, data) if self.harm else data
                    if data is None:
                        break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            shut(end)

    def cut(self):
        with self.lock:
            for end in self.sockets:
                shut(end)

    def close(self):
        shut(self.listener)
        self.cut()
        for thread in self.threads:
            thread.join()
        for end in {self.listener} | self.sockets:
            end.close()
