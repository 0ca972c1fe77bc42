"""Disk images beside the peers: fingerprinting, similarity, and what travels. The images are made here, from Debian
packages: A and B are file systems built apart, of the same small server; A's packages are all of Debian 12, and about
30 % of B's bytes are packages in the versions of Debian 13. C is A after a life (5 % of its blocks rewritten in place,
half of them only one sector). BALLAST_BENCH_FOLDER says where they lie; without it in memory, where no other work on
the machine's disk disturbs any of the tools."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tools"))

import debian_images  # noqa: E402

BLOCK = 4096
SECTOR = 512
IMAGE_BYTES = 1024 * 1024 * 1024
NEWER = 0.3
CHANGED = 0.05
SCANS = 7
TURNS = 5  # of what takes seconds only: where little is to be done, a run differs from the next by a third


def figures(command):
    """Objects that a program printed, one a line, by their "what"."""
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def _lived_in(original, image):
    subprocess.run(["cp", "--sparse=always", original, image], check=True)
    luck = random.Random(2)
    with open(image, "r+b") as disk:
        for block in range(IMAGE_BYTES // BLOCK):
            disk.seek(block * BLOCK)
            if luck.random() >= CHANGED or not any(disk.read(BLOCK)):
                continue
            whole = luck.random() < 0.5
            offset = block * BLOCK + (0 if whole else SECTOR * luck.randrange(BLOCK // SECTOR))
            disk.seek(offset)
            disk.write(luck.randbytes(BLOCK if whole else SECTOR))


def make_images(folder):
    """a.raw, b.raw and c.raw."""
    old = debian_images.Release("bookworm").closure()
    newer = debian_images.partly_newer(old, debian_images.Release("trixie").closure(), NEWER)
    for name, packages in (("a", old), ("b", newer)):
        debian_images.unpack(packages, folder / "tree")
        debian_images.filesystem(folder / "tree", folder / f"{name}.raw", IMAGE_BYTES)
    _lived_in(folder / "a.raw", folder / "c.raw")


def _timed(command, output=subprocess.DEVNULL, **options):
    """Seconds, seconds of the processor, and the most memory that one of its processes used. time(1) asks for it: a
    child of this program would be counted with the memory of this program."""
    with tempfile.NamedTemporaryFile("r") as report:
        start = time.monotonic()
        subprocess.run(["time", "-q", "-o", report.name, "-f", "%U %S %M", *(str(word) for word in command)], check=True,
                       stdout=output, stderr=subprocess.DEVNULL, **options)
        seconds = time.monotonic() - start
        user, system, peak_kib = report.read().split()
    return {"seconds": seconds, "cpu_s": float(user) + float(system), "peak_kib": int(peak_kib)}


class _Counting(http.server.SimpleHTTPRequestHandler):
    """Serves files and parts of them, and counts what it sends."""
    protocol_version = "HTTP/1.1"
    # Head and content in one packet, at once: casync asks for thousands of small files, one after the other.
    wbufsize = -1
    disable_nagle_algorithm = True
    sent = 0

    def log_message(self, *_):
        pass

    def _send_part(self, file, first, last):
        file.seek(first)
        left = last - first + 1
        while left > 0:
            piece = file.read(min(left, 1 << 20))
            self.wfile.write(piece)
            left -= len(piece)
        _Counting.sent += last - first + 1

    def do_GET(self):
        path = pathlib.Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        ranges = [part.split("-") for part in wanted.split(",")] if wanted else [("0", "")]
        ranges = [(int(first), min(int(last or size), size - 1)) for first, last in ranges]
        # Several ranges, as zsync asks for them, are parts of one answer, each with a head of its own.
        heads = [f"\r\n--part\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n".encode()
                 if len(ranges) > 1 else b"" for first, last in ranges]
        end = b"\r\n--part--\r\n" if len(ranges) > 1 else b""
        self.send_response(206 if wanted else 200)
        if len(ranges) > 1:
            self.send_header("Content-Type", "multipart/byteranges; boundary=part")
        elif wanted:
            self.send_header("Content-Range", f"bytes {ranges[0][0]}-{ranges[0][1]}/{size}")
        length = sum(len(head) + last - first + 1 for head, (first, last) in zip(heads, ranges)) + len(end)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        with open(path, "rb") as file:
            for head, (first, last) in zip(heads, ranges):
                self.wfile.write(head)
                self._send_part(file, first, last)
        self.wfile.write(end)


@contextlib.contextmanager
def _served(folder):
    """The folder on loopback; gives its address."""
    _Counting.sent = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Counting, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _casync(folder, source):
    """casync make, then extract over HTTP with A as its seed."""
    store, index = folder / "store.castr", folder / "image.caibx"
    make = _timed(["casync", "make", f"--store={store}", index, source])
    with _served(folder) as url:
        extract = _timed(["casync", "extract", f"--store={url}/store.castr", f"--seed={folder / 'a.raw'}",
                          f"{url}/image.caibx", folder / "out.raw"], env=dict(os.environ, no_proxy="*"))
    shutil.rmtree(store)
    return {"seconds": make["seconds"] + extract["seconds"], "wire": _Counting.sent,
            "peak_kib": max(make["peak_kib"], extract["peak_kib"])}


def _zsync(folder, source):
    """zsyncmake, then zsync over HTTP with A as its seed."""
    control = folder / "image.zsync"
    make = _timed(["zsyncmake", "-b", BLOCK, "-o", control, "-u", source.name, source])
    with _served(folder) as url:
        fetch = _timed(["zsync", "-q", "-i", folder / "a.raw", "-o", folder / "out.raw", f"{url}/image.zsync"],
                       env=dict(os.environ, no_proxy="127.0.0.1"), cwd=folder)
    return {"seconds": make["seconds"] + fetch["seconds"], "wire": _Counting.sent,
            "peak_kib": max(make["peak_kib"], fetch["peak_kib"])}


def _rsync(folder, source):
    """rsync against a copy of A, both ends on this machine, over a pipe."""
    basis = folder / "out.raw"
    subprocess.run(["cp", "--sparse=always", folder / "a.raw", basis], check=True)
    report = folder / "rsync.out"
    with open(report, "w") as out:
        run = _timed(["rsync", "--no-whole-file", "-B", BLOCK, "-z", "--compress-choice=zstd", "--stats",
                      "--ignore-times", source, basis], output=out, env=dict(os.environ, LC_ALL="C"))
    wire = sum(int(line.split(":")[1].replace(",", "").split()[0]) for line in report.read_text().splitlines()
               if line.startswith(("Total bytes sent", "Total bytes received")))
    return {"seconds": run["seconds"], "wire": wire, "peak_kib": run["peak_kib"]}


def _ours(programs, folder, source):
    """The index of the source is made anew, in the same process as an agent's, and counts; the destination's is there,
    like that of any image it keeps."""
    subprocess.run([programs / "ballast", "image", "index", "-q", "--anew", "--two-level", folder / "a.raw"], check=True)
    rows = {row["what"]: row for row in figures([programs / "image-bench", "transfer-anew", source, folder / "out.raw",
                                                 folder / "a.raw"])}
    row, destination = rows["transfer"], rows["destination"]
    return {"seconds": row["seconds"], "wire": row["wire_bytes"] + row["answers_bytes"],
            "source_kib": row["peak_rss_kib"], "destination_kib": destination["peak_rss_kib"]}


PEERS = {"rsync": _rsync, "casync": _casync, "zsync": _zsync}


def transfer(programs, folder, name, once):
    """Ours and the peers', each checked against the source. Of ours and rsync's, which take turns, the run of median time;
    of the peers in `once`, which take many times as long, one run. A qcow2 image of this name is ours to read."""
    source, out = folder / f"{name}.raw", folder / "out.raw"
    runs = {}
    for tool in [*("ours", "rsync") * TURNS, *once]:
        out.unlink(missing_ok=True)
        if tool == "ours":
            row = _ours(programs, folder, next(iter(folder.glob(f"{name}.qcow2")), source))
        else:
            row = PEERS[tool](folder, source)
        runs.setdefault(tool, []).append(row)
        subprocess.run(["cmp", source, out], check=True)
    return {"image": name,
            **{tool: sorted(rows, key=lambda row: row["seconds"])[len(rows) // 2] for tool, rows in runs.items()},
            "seconds": {tool: [round(row["seconds"], 2) for row in rows] for tool, rows in runs.items()}}


def transfers(programs, folder):
    """Of B and C."""
    for name in ("b", "c"):
        yield transfer(programs, folder, name, ("casync", "zsync"))


def scan(programs, image):
    """Seconds from start to end and of processor time to index a cached image, and cat's: the medians of turns."""
    tools = {"ours": [programs / "ballast", "image", "index", "-q", "--anew", image],
             "cat": ["sh", "-c", f"cat '{image}' > /dev/null"]}
    runs = [{name: _timed(command) for name, command in tools.items()} for _ in range(SCANS + 1)][1:]
    return {name: {key: statistics.median(run[name][key] for run in runs) for key in ("seconds", "cpu_s")}
            for name in tools}
