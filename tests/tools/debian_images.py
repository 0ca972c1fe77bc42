"""Disk images of Debian systems, made from the packages of any release that the mirror has, without installing them.

Each release has apt state of its own below the cache, so that what this machine runs plays no part. Nothing of a
package is executed: its files are unpacked and put into an ext4 file system.
"""

import os
import pathlib
import shutil
import subprocess
import zlib

CACHE = pathlib.Path(os.environ.get("BALLAST_IMAGE_CACHE", "/var/cache/ballast-images"))
MIRROR = "http://deb.debian.org/debian"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
# A small server: a system that boots, and what such guests are for.
SERVER = ("bash", "coreutils", "apt", "systemd-sysv", "openssh-server", "nginx", "postgresql", "python3", "git",
          "linux-image-cloud-amd64")


class Unreachable(Exception):
    """The mirror, or this release on it."""


class Release:
    """One release of Debian, by its code name."""

    def __init__(self, name, cache=CACHE):
        self.folder = cache / name
        self.debs = self.folder / "debs"
        for folder in ("lists/partial", "debs/partial", "none/partial", "parts"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {name} main\n")

    def _apt(self, *words, archives=None):
        settings = {"Dir::State": self.folder, "Dir::State::status": self.folder / "status", "Dir::Cache": self.folder,
                    "Dir::Cache::archives": archives or self.debs, "Dir::Etc::sourcelist": self.folder / "sources.list",
                    "Dir::Etc::sourceparts": self.folder / "parts", "Debug::NoLocking": "1",
                    "APT::Sandbox::User": "root"}
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        done = subprocess.run(["apt-get", "-q", *options, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Unreachable(f"{self.folder.name}: {done.stderr.strip().splitlines()[-1:]}")
        return done.stdout

    def _needed(self, packages):
        # It leaves out what it has downloaded before, so it is shown a folder in which nothing is.
        lines = self._apt("install", "-y", "--no-install-recommends", "--print-uris", *packages,
                          archives=self.folder / "none").splitlines()
        return [line.split()[1] for line in lines if line.startswith("'")]

    def closure(self, packages=SERVER):
        """The files of these packages and all that they need, by package, downloaded when they are not here yet."""
        if not any((self.folder / "lists").glob("*Packages*")):
            self._apt("update")
        needed = self._needed(packages)
        missing = [name for name in needed if not (self.debs / name).exists()]
        if missing:
            self._apt("install", "-y", "--no-install-recommends", "--download-only", *packages)
        return {name.split("_")[0]: self.debs / name for name in needed}


def unpack(packages, tree):
    """`packages`: files by name, or a sequence of them."""
    tree.mkdir()
    for deb in packages.values() if isinstance(packages, dict) else packages:
        subprocess.run(["dpkg-deb", "--extract", deb, tree], check=True, stderr=subprocess.DEVNULL)


def unpacked_bytes(deb):
    text = subprocess.run(["dpkg-deb", "--field", deb, "Installed-Size"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    return int(text or 0) * 1024


def filesystem(tree, image, image_bytes, *options):
    """An ext4 file system with what lies below `tree`, which is used up. `options`: mkfs.ext4's."""
    with open(image, "wb") as out:
        out.truncate(image_bytes)
    subprocess.run(["mkfs.ext4", "-q", "-F", *options, "-d", tree, image], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def partly_newer(old, new, newer_share):
    """The packages `old`, with about `newer_share` of their bytes in the versions of `new` where those differ."""
    sizes = {name: unpacked_bytes(deb) for name, deb in old.items()}
    wanted = newer_share * sum(sizes.values())
    mixed = dict(old)
    # In an order that depends on the names alone, and not on their beginnings.
    for name in sorted(sizes, key=lambda name: zlib.crc32(name.encode())):
        if name in new and new[name].name != old[name].name and 0 < sizes[name] <= wanted:
            mixed[name] = new[name]
            wanted -= sizes[name]
    return mixed
