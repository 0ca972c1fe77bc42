"""Two hosts that share no storage: a guest moves with its disk image (docs/wan_migration.md), through cuts, kills,
flipped bits and a full disk."""

import glob
import os
import random
import subprocess
import unittest

from agent_driver import CANCELLED, FAILED, RUNNING, SUCCEEDED, disk, new_guest, spec
from wan_case import MIB, WanCase, content

ALREADY_EXISTS, UNSUPPORTED, NO_DISK_SPACE, STORAGE_MISMATCH = 3, 5, 15, 33


def past_cache(path):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return True


class Wan(WanCase):
    def test_only_what_the_destination_lacks_travels_and_what_is_written_meanwhile_arrives(self):
        base, new = content(1, 24), content(2, 4)
        image = bytearray(base + new + bytes(20 * MIB))
        path = self.write(self.source, "disk.img", image)
        self.write(self.destination, "other.img", bytes(3 * MIB) + base)
        other = new_guest()
        self.hear_both()
        self.controller.run(self.destination, "create", other, "other",
                            spec=spec(other, "other", disks=[disk(self.path(self.destination, "other.img"))]))
        indexed = self.controller.run(self.destination, "image_index", other, "other")
        self.assertEqual((indexed.state, indexed.image_done_bytes), (SUCCEEDED, 27 * MIB), indexed.detail)
        self.create(disk(path))
        job_in, job_out, _ = self.order(bandwidth_mbps=40)
        self.wait_for_bytes(1 * MIB)
        # The guest writes while its image travels.
        for at in (5 * MIB, 26 * MIB + 77, 40 * MIB):
            data = content(at, 1)[:10000]
            image[at:at + len(data)] = data
            self.write(self.source, "disk.img", data, at)
        result = self.finish(job_in, job_out)
        self.assert_moved(result, expected=image)
        self.assertGreaterEqual(result.image_rounds, 3)
        self.assertEqual(result.image_bytes, len(image))
        self.assertLess(result.image_wire_bytes, 6 * MIB)
        self.assertGreater(result.image_wire_bytes, 4 * MIB)
        # And it is known how fast that disk writes, unless its file system cannot go around the page cache.
        self.assertEqual(os.path.exists(self.path(self.destination, ".ballast-written")),
                         past_cache(self.path(self.destination, "disk.img")))

    def test_two_disks_go_and_a_third_that_is_only_read_stays(self):
        one, two = content(3, 3), content(4, 5)
        system = os.path.join(self.folder, "system.img")
        with open(system, "wb") as file:
            file.write(bytes(MIB))
        os.makedirs(self.path(self.source, "of/traveller"))
        self.create(disk(self.write(self.source, "one.img", one)),
                    disk(self.write(self.source, "of/traveller/two.img", two), "xvdb"),
                    disk(system, "xvdc", writable=False))
        result = self.migrate()
        self.assert_moved(result, "one.img", one)
        self.assert_moved(result, "of/traveller/two.img", two)
        # And back: the images here are found among those that left, once they have an index.
        self.source, self.destination = self.destination, self.source
        self.proxy.target_port = self.destination.port
        common = {"migration": new_guest(), "memory_kib": 128 * 1024, "copy_storage": True}
        job_in = self.controller.order(self.destination, "migrate_in", self.guest, self.name, peer="h2", **common)
        self.controller.wait(lambda: job_in in self.destination.updates, "the destination's word")
        job_out = self.controller.order(self.source, "migrate_out", self.guest, self.name, peer="h1", mode=2,
                                        address="127.0.0.1", port=self.proxy.port, **common)
        back = self.finish(job_in, job_out)
        self.assert_moved(back, "one.img", one)
        self.assertLess(back.image_wire_bytes, MIB, "what had left was there to copy from")

    def test_a_cut_in_the_middle_goes_on_from_what_was_verified(self):
        image = content(5, 60)
        self.create(disk(self.write(self.source, "disk.img", image)))
        cuts = [50 * MIB, 30 * MIB]

        def harm(before, data):
            if cuts and before + len(data) > cuts[-1]:
                cuts.pop()
                return None
            return data

        self.proxy.harm = harm
        result = self.migrate()
        self.assert_moved(result, expected=image)
        self.assertEqual(cuts, [])
        self.assertEqual(self.proxy.connections, 3)
        # What a cut costs is less than the window of 64 MiB: here, all of it must not have travelled twice.
        self.assertLess(self.proxy.to_target, 110 * MIB)
        self.assertGreater(result.image_wire_bytes, 55 * MIB, "what went before the cuts counts as well")

    def test_a_destination_that_is_away_for_a_while_is_waited_for(self):
        image = content(6, 30)
        self.create(disk(self.write(self.source, "disk.img", image)))
        job_in, job_out, _ = self.order(bandwidth_mbps=200)
        self.wait_for_bytes(8 * MIB)
        self.proxy.open = False
        self.proxy.cut()
        self.controller.wait(lambda: self.source.updates[job_out].step == "copying", "the source to be copying")
        self.destination.kill()
        self.controller.wait(lambda: self.destination.link is None, "the end of the destination")
        self.destination.start()
        self.controller.wait(lambda: self.destination.link, "the destination to be back")
        self.proxy.target_port = self.destination.port
        self.proxy.open = True
        self.controller.order(self.destination, "migrate_in", self.guest, self.name, job=job_in, peer="h1",
                              migration=new_guest(), memory_kib=128 * 1024, copy_storage=True)
        self.assert_moved(self.finish(job_in, job_out), expected=image)

    def test_whoever_is_killed_in_the_middle_one_copy_runs_and_the_image_is_whole(self):
        lot = random.Random(7)
        image = content(8, 24)
        self.create(disk(self.write(self.source, "disk.img", image)))
        for kind in ("s", "d", "sd"):
            job_in, job_out, repeat = self.order(bandwidth_mbps=400)
            self.wait_for_bytes(self.proxy.to_target + lot.randrange(1, 20) * MIB)
            for agent, letter in ((self.source, "s"), (self.destination, "d")):
                if letter in kind:
                    agent.kill()
                    self.controller.wait(lambda: agent.link is None, "its end")
                    agent.start()
            self.controller.wait(lambda: self.source.link and self.destination.link, "the agents to be back")
            self.proxy.target_port = self.destination.port
            repeat()
            result = self.finish(job_in, job_out)
            if result.state == SUCCEEDED:
                self.assert_moved(result, expected=image)
                return  # killed agents go on where they were
            self.assert_stayed(result, image)
        self.fail("an image did not get there through three kills")

    def test_a_flipped_bit_never_gets_into_a_guest(self):
        image = content(9, 12)
        self.create(disk(self.write(self.source, "disk.img", image)))
        lot = random.Random(10)
        for _ in range(3):
            at = self.proxy.to_target + lot.randrange(200_000, 12 * MIB)

            def harm(before, data, at=at):
                if before <= at < before + len(data):
                    data = bytearray(data)
                    data[at - before] ^= 1 << lot.randrange(8)
                return bytes(data)

            self.proxy.harm = harm
            result = self.migrate(deadline_ms=60000)
            if result.state == SUCCEEDED:
                self.assert_moved(result, expected=image)
                return
            self.assert_stayed(result, image)
        self.proxy.harm = None
        self.assert_moved(self.migrate(), expected=image)

    def test_a_limit_holds_and_can_be_lifted_and_the_transfer_called_off(self):
        image = content(11, 24)
        self.create(disk(self.write(self.source, "disk.img", image)))
        job_in, job_out, _ = self.order(bandwidth_mbps=8)
        self.controller.wait(lambda: job_out in self.source.updates and
                             self.source.updates[job_out].image_done_bytes > 0, "progress")
        update = self.source.updates[job_out]
        self.assertEqual((update.step, update.image_bytes), ("copying", 24 * MIB))
        self.assertGreater(update.time_left_ms, 0)
        self.controller.cancel(self.source, job_out)
        result = self.finish(job_in, job_out)
        self.assertEqual(result.state, CANCELLED)
        self.assert_stayed(result, image)
        # Ordered anew it goes on: the limit of 1 Mbit/s would make it last for minutes.
        job_in, job_out, _ = self.order(bandwidth_mbps=1)
        self.controller.wait(lambda: job_out in self.source.updates and
                             self.source.updates[job_out].step == "copying", "the copying")
        self.controller.limit(self.source, job_out, 0)
        self.assert_moved(self.finish(job_in, job_out), expected=image)

    def test_what_cannot_go_along_is_refused_before_anything_is_done(self):
        def refusal(*disks):
            guest = new_guest()
            self.controller.run(self.source, "create", guest, "fixed", spec=spec(guest, "fixed", disks=disks))
            update = self.controller.run(self.source, "migrate_out", guest, "fixed", peer="h2", address="127.0.0.1",
                                         port=1, mode=2, migration=new_guest(), copy_storage=True)
            self.controller.run(self.source, "destroy", guest, "fixed")
            self.assertEqual(update.state, FAILED)
            return update.fault

        inside = self.write(self.source, "inside.img", bytes(MIB))
        self.assertEqual(refusal(disk("/srv/elsewhere.img")), STORAGE_MISMATCH)
        self.assertEqual(refusal(disk(inside, form=1)), UNSUPPORTED)
        self.assertEqual(refusal(disk(inside), disk(self.path(self.source, "gone.img"), "xvdb")), UNSUPPORTED)
        # An image of the same name there is nobody's to overwrite.
        image = content(12, 1)
        self.create(disk(self.write(self.source, "disk.img", image)))
        self.write(self.destination, "disk.img", b"somebody else's")
        result = self.migrate()
        self.assertEqual((result.state, result.fault), (FAILED, ALREADY_EXISTS), result.detail)
        self.assertEqual(self.state(self.source), RUNNING)
        with open(self.path(self.destination, "disk.img"), "rb") as file:
            self.assertEqual(file.read(), b"somebody else's")

    def test_an_image_that_another_guest_has_as_well_is_not_taken_from_it_even_if_that_one_is_saved(self):
        image = content(14, 20)
        path = self.write(self.source, "disk.img", image)
        self.create(disk(path))
        other = new_guest()

        def on_other(kind, **more):
            return self.controller.run(self.source, kind, other, "other", **more)

        def refusal(of):
            self.assert_stayed(of, image)
            self.assertEqual(of.fault, UNSUPPORTED, of.detail)
            self.assertEqual(glob.glob(f"{path}.left-*"), [])
            return of.detail

        # It comes, and is saved, while the image travels.
        job_in, job_out, _ = self.order(bandwidth_mbps=40)
        self.wait_for_bytes(MIB)
        self.assertEqual(on_other("create", spec=spec(other, "other", disks=[disk(path)])).state, SUCCEEDED)
        self.assertEqual(on_other("save").state, SUCCEEDED)
        self.assertIn(".save has it", refusal(self.finish(job_in, job_out)))
        # It lies there, and then it runs.
        self.proxy.to_target = 0
        self.assertIn(".save has it", refusal(self.migrate()))
        self.assertEqual(self.proxy.to_target, 0, "refused before anything travels")
        self.assertEqual(on_other("restore").state, SUCCEEDED)
        self.assertIn("other has it", refusal(self.migrate()))
        self.assertEqual(on_other("destroy").state, SUCCEEDED)
        self.assert_moved(self.migrate(), expected=image)

    @unittest.skipUnless(os.geteuid() == 0, "a small file system needs root to be mounted")
    def test_a_destination_without_room_says_so_before_anything_travels(self):
        images = os.path.dirname(self.path(self.destination, "x"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", images], check=True)
        self.addCleanup(subprocess.run, ["umount", images], check=True)
        image = content(13, 40)
        self.create(disk(self.write(self.source, "disk.img", image)))
        result = self.migrate()
        self.assertEqual((result.state, result.fault), (FAILED, NO_DISK_SPACE), result.detail)
        self.assert_stayed(result, image)
        self.assertLess(self.proxy.to_target, 10_000)


if __name__ == "__main__":
    unittest.main()
