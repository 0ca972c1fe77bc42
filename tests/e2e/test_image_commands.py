"""The commands on images, on files made by hand: the worked example of the BLOCKSHARE paper, ranks, what is stale or damaged."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.path.join(os.environ["BALLAST_PROGRAMS"], "ballast")
SECTOR = 512
MIB = 1 << 20


def ballast(*words, stdin=None):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120, check=False, input=stdin)


class ImageCommands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ballast-images-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def image(self, name, numbers):
        """Blocks of 512 bytes, equal where the numbers are."""
        path = self.folder / name
        path.write_bytes(b"".join(bytes([number + 1]) * SECTOR for number in numbers))
        return path

    def index(self, image, *options):
        run = ballast("image", "index", "-q", *options, str(image))
        self.assertEqual(run.returncode, 0, run.stderr)
        return f"{image}.index"

    def example(self):
        travels = self.index(self.image("a.raw", (0, 1, 2, 1, 0, 4, 4, 4, 3, 5)), "--block-size", "512")
        there = self.index(self.image("b.raw", (1, 2, 3, 4)), "--block-size", "512")
        return travels, there

    def compared(self, *words, code=0):
        run = ballast("image", "compare", "-o", "json", *words)
        self.assertEqual(run.returncode, code, run.stderr)
        return json.loads(run.stdout)

    def test_the_papers_example_is_seventy_and_forty_per_cent(self):
        travels, there = self.example()
        for method in ("exact", "bloom", "sketch"):
            share = self.compared("--method", method, travels, there)
            with self.subTest(method=method):
                self.assertAlmostEqual(share["same_distinct_rate"], 0.4)
                if method != "sketch":  # which knows nothing of duplicates
                    self.assertAlmostEqual(share["same_rate"], 0.7)
        text = ballast("image", "compare", travels, there).stdout
        self.assertRegex(text, r"same in B, duplicates counted +7 +70\.00 %\n +left to send +3 +30\.00 %")
        self.assertRegex(text, r"same in B, each once +4 +40\.00 %\n +left to send +6 +60\.00 %")

    def test_whoever_holds_most_ranks_first_and_what_is_damaged_is_left_out(self):
        travels, there = self.example()
        little = self.index(self.image("c.raw", (1,)), "--block-size", "512")
        for method in ("sketch", "exact", "bloom"):
            run = ballast("image", "rank", "--method", method, "-o", "json", travels, little, there)
            self.assertEqual(run.returncode, 0, run.stderr)
            ranked = json.loads(run.stdout)
            self.assertEqual([each["index"] for each in ranked], [there, little], method)
            self.assertAlmostEqual(ranked[0]["share"], 4 / 6)
            self.assertEqual(ranked[0]["missing_bytes"], 2 * SECTOR)
        cut = self.folder / "cut.index"
        cut.write_bytes(pathlib.Path(there).read_bytes()[:-1])
        run = ballast("image", "rank", "-o", "json", travels, little, str(cut))
        self.assertEqual(run.returncode, 1, "somebody may have been left out who holds more")
        self.assertEqual([each["index"] for each in json.loads(run.stdout)], [little])
        self.assertIn("cut.index: left out", run.stderr)

    def test_an_index_says_whether_it_is_whole_and_of_this_image_as_it_is(self):
        travels, _ = self.example()
        image = travels.removesuffix(".index")
        self.assertIn("fresh", ballast("image", "info", "--image", image, travels).stdout)
        with open(image, "r+b") as file:
            file.write(b"x")
        stale = ballast("image", "info", "--image", image, travels)
        self.assertEqual(stale.returncode, 5, stale.stdout)
        self.assertIn("stale", stale.stdout)
        flipped = bytearray(pathlib.Path(travels).read_bytes())
        flipped[-3] ^= 4
        damaged = self.folder / "damaged.index"
        damaged.write_bytes(flipped)
        run = ballast("image", "info", str(damaged))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("damaged", run.stderr)
        foreign = bytearray(pathlib.Path(travels).read_bytes())
        foreign[8] += 1
        damaged.write_bytes(foreign)
        run = ballast("image", "info", str(damaged))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("version", run.stderr)

    def test_what_changed_is_all_that_is_read_again(self):
        bytes_of = random.Random(3).randbytes
        image = self.folder / "disk.raw"
        image.write_bytes(bytes_of(4 * MIB))
        index = self.index(image)
        with open(image, "r+b") as file:
            file.seek(MIB)
            file.write(bytes_of(8192))
            file.seek(3 * MIB)
            file.write(bytes_of(4096))  # of which nobody tells
        run = ballast("image", "index", "-q", "--changed", "-", str(image), stdin=f"{MIB} 8192\n")
        self.assertEqual(run.returncode, 0, run.stderr)
        anew = self.folder / "anew.index"
        self.index(image, "--to", str(anew))
        share = self.compared(str(anew), index)
        self.assertEqual(share["data_blocks"] - share["data_same_blocks"], 1, "what nobody told of")

    def test_a_run_that_was_killed_goes_on_where_it_stopped(self):
        image, size = self.folder / "large.raw", 384 * MIB
        with open(image, "wb") as file:
            some = random.Random(4).randbytes(16 * MIB)
            for _ in range(size // len(some)):
                file.write(some)
        checkpoint = self.folder / "large.raw.index.scan"
        words = [PROGRAM, "image", "index", "--two-level", "--memory-mib", "24", str(image)]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            while running.poll() is None and not checkpoint.exists():
                time.sleep(0.001)  # looked for until it is there
            running.kill()
        self.assertTrue(checkpoint.exists(), "it was killed before it had finished")
        self.assertFalse((self.folder / "large.raw.index").exists(), "an index is there only when it is whole")
        again = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
        self.assertRegex(again.stdout + again.stderr, r"went on at ")
        self.assertFalse(checkpoint.exists())
        anew = self.folder / "anew.index"
        self.index(image, "--two-level", "--to", str(anew))
        share = self.compared(f"{image}.index", str(anew))
        self.assertEqual((share["data_blocks"], share["data_same_blocks"]), (size // 4096, size // 4096))


if __name__ == "__main__":
    unittest.main()
