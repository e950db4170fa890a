"""Hot columns that were lost or damaged, derived from the table again."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from swath.archive import hot_writer
from swath.archive.hot import Hot
from swath.archive.lease import Lease
from swath.archive.lock import LockedError
from swath.archive.pointer import Pointer
from swath.archive.table import Table
from swath.archive.writer import RefusedError, Writer, check_table
from swath.errors import ArchiveError

_LOG = logging.getLogger(__name__)


def rebuild(folder: Path, pointer: Pointer) -> Hot:
    """The rows that a pointer names, freshly derived.

    Written into the archive where that can be, so that it is paid once; else (read-only folder, full disk, a
    writer at work) into a temporary folder that goes with this process. Raises `ArchiveError` where there is
    no room for that either, and for a damaged table.
    """
    _LOG.warning("the hot columns of %s are missing or damaged: deriving them from its table again", folder)
    try:
        with Writer(folder) as writer:
            # Another process may have mended them, or committed, while this one noticed and took the lock.
            if writer.pointer.hot == pointer.hot:
                writer.rebuild_hot()
            if writer.pointer.tiles == pointer.tiles and writer.pointer.version == pointer.version:
                return Hot(folder, writer.pointer.hot)
    except (LockedError, RefusedError):
        _LOG.info("%s cannot be written to now: the derived columns are kept for this process only", folder)
    try:
        with tempfile.TemporaryDirectory(prefix="swath-") as name, Lease(folder, pointer.version):
            check_table(folder, pointer)
            table = Table(folder, pointer.version, pointer.geometry)
            state = hot_writer.build(Path(name), pointer.hot.generation, pointer.geometry, table.scan())
            return Hot(Path(name), state)  # mapped: it outlives the folder
    except OSError as error:
        raise ArchiveError(
            f"the hot columns of {folder} are damaged, and there is no place to derive them again "
            f"({error.strerror or error}): make room there, or name a folder with room in TMPDIR"
        ) from error
