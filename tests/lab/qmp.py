"""One question to a QEMU over its QMP socket."""

import json
import socket


class QmpError(Exception):
    pass


def ask(path, command, timeout=20, **arguments):
    """Connects, asks, returns the answer: rare enough that no connection is kept."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        stream = connection.makefile("rw", encoding="utf-8")
        stream.readline()  # the greeting
        for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            answer = _answer(stream)
    return answer


def _answer(stream):
    for line in stream:
        message = json.loads(line)
        if "error" in message:
            raise QmpError(message["error"].get("desc", str(message["error"])))
        if "return" in message:
            return message["return"]
    raise QmpError("QEMU closed its QMP socket")
