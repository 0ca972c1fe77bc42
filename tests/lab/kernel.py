"""Kernels, modules and initramfs images of the lab's hosts and guests."""

import lzma
import pathlib
import struct
import subprocess

import cpio
import recipe


def extract_vmlinux(bzimage):
    """The ELF inside a bzImage: unpacking it once here saves every boot under emulation the work."""
    data = pathlib.Path(bzimage).read_bytes()
    setup_sectors = data[0x1F1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = data[start:start + length]
    if payload[:6] != b"\xfd7zXZ\0":
        raise SystemExit(f"image: {bzimage} is not xz-compressed: teach kernel.py its format")
    return lzma.LZMADecompressor().decompress(payload)


def modules_with_dependencies(tree, release, names):
    """Paths (relative to the tree) of modules and of what they need, in loading order."""
    paths = []
    for name in names:
        # The tree's own kmod is used: the building machine need not have one.
        shown = recipe.run("chroot", tree, "modprobe", "--set-version", release, "--show-depends", name)
        for line in shown.splitlines():
            if line.startswith("insmod "):
                path = line.split()[1].lstrip("/")
                if path not in paths:
                    paths.append(path)
    return paths


def keep_only_modules(tree, release, names):
    """Throws away the 300 MB of modules that no emulated machine can use."""
    subprocess.run(["chroot", tree, "depmod", release], check=True)
    kept = {(tree / path).resolve() for path in modules_with_dependencies(tree, release, names)}
    for path in (tree / "lib/modules" / release).rglob("*.ko"):
        if path.resolve() not in kept:
            path.unlink()
    subprocess.run(["chroot", tree, "depmod", release], check=True)


def _with_modules(archive, tree, release, names):
    lines = []
    archive.folder("modules")
    for path in modules_with_dependencies(tree, release, names):
        name = pathlib.Path(path).name
        archive.file(f"modules/{name}", (tree / path).read_bytes())
        lines.append(f"/modules/{name}\n")
    archive.file("modules.txt", "".join(lines).encode())


def dom0_initrd(tree, release):
    archive = cpio.Archive()
    for folder in ("bin", "dev"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    archive.file("bin/busybox", (tree / "bin/busybox").read_bytes(), 0o755)
    archive.file("init", (recipe.HERE / "dom0/usr/lib/ballast-lab/initrd-init").read_bytes(), 0o755)
    _with_modules(archive, tree, release, recipe.INITRD_MODULES)
    return archive.content()


def guest_initrd(tree, release, program):
    archive = cpio.Archive()
    for folder in ("dev", "proc", "sys", "sbin"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.file("init", pathlib.Path(program).read_bytes(), 0o755)
    for name in ("poweroff", "reboot"):
        archive.link(f"sbin/{name}", "/init")
    _with_modules(archive, tree, release, recipe.GUEST_MODULES)
    return archive.content()
