"""A guest moves with its disk image, and pages of its memory that the destination has are named instead of sent
(docs/wan_migration.md). A simulated guest's stream carries a checksum over every byte of its memory, so that one that runs
again has come as it was."""

import os
import unittest

from agent_driver import disk
from pool import wait_until
from wan_case import MIB, WanCase, content

IMAGE_CORRUPT = 34
MEMORY_BYTES = 128 * MIB
STREAM_BEGINS = b"LSTMEM\x1a\n"


class WanMemory(WanCase):
    BYTES_PER_PAGE = 4096
    MIGRATION = 'compression = "none"'
    IMAGES = "page_references = true"

    def when_the_memory_comes(self, act):
        """Calls `act` once, with the images at their places there and nearly all of the memory still to come."""
        seen = {"tail": b"", "begun": False, "done": False}

        def harm(_, data):
            if seen["begun"] and not seen["done"]:
                # What was passed on made the destination rename the image; nothing more comes before it has.
                wait_until("the image at its place", lambda: os.path.exists(self.path(self.destination, "disk.img")), 60)
                act()
                seen["done"] = True
            seen["begun"] = seen["begun"] or STREAM_BEGINS in seen["tail"] + data
            seen["tail"] = data[-len(STREAM_BEGINS):]
            return data

        self.proxy.harm = harm

    def test_blocks_of_the_image_and_pages_that_went_before_do_not_travel(self):
        image = content(1, 24)
        self.create(disk(self.write(self.source, "disk.img", image)))
        result = self.migrate()
        self.assert_moved(result, expected=image)
        self.assertGreaterEqual(result.memory_bytes, MEMORY_BYTES)
        # Of eight pages, two are blocks of the image, one is zeros and one is as the one before it.
        self.assertGreater(result.referenced_bytes, 0.49 * result.memory_bytes)
        self.assertLess(result.referenced_bytes, 0.51 * result.memory_bytes)
        self.assertLess(self.proxy.to_target, len(image) + 0.52 * result.memory_bytes)
        self.assertLess(result.wire_bytes, 0.52 * result.memory_bytes, "the image counts as the memory's")

    def test_a_disk_that_does_not_keep_what_it_was_given_is_seen_and_the_guest_stays(self):
        image = content(2, 24)
        self.create(disk(self.write(self.source, "disk.img", image)))
        self.when_the_memory_comes(lambda: self.write(self.destination, "disk.img", content(3, 24)))
        result = self.migrate()
        self.assert_stayed(result, image)
        self.assertEqual(result.fault, IMAGE_CORRUPT)
        self.assertIn("a page that should be here already is not the one that the source has", result.detail)
        self.proxy.harm = None
        self.assert_moved(self.migrate(), expected=image)

    def test_what_the_guest_writes_while_its_memory_travels_arrives(self):
        image = content(4, 24)
        self.create(disk(self.write(self.source, "disk.img", image)))
        later = content(5, 2) + image[2 * MIB:]
        self.when_the_memory_comes(lambda: self.write(self.source, "disk.img", later[:2 * MIB]))
        self.assert_moved(self.migrate(), expected=later)

    def test_a_connection_that_breaks_meanwhile_leaves_the_guest_where_it_is(self):
        image = content(6, 8)
        self.create(disk(self.write(self.source, "disk.img", image)))
        self.when_the_memory_comes(self.proxy.cut)
        self.assert_stayed(self.migrate(), image)
        self.proxy.harm = None
        self.assert_moved(self.migrate(), expected=image)


class WanMemoryAsItIs(WanCase):
    BYTES_PER_PAGE = 4096

    def test_without_the_switch_every_page_travels(self):
        image = content(7, 3)
        self.create(disk(self.write(self.source, "disk.img", image)))
        result = self.migrate()
        self.assert_moved(result, expected=image)
        self.assertEqual(result.referenced_bytes, 0)
        self.assertGreaterEqual(result.memory_bytes, MEMORY_BYTES)


if __name__ == "__main__":
    unittest.main()
