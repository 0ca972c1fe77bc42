"""Processes that must not outlive their lab, and are recognised again by a later command."""

import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command, log, die_with_parent):
    """Starts a process in a session of its own (Ctrl-C reaches only the lab, which then stops it in order)."""
    with open(log, "ab") as out:
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                start_new_session=True, preexec_fn=_die_with_parent if die_with_parent else None)


def is_alive(pid, mark):
    """Whether the process is there and still is ours: its command line holds `mark`."""
    if not pid:
        return False
    try:
        folder = pathlib.Path(f"/proc/{pid}")
        if folder.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            _reap(pid)
            return False
        return str(mark).encode() in folder.joinpath("cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def kill(pid, mark, number=signal.SIGKILL, wait=10):
    """Ends a process that is ours, and waits until it is gone."""
    if not is_alive(pid, mark):
        return
    os.kill(pid, number)
    wait_until(lambda: not is_alive(pid, mark), wait, f"the end of process {pid}")


def of_labs():
    """(pid, command line) of every lab QEMU and switch on this machine, whoever started it."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = folder.joinpath("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ballast-lab" in words:
            found.append((int(folder.name), b" ".join(words).decode(errors="replace")))
    return found


def wait_until(condition, timeout, what, interval=0.1):
    """Waits for a condition and returns its true value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {timeout:.0f} s")
        time.sleep(interval)


def free_ports(count):
    """Ports of the loopback that nobody listens on just now.

    Below the range that the kernel gives to outgoing connections: one of those could take a port before QEMU does.
    """
    found = []
    while len(found) < count:
        port = random.randrange(20000, 32000)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
