"""Bringing an archive of an older format forward."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swath.archive import formats, pointer
from swath.archive.writer import Writer


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """Formats before and after; the same where there was nothing to do."""

    before: int
    after: int


def upgrade(folder: Path) -> UpgradeReport:
    """Bring the archive to the present format, in one commit. Nothing is written where it has that already.

    Raises `ArchiveError` for a newer format, while another process writes, and where the disk refuses.
    """
    before = pointer.read(folder).format
    if before < formats.FORMAT:
        with Writer(folder, upgrade=True):
            pass  # a writer starts by recovering what is there, in the present format
    return UpgradeReport(before, pointer.read(folder).format)
