"""Migrations with disk images that cannot go well: an image of another size than before, a disk that fills in the middle.
Each ends with a reason, and the guest runs on where it was. And what is left behind is kept as long as it should be."""

import os
import socket
import struct
import subprocess
import time
import unittest

from agent_driver import CANCELLED, FAILED, RUNNING, SUCCEEDED, Agent, decode, disk, encode, first, new_guest
from wan_case import MIB, PROGRAM, WanCase, content

IMAGE_CORRUPT, NO_DISK_SPACE, STORAGE_MISMATCH = 34, 15, 33
HOUR = 3600

ACCEPT, OPEN, IMAGE = 33, 32, 42  # fields of Message
COMPLETE = 2


class LyingSource:
    """Speaks to an agent as a source does, over plain TCP, as far as it pleases."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream = self.socket.makefile("rb")

    def say(self, number, fields):
        payload = encode({number: encode(fields)})
        self.socket.sendall(struct.pack("<I", len(payload)) + payload)

    def hear(self, number):
        """The next message of this kind; None when the destination has ended the connection first."""
        while len(head := self.stream.read(4)) == 4:
            message = decode(self.stream.read(struct.unpack("<I", head)[0]))
            if number in message:
                return decode(message[number][0])
        return None

    def close(self):
        self.stream.close()
        self.socket.close()


class WanBadInput(WanCase):
    def test_an_image_that_shrinks_meanwhile_stays_and_so_does_its_guest(self):
        image = content(21, 24)
        path = self.write(self.source, "disk.img", image)
        self.create(disk(path))
        job_in, job_out, _ = self.order(bandwidth_mbps=8)
        self.wait_for_bytes(1 * MIB)
        os.truncate(path, 12 * MIB)
        result = self.finish(job_in, job_out)
        self.assertEqual((result.state, result.fault), (FAILED, IMAGE_CORRUPT), result.detail)
        self.assertIn("ends at byte", result.detail)
        self.assert_stayed(result, image[:12 * MIB])
        # As it is now it can go.
        self.assert_moved(self.migrate(), expected=image[:12 * MIB])

    def test_an_image_that_grows_meanwhile_arrives_as_large_as_it_is_in_the_end(self):
        image = bytearray(content(22, 12))
        path = self.write(self.source, "disk.img", image)
        self.create(disk(path))
        job_in, job_out, _ = self.order(bandwidth_mbps=20)
        self.wait_for_bytes(1 * MIB)
        image += content(23, 3)
        self.write(self.source, "disk.img", image[12 * MIB:], 12 * MIB)
        self.assert_moved(self.finish(job_in, job_out), expected=image)

    @unittest.skipUnless(os.geteuid() == 0, "a small file system needs root to be mounted")
    def test_a_disk_that_fills_in_the_middle_ends_the_transfer_and_a_later_one_goes_on(self):
        images = os.path.dirname(self.path(self.destination, "x"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", images], check=True)
        self.addCleanup(subprocess.run, ["umount", images], check=True)
        image = content(24, 24)
        self.create(disk(self.write(self.source, "disk.img", image)))
        job_in, job_out, _ = self.order(bandwidth_mbps=16)
        self.wait_for_bytes(4 * MIB)
        filler = self.path(self.destination, "filler")
        with open(filler, "wb") as file:
            while (room := os.statvfs(images)).f_bavail > 0:
                try:
                    os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size + room.f_bavail * room.f_frsize)
                except OSError:
                    pass  # the image took of the room meanwhile
        result = self.finish(job_in, job_out)
        self.assertEqual((result.state, result.fault), (FAILED, NO_DISK_SPACE), result.detail)
        self.assert_stayed(result, image)
        os.unlink(filler)
        before = self.proxy.to_target
        self.assert_moved(self.migrate(), expected=image)
        self.assertLess(self.proxy.to_target - before, len(image) - 1 * MIB)

    def test_a_disk_that_stays_and_that_the_destination_lacks_refuses_the_guest_before_its_image_travels(self):
        image = content(25, 8)
        template = self.write(self.source, "template.img", content(26, 1))
        self.create(disk(self.write(self.source, "disk.img", image)), disk(template, device="xvdb", writable=False))
        os.unlink(template)  # these hosts see the same files
        result = self.migrate()
        self.assertEqual((result.state, result.fault), (FAILED, STORAGE_MISMATCH), result.detail)
        self.assertIn(template, result.detail)
        self.assertLess(self.proxy.to_target, 1 * MIB)
        self.assert_stayed(result, image)
        self.write(self.source, "template.img", content(26, 1))
        self.assert_moved(self.migrate(), expected=image)
        self.assertTrue(os.path.exists(template))

    def test_a_source_that_says_images_are_there_and_has_sent_none_touches_nobodys_image(self):
        self.hear_both()
        migration = new_guest()
        job = self.controller.order(self.destination, "migrate_in", self.guest, self.name, peer="h1", migration=migration,
                                    memory_kib=128 * 1024, copy_storage=True)
        self.controller.wait(lambda: job in self.destination.updates, "the destination's word")
        source = LyingSource(self.destination.port)
        self.addCleanup(source.close)
        source.say(OPEN, {1: 1, 2: migration, 3: self.guest, 4: self.name, 5: "h1", 6: 128 * 1024, 9: True,
                          10: encode({1: "xvda", 2: "disk.img", 3: 8 * MIB})})
        accepted = source.hear(ACCEPT)
        self.assertTrue(first(accepted, 1), first(accepted, 3))
        image = content(27, 1)
        path = self.write(self.destination, "disk.img", image)  # another guest's, meanwhile
        source.say(IMAGE, {1: COMPLETE})
        self.assertIsNone(source.hear(0), "the destination ends the connection")
        self.controller.cancel(self.destination, job)
        result = self.controller.finish(self.destination, job)
        self.assertIn(result.state, (CANCELLED, FAILED), result.detail)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), image)

    def test_what_was_left_is_kept_for_as_long_as_it_was_said_and_then_deleted(self):
        directory = os.path.join(self.folder, "h3")
        images = os.path.join(directory, "images")
        os.makedirs(f"{images}/below")
        now = int(time.time())
        kept = {"in-use.img": now - 900 * HOUR, f"gone.img.left-{now - HOUR}": now - 900 * HOUR,
                "coming.img.incoming": now - HOUR}
        expired = {f"gone.img.left-{now - 3 * HOUR}": now, f"below/old.img.left-{now - 50 * HOUR}": now,
                   "given-up.img.incoming": now - 900 * HOUR}
        for name, changed in {**kept, **expired}.items():
            with open(f"{images}/{name}", "wb") as file:
                file.write(b"image")
            os.utime(f"{images}/{name}", (changed, changed))
        agent = Agent(PROGRAM, directory, "h3", self.controller.port,
                      migration=f'[images]\ndirectory = "{images}"\nkeep_hours = 2')
        self.controller.add(agent)
        agent.start()
        self.addCleanup(agent.stop)
        self.controller.wait(lambda: not any(os.path.exists(f"{images}/{name}") for name in expired), "the sweep")
        for name in kept:
            self.assertTrue(os.path.exists(f"{images}/{name}"), name)


if __name__ == "__main__":
    unittest.main()
