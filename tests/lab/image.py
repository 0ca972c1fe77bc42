#!/usr/bin/env python3
"""Builds the lab's dom0 image, once per recipe and package versions, into a cache outside the tree.

Prints the folder that holds it:
  root.img           ext4 root of every host (hosts use it as the backing file of an overlay)
  vmlinux, initrd    dom0's kernel, unpacked, and a first stage that mounts the root
  xen-shadow         a hypervisor with shadow paging (PV guests can be migrated live); may be missing
  xen-noshadow       one without it (PV guests only by stop-and-copy); may be missing
  manifest.json      versions, and why a hypervisor is missing

  image.py [--cache DIR] [--key]
"""

import argparse
import contextlib
import fcntl
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import kernel
import recipe

DEFAULT_CACHE = os.environ.get("BALLAST_LAB_CACHE", "/var/cache/ballast-lab")
NEEDED_TOOLS = {"mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs", "dpkg-deb": "dpkg"}
IMAGE_SIZE = "3G"
KEPT_IMAGES = 3


@contextlib.contextmanager
def step(what):
    begin = time.monotonic()
    print(f"image: {what} ...", file=sys.stderr, flush=True)
    yield
    print(f"image: {what}: {time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)


def check_tools():
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    missing = [package for tool, package in NEEDED_TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise SystemExit(f"image: please install: {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("image: building the dom0 image needs root")


def build_tree(tree, work):
    sources = work / "sources.list"
    sources.write_text("\n".join(recipe.debian_sources()) + "\n")
    options = ["--mode=root", "--variant=minbase", "--include=" + ",".join(recipe.PACKAGES),
               "--dpkgopt=force-unsafe-io", '--aptopt=Apt::Install-Recommends "false"']
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info")]
    codename = recipe.run("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME").strip()
    log = work / "mmdebstrap.log"
    with log.open("w") as out:
        done = subprocess.run(["mmdebstrap", *options, codename, tree, sources], stdout=out, stderr=out)
    if done.returncode != 0:
        raise SystemExit("image: mmdebstrap failed:\n" + "\n".join(log.read_text().splitlines()[-30:]))


def download(packages, folder):
    """Packages that are unpacked, not installed: their scripts would build initramfs and boot menus."""
    # apt's download user must be able to write here.
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    subprocess.run(["apt-get", "-q", "download", *packages], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def add_kernel(tree, work):
    """Puts the kernel's modules into the tree; returns the kernel's release and its unpacked ELF."""
    download([recipe.kernel_package()], work / "kernel-deb")
    unpacked = work / "kernel"
    subprocess.run(["dpkg-deb", "-x", next((work / "kernel-deb").glob("*.deb")), unpacked], check=True)
    release = next((unpacked / "lib/modules").iterdir()).name
    (tree / "usr/lib/modules").mkdir(exist_ok=True)
    (unpacked / "lib/modules" / release).rename(tree / "usr/lib/modules" / release)
    kernel.keep_only_modules(tree, release, recipe.DOM0_MODULES + recipe.GUEST_MODULES)
    return release, kernel.extract_vmlinux(unpacked / f"boot/vmlinuz-{release}")


def add_hypervisors(out, work):
    """One hypervisor of each kind, the newest that the archives have. Says what is missing, and why."""
    versions = recipe.hypervisor_versions()
    found = {}
    for number, version in enumerate(versions):
        folder = work / f"xen-{number}"
        download([f"{recipe.HYPERVISOR}={version}"], folder)
        subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")), folder], check=True)
        config = next((folder / "boot").glob("xen-*.config")).read_text()
        kind = "shadow" if "CONFIG_SHADOW_PAGING=y" in config else "noshadow"
        if kind not in found:
            found[kind] = {"version": version}
            (out / f"xen-{kind}").write_bytes(gzip.decompress(next((folder / "boot").glob("xen-*.gz")).read_bytes()))
    for kind in ("shadow", "noshadow"):
        if kind not in found:
            found[kind] = {"missing": f"no {kind} build among {recipe.HYPERVISOR} {', '.join(versions)}"}
            print(f"image: WARNING: {found[kind]['missing']}", file=sys.stderr, flush=True)
    return found


def compile_static(folder, program):
    compiler = next((name for name in ("gcc-12", "gcc", "cc") if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit("image: please install: gcc libc6-dev")
    sources = sorted((recipe.HERE / folder).glob("*.c"))
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-static", "-s", "-o", program, *sources], check=True)
    return program


def configure(tree):
    shutil.copytree(recipe.HERE / "dom0", tree, dirs_exist_ok=True)
    system = tree / "etc/systemd/system"
    generators = tree / "etc/systemd/system-generators"
    generators.mkdir(exist_ok=True)
    masked = [system / unit for unit in recipe.MASKED_UNITS] + [generators / name for name in recipe.MASKED_GENERATORS]
    for path in masked:
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")
    for folder in system.glob("*.wants"):
        shutil.rmtree(folder)
    wants = system / "multi-user.target.wants"
    wants.mkdir()
    for unit in recipe.ENABLED_UNITS:
        (wants / unit).symlink_to(f"/etc/systemd/system/{unit}")
    (system / "default.target").unlink(missing_ok=True)
    (system / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    # Scripts of System V times would be turned into units, and started, by a generator.
    for name in ("xen", "xendomains", "ssh", "udev", "kmod", "procps", "hwclock.sh"):
        (tree / "etc/init.d" / name).unlink(missing_ok=True)
    for name in ("fstab", "motd"):
        (tree / "etc" / name).write_text("")
    subprocess.run(["chroot", tree, "passwd", "-q", "-d", "root"], check=True)
    for path in (tree / "etc/ssh").glob("ssh_host_*"):
        path.unlink()


def build(out, work):
    tree = work / "tree"
    with step("packages of dom0"):
        build_tree(tree, work)
    with step("kernel"):
        release, vmlinux = add_kernel(tree, work)
        (out / "vmlinux").write_bytes(vmlinux)
        (out / "initrd").write_bytes(kernel.dom0_initrd(tree, release))
    with step("hypervisors"):
        hypervisors = add_hypervisors(out, work)
    with step("guest and clock programs"):
        guest = tree / "usr/lib/ballast-lab/guest"
        guest.mkdir(parents=True)
        (guest / "vmlinuz").write_bytes(vmlinux)
        (guest / "initrd").write_bytes(kernel.guest_initrd(tree, release, compile_static("guest", work / "guest-init")))
        configure(tree)
        compile_static("clock", tree / "usr/lib/ballast-lab/set_clock")
    with step("file system"):
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=16", "-E", "lazy_itable_init=1",
                        "-d", tree, out / "root.img", IMAGE_SIZE], check=True, stdout=subprocess.DEVNULL)
    manifest = {"kernel": release, "hypervisors": hypervisors,
                "packages": recipe.candidates()}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1))


def prune(cache, current):
    """Old images go, the newest few stay: another branch may still use them."""
    images = sorted((path for path in cache.glob("image-*") if path != current), key=lambda path: path.stat().st_mtime)
    for path in images[:-(KEPT_IMAGES - 1)]:
        shutil.rmtree(path, ignore_errors=True)


def ensure(cache=DEFAULT_CACHE):
    """Returns the folder of the image for this recipe, building it when it is not there."""
    cache = pathlib.Path(cache)
    recipe.refresh_lists_when_empty()
    image = cache / f"image-{recipe.key()}"
    if image.exists():
        return image
    check_tools()
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if image.exists():  # someone else built it while this one waited
            return image
        for leftover in cache.glob("building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with step("the whole image"), tempfile.TemporaryDirectory(dir=cache, prefix="building-") as work:
            work = pathlib.Path(work)
            work.chmod(0o755)
            (work / "out").mkdir()
            build(work / "out", work)
            (work / "out").rename(image)
        prune(cache, image)
    return image


def main():
    parser = argparse.ArgumentParser(description="builds the lab's dom0 image when it is not in the cache")
    parser.add_argument("--cache", default=DEFAULT_CACHE)
    parser.add_argument("--key", action="store_true", help="only print the key of the image")
    arguments = parser.parse_args()
    print(recipe.key() if arguments.key else ensure(arguments.cache))


if __name__ == "__main__":
    main()
