#!/usr/bin/env python3
"""Makes images of Debian 11, 12 and 13 from their packages and one of data that no system made, and prints the tables
of the BLOCKSHARE paper for them (docs/experiments.md, "The BLOCKSHARE paper").

  image_tables.py PROGRAMS                      all tables
  image_tables.py PROGRAMS methods [IMAGE...]   only how far the estimates (sketch, Bloom filter) are from the exact
                                                comparison, of these images or of those that it makes

It needs the mirror of Debian (about 200 MB for each release, kept in BALLAST_IMAGE_CACHE) and 6 GB for a while.
"""

import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import zlib

import debian_images

IMAGE_BYTES = 1024 * 1024 * 1024
RELEASES = {"Debian 11": "bullseye", "Debian 12": "bookworm", "Debian 13": "trixie"}
DATA = "data"
BLOCK_SIZES = (512, 4096)
# What the data image holds, each about 200 MB.
ROWS = 900_000
LOG_LINES = 1_800_000
ARCHIVES = 50
ARCHIVE_BYTES = 4 * 1024 * 1024


def data_tree(tree):
    """A database, logs, and archives of what compresses no further: nothing that a package brings."""
    tree.mkdir()
    luck = random.Random(3)
    with sqlite3.connect(tree / "orders.db") as store:
        store.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, item TEXT, price REAL, note TEXT)")
        store.executemany("INSERT INTO orders VALUES (?,?,?,?,?)",
                          ((row, f"customer-{luck.randrange(50_000):06}", f"item-{luck.randrange(9_000)}",
                            luck.uniform(1, 900), f"{luck.getrandbits(640):x}") for row in range(ROWS)))
    store.close()
    with open(tree / "access.log", "w") as log:
        for line in range(LOG_LINES):
            log.write(f"10.{luck.randrange(256)}.{luck.randrange(256)}.7 [{1_700_000_000 + line // 9}] "
                      f"\"GET /page/{luck.randrange(4_000)} HTTP/1.1\" 200 {luck.randrange(90_000)} "
                      f"session={luck.getrandbits(128):032x}\n")
    for number in range(ARCHIVES):
        (tree / f"archive-{number}.z").write_bytes(zlib.compress(luck.randbytes(ARCHIVE_BYTES), 1))


def make(folder):
    images = {}
    for name, release in {**RELEASES, DATA: None}.items():
        tree, image = folder / "tree", folder / f"{name.replace(' ', '')}.raw"
        if release:
            debian_images.unpack(debian_images.Release(release).closure(), tree)
        else:
            data_tree(tree)
        debian_images.filesystem(tree, image, IMAGE_BYTES)
        images[name] = image
    return images


def index(program, image, block_bytes):
    path = image.with_suffix(f".{block_bytes}.index")
    if not path.exists():
        subprocess.run([program, "image", "index", "-q", "--block-size", str(block_bytes), "--to", path, image], check=True)
    return path


def compare(program, a, b, method="exact"):
    out = subprocess.run([program, "image", "compare", "-o", "json", "--method", method, a, b], check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


def percent(part, whole):
    return f"{100 * part / whole:.2f} %" if whole else "–"


def sizes_table(program, images):
    lines = ["| image | blocks of | all | of them zeros | data | different ones of the data | duplicates within the data |",
             "|---|--:|--:|--:|--:|--:|--:|"]
    for name, image in images.items():
        for block_bytes in BLOCK_SIZES:
            path = index(program, image, block_bytes)
            row = compare(program, path, path)
            data, distinct = row["data_blocks"], row["data_distinct_blocks"]
            lines.append(f"| {name} | {block_bytes} | {row['blocks']:,} | {percent(row['blocks'] - data, row['blocks'])} "
                         f"| {data:,} | {distinct:,} | {percent(data - distinct, data)} |")
    return lines


def similarity_table(program, images, block_bytes):
    lines = [f"| blocks of {block_bytes} bytes of | that are in | data blocks | same, distinct | rate | same, with duplicates | rate |"
             " with zeros, as in the paper: distinct | with duplicates |", "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for a, of in images.items():
        for b, there in images.items():
            if a == b:
                continue
            row = compare(program, index(program, of, block_bytes), index(program, there, block_bytes))
            data = row["data_blocks"]
            distinct, all_of_them = row["data_same_distinct_blocks"], row["data_same_blocks"]
            lines.append(f"| {a} | {b} | {data:,} | {distinct:,} | {percent(distinct, data)} | {all_of_them:,} "
                         f"| {percent(all_of_them, data)} | {percent(row['same_distinct_blocks'], row['blocks'])} "
                         f"| {percent(row['same_blocks'], row['blocks'])} |")
    return lines


def shared(row):
    """Of the different blocks that are not zero, the share that the other image has, in percent."""
    return 100 * row["data_same_distinct_blocks"] / row["data_distinct_blocks"] if row["data_distinct_blocks"] else 0


def methods_table(program, images):
    """The estimates beside the exact comparison, in points of the share of the different blocks that are not zero."""
    lines = ["| blocks of | of | that are in | exact | sketch | off by | Bloom filter | off by | its rate of false hits, counted |",
             "|--:|---|---|--:|--:|--:|--:|--:|--:|"]
    worst = {"sketch": 0.0, "bloom": 0.0}
    for block_bytes in BLOCK_SIZES:
        for a, of in images.items():
            for b, there in images.items():
                if a == b:
                    continue
                indexes = index(program, of, block_bytes), index(program, there, block_bytes)
                exact = shared(compare(program, *indexes))
                sketch = shared(compare(program, *indexes, "sketch"))
                bloom_row = compare(program, *indexes, "bloom")
                bloom = shared(bloom_row)
                worst["sketch"] = max(worst["sketch"], abs(sketch - exact))
                worst["bloom"] = max(worst["bloom"], abs(bloom - exact))
                lines.append(f"| {block_bytes} | {a} | {b} | {exact:.2f} % | {sketch:.2f} % | {sketch - exact:+.2f} "
                             f"| {bloom:.2f} % | {bloom - exact:+.2f} | {100 * bloom_row['false_hit_rate']:.2f} % |")
    lines.append(f"| | | worst | | | {worst['sketch']:.2f} | | {worst['bloom']:.2f} | |")
    return lines


def main():
    program = pathlib.Path(sys.argv[1]).resolve() / "ballast"
    only_methods = sys.argv[2:3] == ["methods"]
    if only_methods and sys.argv[3:]:
        paths = [pathlib.Path(name).resolve() for name in sys.argv[3:]]
        print("\n".join(methods_table(program, {path.stem: path for path in paths})))
        return 0
    with tempfile.TemporaryDirectory(prefix="ballast-tables-") as name:
        images = make(pathlib.Path(name))
        if only_methods:
            print("\n".join(methods_table(program, images)))
            return 0
        print("\n".join(sizes_table(program, images)))
        for block_bytes in BLOCK_SIZES:
            print()
            print("\n".join(similarity_table(program, images, block_bytes)))
        print()
        print("\n".join(methods_table(program, images)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
