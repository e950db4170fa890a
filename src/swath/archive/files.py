"""Files that are whole or absent, even after a crash, and checksums that tell when they are not."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

_BLOCK = 1 << 20


class Sum(msgspec.Struct, frozen=True, array_like=True):
    """Size in bytes and CRC-32 of a file's first `size` bytes.

    A CRC finds accidents (any single flipped byte, torn and lost writes), not forgery; it was chosen
    because it can be continued when a file grows and costs half a second per GiB.
    """

    size: int
    crc: int


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make what was written to a file survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that any reader, also after a crash, sees the old content or the new one whole."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)  # noqa: PTH105  one seam with os.fsync for the tests that inject faults
    sync_folder(path.parent)


def checksum(path: Path) -> Sum:
    """Sum of a whole file. Raises `OSError`."""
    size = crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
            size += len(block)
    return Sum(size, crc)


def is_as(path: Path, expected: Sum) -> bool:
    """Whether a file is there, as long as it should be, and with that content."""
    try:
        return path.stat().st_size == expected.size and checksum(path) == expected
    except FileNotFoundError:
        return False


def checksums(root: Path, files: Iterable[Path]) -> dict[str, Sum]:
    """Sums of files by their POSIX path relative to `root`."""
    return {file.relative_to(root).as_posix(): checksum(file) for file in files}


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder (0 where there is none)."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118  hot in large archives
            except FileNotFoundError:  # a writer replaced it meanwhile
                continue
    return total
