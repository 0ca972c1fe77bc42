"""Pairs of disk images that are unlike those of images.py: what travels and how long it takes, beside rsync and casync.
Each pair is a.raw, which the destination has, and b.raw (or b.qcow2, too), which it gets, in a folder of its own. Some
were written to in place: for those the image is mounted, which needs root."""

import contextlib
import functools
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent))

import images  # noqa: E402
from images import debian_images  # noqa: E402

MIB = 1024 * 1024
IMAGE_BYTES = images.IMAGE_BYTES
SECTOR = images.SECTOR
SHARED = 0.7


@functools.cache
def _packages(newer_share):
    old = debian_images.Release("bookworm").closure()
    return debian_images.partly_newer(old, debian_images.Release("trixie").closure(), newer_share) if newer_share else old


def _filesystem(tree, image, *options, image_bytes=IMAGE_BYTES):
    debian_images.filesystem(tree, image, image_bytes, *options)


def _system(folder, name, newer_share, *options, image_bytes=IMAGE_BYTES, backwards=False):
    packages = _packages(newer_share)
    debian_images.unpack(list(packages.values())[::-1] if backwards else packages, folder / "tree")
    _filesystem(folder / "tree", folder / f"{name}.raw", *options, image_bytes=image_bytes)


@contextlib.contextmanager
def _mounted(image, folder):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop,discard", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def _copy(original, image):
    subprocess.run(["cp", "--sparse=always", original, image], check=True)


def other_order(folder):
    """The packages the other way round in a larger file system, a tenth of the bytes newer."""
    _system(folder, "a", 0)
    _system(folder, "b", 0.1, image_bytes=IMAGE_BYTES * 5 // 4, backwards=True)


def upgraded(folder):
    """A tenth of the bytes replaced by newer packages in the same file system: names are changed over the old files."""
    _system(folder, "a", 0)
    _copy(folder / "a.raw", folder / "b.raw")
    old, new = _packages(0), _packages(0.1)
    debian_images.unpack([deb for name, deb in new.items() if deb != old[name]], folder / "tree")
    with _mounted(folder / "b.raw", folder / "mounted") as mounted:
        for path in sorted((folder / "tree").rglob("*")):
            if path.is_file() and not path.is_symlink():
                into = mounted / path.relative_to(folder / "tree")
                # Where a folder was a link, as /lib is, its file has gone there.
                into.parent.resolve().mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, f"{into}.dpkg-new")
                os.replace(f"{into}.dpkg-new", into)
    shutil.rmtree(folder / "tree")


def _pieces_of_files(tree):
    """Contents for small files: what packages hold, cut up, no byte of it twice."""
    luck = random.Random(1)
    large = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size > 65536)
    luck.shuffle(large)
    for path in large:
        with open(path, "rb") as file:
            while piece := file.read(luck.randrange(512, 12 * 1024)):
                yield piece


def small_files(folder):
    """60,000 files of half a KiB to 12 KiB, made apart: 70 % of them the same in both."""
    count = 60_000
    debian_images.unpack(_packages(0), folder / "packages")
    pieces = _pieces_of_files(folder / "packages")
    common = list(itertools.islice(pieces, int(count * SHARED)))
    for name in ("a", "b"):
        files = [*common, *itertools.islice(pieces, int(count * (1 - SHARED)))]
        assert len(files) == count, len(files)
        random.Random(name).shuffle(files)
        for number, content in enumerate(files):
            into = folder / "tree" / f"{number % 300:03}"
            into.mkdir(parents=True, exist_ok=True)
            (into / f"{number:05}").write_bytes(content)
        _filesystem(folder / "tree", folder / f"{name}.raw")
    shutil.rmtree(folder / "packages")


PAGE = 16 * 1024


def _page(luck, number):
    """Head with a log sequence number, rows, a trailer that repeats the number, as a database lays its pages out."""
    rows = b"".join(b"%010d|%016x|name-%06d|%s@example.org|%08.2f|" % (number * 128 + row, luck.getrandbits(64), luck.randrange(500_000),
                                                                    luck.choice(WORDS), luck.random() * 90000)
                    for row in range(190))
    sequence = luck.getrandbits(40).to_bytes(8, "big")
    return (sequence + number.to_bytes(8, "big") + rows)[:PAGE - 8].ljust(PAGE - 8, b"\0") + sequence


WORDS = [bytes(random.Random(n).choices(b"abcdefghijklmnopqrstuvwxyz", k=4 + n % 9)) for n in range(5000)]


def _database(folder, changed):
    pages = 640 * MIB // PAGE
    luck = random.Random(3)
    (folder / "tree").mkdir()
    with open(folder / "tree" / "table.ibd", "wb") as table:
        for number in range(pages):
            table.write(_page(luck, number))
    _filesystem(folder / "tree", folder / "a.raw")
    _copy(folder / "a.raw", folder / "b.raw")
    with _mounted(folder / "b.raw", folder / "mounted") as mounted, open(mounted / "table.ibd", "r+b") as table:
        for number in sorted(luck.sample(range(pages), int(pages * changed))):
            sequence = luck.getrandbits(40).to_bytes(8, "big")
            row = b"%016x" % luck.getrandbits(64)
            for at, content in ((0, sequence), (luck.randrange(64, PAGE - 64), row), (PAGE - 8, sequence)):
                table.seek(number * PAGE + at)
                table.write(content)


def database(folder):
    """A table of 640 MiB; a row, head and trailer of every tenth of its pages of 16 KiB have changed in place."""
    _database(folder, 0.1)


def busy_database(folder):
    """The same with 30 % of the pages changed."""
    _database(folder, 0.3)


def whole_pages(folder):
    """The same table with 10 % of its pages written anew, all of their rows others."""
    pages = 640 * MIB // PAGE
    _database(folder, 0)
    luck = random.Random(4)
    with _mounted(folder / "b.raw", folder / "mounted") as mounted, open(mounted / "table.ibd", "r+b") as table:
        for number in sorted(luck.sample(range(pages), pages // 10)):
            table.seek(number * PAGE)
            table.write(_page(luck, number))


def partition(folder):
    """B is in a partition that begins at sector 63, A has none."""
    _system(folder, "a", 0)
    _system(folder, "whole", images.NEWER)
    with open(folder / "b.raw", "wb") as disk:
        disk.truncate(IMAGE_BYTES + 63 * SECTOR)
        disk.seek(446)
        disk.write(bytes([0x80, 0, 0, 0, 0x83, 0, 0, 0]) + (63).to_bytes(4, "little") +
                   (IMAGE_BYTES // SECTOR).to_bytes(4, "little"))
        disk.seek(510)
        disk.write(b"\x55\xaa")
    subprocess.run(["dd", f"if={folder / 'whole.raw'}", f"of={folder / 'b.raw'}", "bs=64512", "conv=notrunc,sparse",
                    f"seek={63 * SECTOR}", "oflag=seek_bytes", "status=none"], check=True)
    (folder / "whole.raw").unlink()


def blocks_of_1k(folder):
    """File systems made apart with blocks of 1 KiB."""
    _system(folder, "a", 0, "-b", "1024")
    _system(folder, "b", images.NEWER, "-b", "1024")


def from_4k_to_1k(folder):
    """A has blocks of 4 KiB, B of 1 KiB."""
    _system(folder, "a", 0)
    _system(folder, "b", images.NEWER, "-b", "1024")


def qcow2(folder):
    """B as a qcow2 image. rsync and casync are given it as it would be without qcow2."""
    _system(folder, "a", 0)
    _system(folder, "b", images.NEWER)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", folder / "b.raw", folder / "b.qcow2"], check=True)


def incompressible(folder):
    """400 files like photographs, made apart; 70 % of their bytes are the same in both."""
    for name in ("a", "b"):
        (folder / "tree").mkdir()
        order = list(range(400))
        random.Random(name).shuffle(order)
        for number in order:
            luck = random.Random(f"{number}-{name if number >= 400 * SHARED else ''}")
            (folder / "tree" / f"{number}-{luck.randrange(10**6)}.jpg").write_bytes(luck.randbytes(luck.randrange(300_000, 3_200_000)))
        _filesystem(folder / "tree", folder / f"{name}.raw")


# Most of what a peer may take is ours to take: file systems made apart; images that were written to in place. Of bytes
# beside rsync's and casync's, of time beside rsync's and casync's.
APART = {"rsync": (1.05, 1 / 5), "casync": (0.70, 1 / 12)}
IN_PLACE = {"rsync": (1.05, 1 / 3), "casync": (0.70, 1 / 12)}
PAIRS = {other_order: APART, upgraded: IN_PLACE, small_files: APART, database: IN_PLACE, busy_database: IN_PLACE, whole_pages: IN_PLACE,
         partition: APART, blocks_of_1k: APART, from_4k_to_1k: APART, qcow2: APART, incompressible: APART}


def transfers(programs, folder):
    """One row a pair, as images.transfers gives them, with "bounds". Of the pairs one at a time is there."""
    for make, bounds in PAIRS.items():
        make(folder)
        row = images.transfer(programs, folder, "b", ("casync",))
        yield {**row, "image": make.__name__.replace("_", " "), "bounds": bounds}
        for file in folder.iterdir():
            file.unlink()
