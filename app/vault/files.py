"""Files that are written whole or not at all, and the lock that steps on many of them share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_new(path: Path, content: bytes) -> bool:
    """Create a file of mode 0600, whole or not at all; False where the name is taken."""
    partial = _written(path, content)
    try:
        os.link(partial, path)  # fails where the name is taken, unlike rename
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def replace(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in the place of another: readers see the old or the new, whole."""
    partial = _written(path, content)
    try:
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sweep(folder: Path, name: str) -> None:
    """Remove what writers that were killed left of this file (a pattern). No writer may run."""
    for partial in folder.glob(f".{name}.*"):
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, so that a power cut takes none back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[os.stat_result]:
    """Hold a lock file, alone or with others who share it; gives what the file is.

    Each call opens the file anew, so that threads of one process exclude each other too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, content: bytes) -> Path:
    partial = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return partial
