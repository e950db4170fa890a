"""Commits: the one place that changes an archive, under its lock."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec

from swath.archive import formats, hot_writer, pointer, table
from swath.archive.files import Sum, checksum, is_as, sync_file, sync_folder
from swath.archive.found import ENCODERS, REPLACED, copy_encoder, reference
from swath.archive.hot import DamagedHotError, Hot
from swath.archive.hot_writer import HotWriter
from swath.archive.lease import leased
from swath.archive.lock import LockedError, WriterLock
from swath.archive.pointer import ANSWERS_WITH, Pointer
from swath.archive.rows import Geometry, Rows, Source
from swath.archive.table import Table
from swath.errors import ArchiveError
from swath.types import Encoder

STAGING = "reencode"
"""Folder of the archives in which signals of other encoders are built, named by their revision."""

_SPARED = 3600.0
"""Seconds for which whoever opened the archive before may still load the encoder that was replaced."""
_FRAGMENTS_WHILE_ADDING = 256
_FRAGMENTS_AFTERWARDS = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What the pointer says beside the rows themselves."""

    roots: tuple[str, ...]
    files: int
    partial: tuple[str, ...]


class RefusedError(ArchiveError):
    """The disk did not take what was to be written."""


class Writer:
    """Context manager that holds an archive for writing.

    Raises `LockedError` where another writer does or the archive has an older format, and `RefusedError`
    where the disk refuses; what was acknowledged before stays as it was, and the next writer goes on from
    there. With `upgrade` an older format is brought forward first.
    """

    def __init__(self, folder: Path, *, upgrade: bool = False) -> None:
        self.folder = folder
        self._upgrade = upgrade
        self._stack = ExitStack()

    def __enter__(self) -> Writer:
        with ExitStack() as stack:
            self.pointer = pointer.read(self.folder)
            stack.enter_context(WriterLock(self.folder))
            self.pointer = pointer.read(self.folder)  # again: it may have changed before the lock was ours
            if self.pointer.format < formats.FORMAT and not self._upgrade:
                raise LockedError(
                    f"the archive {self.folder} has format {self.pointer.format}: it can be searched; "
                    f"`swath upgrade {self.folder}` brings it to format {formats.FORMAT}, to be changed"
                )
            with self._told():
                self._recover()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def facts(self) -> Facts:
        """As they were acknowledged last."""
        return Facts(self.pointer.roots, self.pointer.files, self.pointer.partial)

    def append(self, rows: Rows, kinds: Mapping[str, str], facts: Facts) -> None:
        """Commit new tiles; `kinds` says what their attributes are."""
        with self._told():
            self.table.append(rows, kinds)
            self._hot.append(rows)
            self._hot.sync()
            self._acknowledge(facts)
            if self._compact(_FRAGMENTS_WHILE_ADDING):
                self._acknowledge(facts)
                self._clean()

    def finish(
        self, changes: Mapping[str, Sequence[Source]], facts: Facts, removed: Sequence[str] = ()
    ) -> None:
        """Commit other sources of tiles that are there, remove those without any, and tidy up.

        `removed` are ids of tiles that go although their file stays.
        """
        with self._told():
            if changes or removed:
                self.table.set_sources(changes)
                self.table.remove(removed)
                self._compact(_FRAGMENTS_AFTERWARDS)
                self._new_generation()
                self._acknowledge(facts)
            elif self._compact(_FRAGMENTS_AFTERWARDS) or facts != self.facts:
                self._acknowledge(facts)
            self._clean()

    def switch(self, encoder: Encoder, shapes: Geometry, rows: Iterable[Rows], facts: Facts) -> None:
        """Commit another encoder, and rows with its signals in the place of all that are there."""
        with self._told():
            old = self.folder / ENCODERS / self.pointer.encoder.revision
            copy = copy_encoder(encoder.folder, encoder.revision, self.folder)
            self.table.rewrite(shapes, rows)
            self.pointer = msgspec.structs.replace(
                self.pointer,
                encoder=reference(encoder),
                geometry=shapes,
                sums=_of_table(self.pointer) | copy,
            )
            self._new_generation()
            self._acknowledge(facts)
            (self.folder / ANSWERS_WITH).unlink(missing_ok=True)
            if old.is_dir():
                (old / REPLACED).touch()
            self._clean()

    def rebuild_hot(self) -> None:
        """Derive the hot columns from the table again."""
        with self._told():
            check_table(self.folder, self.pointer)
            self._new_generation()
            self._acknowledge(self.facts)
            self._clean()

    def _recover(self) -> None:
        """Start from what the pointer names, whatever a writer that was killed left behind it."""
        self.table = Table(self.folder, self.pointer.version, self.pointer.geometry)
        self.table.discard_newer()
        self._hot = HotWriter(self.folder, self.pointer.hot)
        usable = self.pointer.format == formats.FORMAT
        try:
            Hot(self.folder, self.pointer.hot)
        except DamagedHotError:
            usable = False
        if not usable:
            check_table(self.folder, self.pointer)
            self._new_generation()
        if self.table.version != self.pointer.version or self._hot.state != self.pointer.hot:
            self._acknowledge(self.facts)
        hot_writer.clean(self.folder, self.pointer.hot.generation)
        shutil.rmtree(self.folder / STAGING / self.pointer.encoder.revision, ignore_errors=True)

    def _clean(self) -> None:
        hot_writer.clean(self.folder, self.pointer.hot.generation)
        self.table.clean(leased(self.folder))
        for mark in (self.folder / ENCODERS).glob(f"*/{REPLACED}"):
            if mark.stat().st_mtime < time.time() - _SPARED:
                shutil.rmtree(mark.parent)

    def _compact(self, most: int) -> bool:
        before = self.table.version
        if self.table.compact(most):
            # The hot rows are in the order of the table's.
            self._new_generation()
        return self.table.version != before

    def _new_generation(self) -> None:
        generation = hot_writer.next_generation(self.folder)
        state = hot_writer.build(self.folder, generation, self.pointer.geometry, self.table.scan())
        self._hot = HotWriter(self.folder, state)

    def _acknowledge(self, facts: Facts) -> None:
        known = self.pointer.sums
        files = {path.relative_to(self.folder).as_posix(): path for path in self.table.files()}
        # What was read to be written again is compared before its copy is vouched for.
        gone = {name: total for name, total in _of_table(self.pointer).items() if name not in files}
        check_files(self.folder, {name: total for name, total in gone.items() if not _is_history(name)})
        sums = {name: total for name, total in known.items() if not _is_of_table(name)}
        sizes = self.table.sizes()
        for name, path in files.items():
            if name not in known:
                # The table does not make its files durable by itself.
                sync_file(path)
                sync_folder(path.parent)
            sums[name] = known.get(name) or checksum(path)
            if sums[name].size != sizes.get(path, sums[name].size):
                raise OSError(errno.EIO, f"the disk did not keep all of {path.name}")
        self.pointer = pointer.write(
            self.folder,
            msgspec.structs.replace(
                self.pointer,
                format=formats.FORMAT,
                committed=datetime.now(UTC).isoformat(timespec="milliseconds"),
                version=self.table.version,
                tiles=self._hot.state.rows,
                files=facts.files,
                roots=facts.roots,
                partial=facts.partial,
                attributes=self.table.kinds,
                hot=self._hot.state,
                sums=sums,
            ),
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = error.strerror or str(error).partition("\n")[0]
            raise RefusedError(
                f"cannot write to the archive {self.folder}: {what}; what was committed before is safe and "
                "can be searched: make room or mend the disk, then run this again to go on"
            ) from error


def check_table(folder: Path, state: Pointer) -> None:
    """Raise `ArchiveError` unless the table is, byte by byte, what the pointer vouches for."""
    check_files(folder, _of_table(state))


def check_files(folder: Path, sums: Mapping[str, Sum]) -> None:
    """Raise `ArchiveError` for the first file that is not what a pointer vouches for."""
    for name, expected in sums.items():
        if not is_as(folder / name, expected):
            raise ArchiveError(
                f"{folder / name} is damaged: `swath verify {folder}` says what else is; put back a copy of "
                "the archive, or index its sources into a new one"
            )


def _of_table(state: Pointer) -> dict[str, Sum]:
    return {name: total for name, total in state.sums.items() if _is_of_table(name)}


def _is_of_table(name: str) -> bool:
    return name.startswith(f"{table.FOLDER}/")


def _is_history(name: str) -> bool:
    """Whether a file says what happened (every version has its own), and holds no rows."""
    return name.startswith((f"{table.FOLDER}/_versions/", f"{table.FOLDER}/_transactions/"))
