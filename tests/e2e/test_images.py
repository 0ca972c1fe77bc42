"""Indexes of disk images in every form in which hosts keep them: raw files, qcow2, block devices."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

from test_offline import ballast

MIB = 1 << 20


class Forms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ballast-images-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.raw = self.folder / "disk.raw"
        with open(self.raw, "wb") as disk:  # data, a hole, text that compresses, zeros that were written
            disk.write(random.Random(1).randbytes(3 * MIB))
            disk.seek(8 * MIB)
            disk.write(b"all work and no play " * 100_000)
            disk.write(bytes(MIB))
            disk.truncate(16 * MIB)
        self.index(self.raw)

    def index(self, image, *options):
        """The path of its index."""
        path = self.folder / f"{image.name}.index"
        run = ballast("image", "index", "-q", "--two-level", "--to", str(path), *options, str(image))
        self.assertEqual(run.returncode, 0, run.stderr)
        return path

    def same_as_raw(self, index):
        run = ballast("image", "compare", "-o", "json", str(index), str(self.folder / "disk.raw.index"))
        self.assertEqual(run.returncode, 0, run.stderr)
        row = json.loads(run.stdout)
        self.assertEqual((row["blocks"], row["same_blocks"]), (16 * MIB // 4096, 16 * MIB // 4096))
        self.assertGreater(row["data_blocks"], 3 * MIB // 4096)
        self.assertEqual(row["data_same_blocks"], row["data_blocks"])

    def kind(self, index):
        return ballast("image", "info", str(index)).stdout.splitlines()[1]

    def qemu_img(self, *words):
        subprocess.run(["qemu-img", *words], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def test_a_qcow2_is_read_through_its_tables_its_compression_and_its_backing_file(self):
        base, whole = self.folder / "base.qcow2", self.folder / "disk.qcow2"
        self.qemu_img("convert", "-c", "-f", "raw", "-O", "qcow2", str(self.raw), str(base))
        self.same_as_raw(self.index(base))
        self.qemu_img("create", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(whole))
        index = self.index(whole)
        self.same_as_raw(index)
        self.assertIn("qcow2, 16.0 MiB", self.kind(index))
        # Its form is what its name or its operator says, never what it contains.
        plain = self.folder / "named.raw"
        whole.rename(plain)
        self.assertIn("raw file", self.kind(self.index(plain)))
        self.same_as_raw(self.index(plain, "--image-format", "qcow2"))

    def test_a_block_device_is_read_like_the_file_behind_it(self):
        if os.geteuid() != 0:
            self.skipTest("attaching a loop device needs root")
        attached = subprocess.run(["losetup", "--find", "--show", "--read-only", str(self.raw)], capture_output=True,
                                  text=True, timeout=60, check=False)
        if attached.returncode != 0:
            self.skipTest(f"no loop device here: {attached.stderr.strip()}")
        device = pathlib.Path(attached.stdout.strip())
        self.addCleanup(subprocess.run, ["losetup", "--detach", str(device)], check=True, timeout=60)
        index = self.index(device)
        self.same_as_raw(index)
        self.assertIn("block device, 16.0 MiB", self.kind(index))

    def test_a_file_that_is_no_qcow2_is_a_clear_error(self):
        wrong = self.folder / "wrong.qcow2"
        wrong.write_bytes(b"not a disk at all" * 1000)
        run = ballast("image", "index", "-q", str(wrong))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("wrong.qcow2", run.stderr)
        self.assertFalse((self.folder / "wrong.qcow2.index").exists())


if __name__ == "__main__":
    unittest.main()
