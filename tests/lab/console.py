"""A terminal on a unix socket: the serial line of a host."""

import os
import select
import socket
import sys
import termios
import tty

LEAVE = b"\x1d"  # Ctrl-]


def attach(path):
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(path))
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard) if os.isatty(keyboard) else None
    print("(Ctrl-] leaves)\r")
    try:
        if before is not None:
            tty.setraw(keyboard)
        line.sendall(b"\r")
        _copy(line, keyboard)
    finally:
        if before is not None:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _copy(line, keyboard):
    while True:
        ready, _, _ = select.select([line, keyboard], [], [])
        if line in ready:
            data = line.recv(4096)
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
        if keyboard in ready:
            typed = os.read(keyboard, 1024)
            if not typed or LEAVE in typed:
                return
            line.sendall(typed)
