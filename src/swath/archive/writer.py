"""Commits: the one place that changes an archive, under its lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec

from swath.archive import hot_writer, pointer
from swath.archive.files import checksum, sync_file, sync_folder
from swath.archive.hot import DamagedHotError, Hot
from swath.archive.hot_writer import HotWriter
from swath.archive.lock import WriterLock
from swath.archive.rows import Rows, Source
from swath.archive.table import Table
from swath.errors import ArchiveError

_FRAGMENTS_WHILE_ADDING = 256
_FRAGMENTS_AFTERWARDS = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What the pointer says beside the rows themselves."""

    roots: tuple[str, ...]
    files: int
    partial: tuple[str, ...]


class Writer:
    """Context manager that holds an archive for writing.

    Raises `LockedError` where another writer does, and `ArchiveError` where the disk refuses; what was
    acknowledged before stays as it was, and the next writer goes on from there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Writer:
        with ExitStack() as stack:
            self.pointer = pointer.read(self.folder)
            stack.enter_context(WriterLock(self.folder))
            self.pointer = pointer.read(self.folder)  # again: it may have changed before the lock was ours
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
                self.table.clean()

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
                hot_writer.clean(self.folder, self.pointer.hot.generation)
            elif self._compact(_FRAGMENTS_AFTERWARDS) or facts != self.facts:
                self._acknowledge(facts)
            self.table.clean()

    def rebuild_hot(self) -> None:
        """Derive the hot columns from the table again."""
        with self._told():
            self._new_generation()
            self._acknowledge(self.facts)
            hot_writer.clean(self.folder, self.pointer.hot.generation)

    def _recover(self) -> None:
        """Start from what the pointer names, whatever a writer that was killed left behind it."""
        self.table = Table(self.folder, self.pointer.version, self.pointer.geometry)
        self.table.discard_newer()
        self._hot = HotWriter(self.folder, self.pointer.hot)
        try:
            Hot(self.folder, self.pointer.hot)
        except DamagedHotError:
            self._new_generation()
        if self.table.version != self.pointer.version or self._hot.state != self.pointer.hot:
            self._acknowledge(self.facts)
        hot_writer.clean(self.folder, self.pointer.hot.generation)

    def _compact(self, most: int) -> bool:
        before = self.table.version
        self.table.compact(most)
        return self.table.version != before

    def _new_generation(self) -> None:
        generation = hot_writer.next_generation(self.folder)
        state = hot_writer.build(self.folder, generation, self.pointer.geometry, self.table.scan())
        self._hot = HotWriter(self.folder, state)

    def _acknowledge(self, facts: Facts) -> None:
        known = self.pointer.sums
        sums = {path: total for path, total in known.items() if not path.startswith("tiles.lance/")}
        for path in self.table.files():
            name = path.relative_to(self.folder).as_posix()
            if name not in known:
                # The table does not make its files durable by itself.
                sync_file(path)
                sync_folder(path.parent)
            sums[name] = known.get(name) or checksum(path)
        self.pointer = pointer.write(
            self.folder,
            msgspec.structs.replace(
                self.pointer,
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
            raise ArchiveError(
                f"cannot write to the archive {self.folder}: {error.strerror or error}; what was committed "
                "before is safe and can be searched: make room or mend the disk, then run this again to go on"
            ) from error
