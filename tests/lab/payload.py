"""The tar that is laid over a host's root at boot: the way for files into a host without any installing.

Files are given as {path: content}; content is bytes, text, a pathlib.Path to copy, or a (content, mode) pair.
"""

import io
import pathlib
import tarfile

EXECUTABLE_FOLDERS = ("/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/", "/usr/local/")
SECRET_SUFFIXES = (".key", "-key.pem", "_key")


def _mode_of(path):
    if path.startswith(EXECUTABLE_FOLDERS):
        return 0o755
    return 0o600 if path.endswith(SECRET_SUFFIXES) or "/.ssh/" in path else 0o644


def _bytes_of(content):
    if isinstance(content, pathlib.Path):
        return content.read_bytes()
    return content.encode() if isinstance(content, str) else content


def write(target, files, enabled_units=()):
    """Writes the tar. Only files and links are in it: folders are made on the way, the image's own are kept."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in sorted(files.items()):
            content, mode = content if isinstance(content, tuple) else (content, _mode_of(path))
            data = _bytes_of(content)
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
        for unit in enabled_units:
            entry = tarfile.TarInfo(f"etc/systemd/system/multi-user.target.wants/{unit}")
            entry.type, entry.linkname = tarfile.SYMTYPE, f"/lib/systemd/system/{unit}"
            tar.addfile(entry)
