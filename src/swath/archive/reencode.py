"""Another encoder for an archive: its signals are built beside the old ones, which answer until the switch.

They are built from the original pixels, in an archive of their own inside the archive, by the code that adds
imagery: so they are committed every few seconds, and a process that was killed is continued by the next. A
tile has the same id whichever encoder it meets. Then one commit puts the new signals in the place of the old.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from swath import imagery
from swath.archive import pointer
from swath.archive.builder import COMMIT_EVERY, Builder
from swath.archive.catalogue import Roots
from swath.archive.edit import plan_removal
from swath.archive.found import found
from swath.archive.lease import Lease
from swath.archive.lock import WriterLock
from swath.archive.pointer import Pointer
from swath.archive.rows import Geometry, Rows, Source, original
from swath.archive.store import Store
from swath.archive.table import Table
from swath.archive.writer import STAGING, Writer
from swath.errors import ArchiveError, InputError
from swath.imagery import Remote, SourceFile, Tiling
from swath.types import Encoder, Progress


@dataclass(frozen=True, slots=True)
class ReencodeReport:
    """What became of a change of the encoder."""

    switched: bool
    """Whether the archive answers with the new encoder's signals now."""
    tiles: int
    """Tiles of the archive that have the new encoder's signals."""
    encoded: int
    """Those of them that this run encoded."""
    missing: tuple[tuple[str, str], ...]
    """Path and reason of every file whose tiles cannot be made from its pixels again."""
    missing_tiles: int


def reencode(
    folder: Path,
    encoder: Encoder,
    *,
    drop_missing: bool = False,
    batch: int = 32,
    progress: Progress | None = None,
    threads: int | None = None,
    commit_every: float | None = None,
) -> ReencodeReport:
    """See `Store.reencode`."""
    with Writer(folder) as writer:  # an archive that cannot be written to is told before the work, not after
        tiles = writer.pointer.tiles
        if writer.pointer.encoder.revision == encoder.revision:
            return ReencodeReport(True, tiles, 0, (), 0)
        try:
            (folder / STAGING).mkdir(exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"cannot write to the archive {folder}: {error.strerror}") from error
    with WriterLock(folder / STAGING):
        stage = _Stage(folder, encoder, batch, progress, threads, commit_every or COMMIT_EVERY)
        stage.fill(pointer.read(folder))  # others may search and add meanwhile
        with Writer(folder) as writer:
            stage.fill(writer.pointer)  # what was added meanwhile
            if drop_missing and stage.missing and not stage.tiles:
                raise InputError(
                    f"none of the files of {folder} is there as it was indexed, so no tile would be left: "
                    "is a disk not mounted? `swath relocate` tells where files went"
                )
            switched = drop_missing or not stage.missing
            if switched:
                stage.switch(writer)
                shutil.rmtree(folder / STAGING, ignore_errors=True)
            return ReencodeReport(
                switched,
                stage.tiles,
                stage.encoded,
                tuple(stage.reasons.items()),
                len(stage.missing),
            )


class _Stage:
    """The archive of the new signals, as far as it has come."""

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        batch: int,
        progress: Progress | None,
        threads: int | None,
        commit_every: float,
    ) -> None:
        self._folder = folder
        self._place = folder / STAGING / encoder.revision
        self._encoder = encoder
        self._batch = batch
        self._progress = progress
        self._threads = threads
        self._commit_every = commit_every
        self.encoded = 0
        self.tiles = 0
        self.missing: set[str] = set()  # ids that could not be made
        self.reasons: dict[str, str] = {}  # why, by file

    def fill(self, state: Pointer) -> None:
        """Encode what is not there yet, from any file that still has the content that was indexed."""
        store = self._open(msgspec.convert(state.tiling, Tiling))
        with Lease(self._folder, state.version):
            known = list(Table(self._folder, state.version, state.geometry).known())
        files = {digest: sources for _, digest, sources in known}
        roots = Roots(state.roots)
        tried: Counter[str] = Counter()
        failed: dict[str, str] = {}
        while True:
            staged = set(store.gallery().ids.tolist())
            missing = {one: digest for one, digest, _ in known if one.encode() not in staged}
            todo = []
            for digest in dict.fromkeys(missing.values()):
                candidates = _present(files[digest], roots)
                todo += candidates[tried[digest] : tried[digest] + 1]
                tried[digest] += 1
            if not todo:
                break
            failed.update(self._add(todo))
        self.missing = set(missing)
        self.tiles = len(known) - len(missing)
        self.reasons = {}
        for digest in dict.fromkeys(missing.values()):
            path = imagery.shown(roots.path(files[digest][0].key))
            self.reasons[path] = failed.get(path) or _reason(files[digest], roots)

    def switch(self, writer: Writer) -> None:
        """Put the new signals in the place of the old, in one commit; tiles that have none leave."""
        facts = writer.facts
        if self.missing:
            facts = plan_removal(writer.table, writer.pointer, (), self.missing).facts
        shapes = pointer.read(self._place).geometry
        rows = _with_signals(writer.table, Store(self._place), shapes, self.missing)
        writer.switch(self._encoder, shapes, rows, facts)

    def _open(self, tiling: Tiling) -> Store:
        try:
            store = Store(self._place)
        except ArchiveError:  # none yet, or one that is of no use: it holds nothing that cannot be made again
            shutil.rmtree(self._place, ignore_errors=True)
            found(self._place, self._encoder, tiling)
            store = Store(self._place)
        return store

    def _add(self, files: list[SourceFile]) -> dict[str, str]:
        with Writer(self._place) as writer:
            builder = Builder(
                writer,
                self._encoder,
                batch=self._batch,
                progress=self._progress,
                threads=self._threads,
                commit_every=self._commit_every,
            )
            report = builder.run_files(iter(files), files)
        self.encoded += report.tiles_added
        return dict(report.skipped)


def _present(sources: tuple[Source, ...], roots: Roots) -> list[SourceFile]:
    """The files that are there, those that look as they did when they were read first."""
    found: list[tuple[bool, SourceFile]] = []
    for source in sources:
        path, name = roots.path(source.key), original(source.path)
        if isinstance(path, Remote):
            # Whoever reads it asks its server whether it is there, and what it was.
            found.append((False, SourceFile(path.parent, name, path, 0, 0)))
            continue
        root = Path(original(roots.paths[source.root]))
        try:
            status = path.stat()
        except OSError:
            continue
        changed = (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns)
        found.append((changed, SourceFile(root, name, path, status.st_size, status.st_mtime_ns)))
    return [file for _, file in sorted(found, key=lambda one: one[0])]


def _reason(sources: tuple[Source, ...], roots: Roots) -> str:
    if _present(sources, roots):
        return "it changed since it was indexed: index it again"
    return "it is not there: put it back, or tell where it is with `swath relocate`"


def _with_signals(table: Table, staged: Store, shapes: Geometry, missing: Collection[str]) -> Iterator[Rows]:
    """The rows of a table with the signals that are staged, but for those that are missing there."""
    gallery = staged.gallery()
    order = np.argsort(gallery.ids, kind="stable")
    ids = gallery.ids[order]
    signals = {"dense": gallery.signal("dense")}
    if shapes.tokens is not None:
        signals["tokens"] = gallery.signal("tokens")
    for rows in table.scan(thumbnails=True):
        kept = [index for index, row in enumerate(rows.rows) if row.id not in missing]
        wanted = np.array([rows.rows[index].id for index in kept], "S32")
        places = order[np.searchsorted(ids, wanted)]
        yield Rows(
            [rows.rows[index] for index in kept],
            [rows.sources[index] for index in kept],
            {name: signal[places] for name, signal in signals.items()},
        )
