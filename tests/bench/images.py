"""Disk images beside the peers: fingerprinting, similarity, and what travels. The images are made here, from the
packages installed on this machine: A and B are file systems built apart that have about 70 % of their bytes in common;
C is A after a life (5 % of its blocks rewritten in place, half of them only one sector)."""

import functools
import http.server
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import threading
import time

BLOCK = 4096
SECTOR = 512
IMAGE_BYTES = 1536 * 1024 * 1024
DATA_BYTES = 1150 * 1024 * 1024
COMMON = 0.7
CHANGED = 0.05


def figures(command):
    """Objects that a program printed, one a line, by their "what"."""
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def _files():
    """Files of the packages installed here, in an order that depends on nothing but their names."""
    found = []
    for folder in ("/usr/lib", "/usr/share", "/usr/bin", "/usr/include"):
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                found.append((path, path.stat().st_size))
    random.Random(1).shuffle(found)
    return found


def _take(files, size):
    taken = []
    while files and size > 0:
        path, length = files.pop()
        taken.append(path)
        size -= length
    return taken


def _filesystem(image, files, folder):
    folder.mkdir()
    for number, path in enumerate(files):
        target = folder / f"{number % 97}" / str(path)[1:].replace("/", "_")[-200:]
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
    with open(image, "wb") as out:
        out.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", folder, image], check=True)
    shutil.rmtree(folder)


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
    files = _files()
    scale = min(1.0, sum(size for _, size in files) / DATA_BYTES / (2 - COMMON))
    common = _take(files, DATA_BYTES * COMMON * scale)
    for name in ("a", "b"):
        _filesystem(folder / f"{name}.raw", common + _take(files, DATA_BYTES * (1 - COMMON) * scale), folder / "tree")
    _lived_in(folder / "a.raw", folder / "c.raw")


def _timed(command, **options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": time.monotonic() - start,
            "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


class _Counting(http.server.SimpleHTTPRequestHandler):
    """Serves files and parts of them, and counts what it sends."""
    protocol_version = "HTTP/1.1"
    # Head and content in one packet, at once: casync asks for thousands of small files, one after the other.
    wbufsize = -1
    disable_nagle_algorithm = True
    sent = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = pathlib.Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        wanted = self.headers.get("Range")
        first, last = 0, size - 1
        if wanted:
            begin, end = wanted.removeprefix("bytes=").split("-")
            first, last = int(begin), min(int(end or last), last)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(last - first + 1))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        with open(path, "rb") as file:
            file.seek(first)
            left = last - first + 1
            while left > 0:
                piece = file.read(min(left, 1 << 20))
                self.wfile.write(piece)
                left -= len(piece)
        _Counting.sent += last - first + 1


def _casync(folder, source):
    """casync make, then extract over HTTP with A as its seed."""
    store, index = folder / "store.castr", folder / "image.caibx"
    make = _timed(["casync", "make", f"--store={store}", index, source])
    _Counting.sent = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Counting, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        extract = _timed(["casync", "extract", f"--store={url}/store.castr", f"--seed={folder / 'a.raw'}",
                          f"{url}/image.caibx", folder / "out.raw"], env=dict(os.environ, no_proxy="*"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        shutil.rmtree(store, ignore_errors=True)
    return {"seconds": make["seconds"] + extract["seconds"], "cpu_s": make["cpu_s"] + extract["cpu_s"],
            "wire": _Counting.sent}


def _rsync(folder, source):
    """rsync against a copy of A, both ends on this machine, over a pipe."""
    basis = folder / "out.raw"
    subprocess.run(["cp", "--sparse=always", folder / "a.raw", basis], check=True)
    start = time.monotonic()
    out = subprocess.run(["rsync", "--no-whole-file", "-B", str(BLOCK), "-z", "--compress-choice=zstd", "--stats",
                          "--ignore-times", str(source), str(basis)], check=True, stdout=subprocess.PIPE,
                         text=True, env=dict(os.environ, LC_ALL="C")).stdout
    seconds = time.monotonic() - start
    wire = sum(int(line.split(":")[1].replace(",", "").split()[0]) for line in out.splitlines()
               if line.startswith(("Total bytes sent", "Total bytes received")))
    return {"seconds": seconds, "wire": wire}


def _ours(programs, folder, source, two_level):
    out = folder / "out.raw"
    for image, extra in ((source, []), (folder / "a.raw", ["--two-level"] if two_level else [])):
        subprocess.run([programs / "ballast", "image", "index", "-q", "--anew", *extra, image], check=True)
    index = _timed([programs / "ballast", "image", "index", "-q", "--anew", source])
    rows = {row["what"]: row for row in figures([programs / "image-bench", "transfer", source, out,
                                                 folder / "a.raw"])}
    row = rows["transfer"]
    return {"seconds": row["seconds"] + index["seconds"], "wire": row["wire_bytes"] + row["answers_bytes"],
            "cpu_s": row["cpu_s"] + rows["destination"]["cpu_s"] + index["cpu_s"],
            "peak_kib": max(row["peak_rss_kib"], rows["destination"]["peak_rss_kib"])}


def transfers(programs, folder):
    """For B and C: ours and the peers', each checked against the source."""
    for name in ("b", "c"):
        source, out = folder / f"{name}.raw", folder / "out.raw"
        row = {"image": name}
        for peer, run in (("ours", functools.partial(_ours, programs, folder, source, name == "c")),
                          ("rsync", functools.partial(_rsync, folder, source)),
                          ("casync", functools.partial(_casync, folder, source))):
            out.unlink(missing_ok=True)
            row[peer] = run()
            subprocess.run(["cmp", source, out], check=True)
        yield row


def scan(programs, image):
    """Seconds of processor time to index a cached image, beside cat's."""
    for _ in range(2):
        cat = _timed(["sh", "-c", f"cat '{image}' > /dev/null"])
    ours = _timed([programs / "ballast", "image", "index", "-q", "--anew", image])
    return ours["cpu_s"], cat["cpu_s"]
