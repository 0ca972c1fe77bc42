"""What the lab's dom0 image is made of, and the key under which a built one is kept."""

import functools
import hashlib
import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent

PACKAGES = [
    "systemd-sysv", "kmod", "iproute2", "openssh-server", "socat", "procps", "busybox-static",
    "xen-utils-4.17", "xen-utils-common", "xenstore-utils", "qemu-system-xen",
    # what the agent is linked with
    "libxenmisc4.17", "libxenstore4", "libprotobuf-lite32", "libgnutls30", "libzstd1", "liblz4-1", "libev4",
    "libfmt9", "libstdc++6", "libxxhash0",
]
HYPERVISOR = "xen-hypervisor-4.17-amd64"

# Kernel modules by directory or file under kernel/; what they need comes along.
INITRD_MODULES = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"]
GUEST_MODULES = ["xen-blkfront", "xen-netfront", "xen-fbfront"]
DOM0_MODULES = INITRD_MODULES + [
    "virtio_net", "bridge", "8021q", "tun", "loop", "dummy", "sch_netem", "sch_tbf", "xenfs", "xen-privcmd",
    "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-netback", "xen-blkback", "aesni-intel", "9p", "9pnet_virtio",
]

# Units that cost time at boot and give nothing to a machine that lives for minutes.
MASKED_UNITS = """
    systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket
    systemd-logind.service systemd-random-seed.service systemd-update-utmp.service
    systemd-update-utmp-runlevel.service systemd-remount-fs.service systemd-sysusers.service
    systemd-journal-flush.service systemd-journal-catalog-update.service systemd-update-done.service
    systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pstore.service ldconfig.service
    systemd-machine-id-commit.service systemd-firstboot.service systemd-binfmt.service
    systemd-hwdb-update.service systemd-repart.service systemd-boot-system-token.service
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-initctl.socket
    systemd-user-sessions.service systemd-tmpfiles-clean.timer apt-daily.timer apt-daily-upgrade.timer
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service
    getty-static.service getty.target xendomains.service procps.service systemd-sysctl.service hwclock.service
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount kmod-static-nodes.service systemd-tmpfiles-setup-dev.service
    modprobe@configfs.service modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service
    systemd-networkd.service systemd-resolved.service systemd-timesyncd.service cryptsetup.target
""".split()
# Each generator is a process that looks for something a lab host does not have.
MASKED_GENERATORS = """
    systemd-bless-boot-generator systemd-cryptsetup-generator systemd-debug-generator systemd-fstab-generator
    systemd-getty-generator systemd-gpt-auto-generator systemd-hibernate-resume-generator
    systemd-integritysetup-generator systemd-rc-local-generator systemd-run-generator
    systemd-system-update-generator systemd-sysv-generator systemd-veritysetup-generator
""".split()
ENABLED_UNITS = ["xen.service", "srv-ballast.mount", "lab-network.service", "lab-console.service", "lab-ready.service", "ssh.service"]


def run(*command, **options):
    """Runs a command and returns what it printed."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def debian_sources():
    """The machine's own Debian sources, as one-line entries for the tree to be built."""
    entry = ("$(ORIGIN) deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
             "$(REPO_URI) $(RELEASE) $(COMPONENT)")
    lines = run("apt-get", "indextargets", "--format", entry, "Created-By: Packages").splitlines()
    return [line.removeprefix("Debian ") for line in lines if line.startswith("Debian ")]


@functools.cache
def candidates():
    """Package -> the version that would be installed today (None: not in the archives), in one slow question."""
    versions, package = {}, None
    for line in run("apt-cache", "policy", *PACKAGES).splitlines():
        if not line.startswith(" "):
            package = line.rstrip(":")
        elif line.strip().startswith("Candidate:"):
            version = line.split(":", 1)[1].strip()
            versions[package] = None if version == "(none)" else version
    return versions


@functools.cache
def hypervisor_versions():
    """All versions of the hypervisor that the configured archives carry, newest first."""
    lines = run("apt-cache", "madison", HYPERVISOR).splitlines()
    return list(dict.fromkeys(line.split("|")[1].strip() for line in lines if line.count("|") == 2))


@functools.cache
def kernel_package():
    """The kernel that Debian's meta package points to."""
    for line in run("apt-cache", "depends", "linux-image-amd64").splitlines():
        if "Depends: linux-image-" in line:
            return line.split(":", 1)[1].strip()
    raise SystemExit("image: no linux-image-amd64 in the configured archives")


def refresh_lists_when_empty():
    """A fresh machine has no package lists at all."""
    if candidates().get("xen-utils-4.17") is None:
        run("apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "update")
        candidates.cache_clear()


def key():
    """Changes with every file that shapes the image and with the version of every package asked for."""
    digest = hashlib.sha256()
    parts = [HERE / name for name in ("recipe.py", "image.py", "kernel.py", "cpio.py")]
    for folder in ("dom0", "guest", "clock"):
        parts += sorted(path for path in (HERE / folder).rglob("*") if path.is_file())
    for path in parts:
        digest.update(f"{path.relative_to(HERE)} {path.stat().st_mode & 0o777:o}\n".encode() + path.read_bytes())
    digest.update(json.dumps([candidates(), kernel_package(), hypervisor_versions()]).encode())
    return digest.hexdigest()[:16]
