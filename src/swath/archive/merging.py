"""Bringing archives together that were made apart: tiles with their signals are copied, no pixel is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from swath.archive import pointer
from swath.archive.alike import check_alike
from swath.archive.catalogue import Catalogue, Roots
from swath.archive.found import ENCODERS, make
from swath.archive.lease import Lease
from swath.archive.pointer import Pointer
from swath.archive.rows import Rows, Source
from swath.archive.table import Table
from swath.archive.writer import Facts, Writer, check_files, check_table
from swath.errors import ArchiveError, InputError
from swath.imagery import Tiling
from swath.types import Progress


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did."""

    archives: int
    tiles_added: int
    tiles_known: int
    """Tiles that were there already, from an archive before or from a merge that was interrupted."""
    tiles: int
    """Tiles that the merged archive holds."""
    files: int
    """Files that the merged archive knows."""
    changed: int
    """Those of them that archives know with different contents; all of these are kept."""


def merge(folder: Path, archives: Sequence[Path], progress: Progress | None = None) -> MergeReport:
    """See `swath.archive.merge`."""
    parts = _compatible(folder, archives)
    if not (folder / pointer.NAME).exists():
        _make_like(folder, archives, parts)
    total = sum(part.tiles for part in parts)
    done = added = changed = 0
    with Writer(folder) as writer:
        for path in archives:
            copy = _Copy(writer, path)
            for looked_at, new in copy.run():
                done += looked_at
                added += new
                if progress is not None:
                    progress(done, max(total, done), "tiles")
            changed = copy.changed
        state = writer.pointer
        return MergeReport(len(archives), added, done - added, state.tiles, state.files, changed)


def _compatible(folder: Path, archives: Sequence[Path]) -> list[Pointer]:
    """Pointers of the archives. Raises `InputError` and `ArchiveError` where they do not go together."""
    if not archives:
        raise InputError("say which archives to merge")
    there = [folder] if (folder / pointer.NAME).exists() else []
    if any(path.exists() and folder.exists() and path.samefile(folder) for path in archives):
        raise InputError(f"{folder} is one of the archives to merge: name another folder, or leave it out")
    paths = [*there, *archives]
    states = check_alike(paths)
    first = states[0]
    for path, state in zip(paths, states, strict=True):
        if msgspec.convert(state.tiling, Tiling) != msgspec.convert(first.tiling, Tiling):
            raise ArchiveError(
                f"{path} was cut with {_described(state)} and {paths[0]} with {_described(first)}: index the "
                "sources of one of them again, with the options of the other"
            )
    return states[len(there) :]


def _make_like(folder: Path, archives: Sequence[Path], parts: Sequence[Pointer]) -> None:
    name = f"{ENCODERS}/{parts[0].encoder.revision}"
    encoder = None
    for path, part in zip(archives, parts, strict=True):
        if (path / name).is_dir():
            check_files(path, {file: total for file, total in part.sums.items() if file.startswith(name)})
            encoder = path / name
            break
    make(folder, parts[0].encoder, encoder, parts[0].geometry, parts[0].tiling)


class _Copy:
    """All tiles of one archive on their way into another. Not reusable."""

    def __init__(self, writer: Writer, path: Path) -> None:
        self._writer = writer
        self._path = path
        self._state = pointer.read(path)
        self._roots = Roots(writer.pointer.roots)
        self._from = Roots(self._state.roots)
        self._known = Catalogue(writer.table.known(), writer.pointer.partial)
        self._left: Counter[str] = Counter()  # tiles that were not looked at yet, by digest
        self._attached: set[str] = set()  # digests whose files are known here

    @property
    def changed(self) -> int:
        """Files that are known with more than one content."""
        return self._known.changed

    def run(self) -> Iterator[tuple[int, int]]:
        """Copy batch by batch, each in a commit of its own; tiles looked at and tiles added of each."""
        with Lease(self._path, self._state.version):
            # A copy gets checksums of its own, so what it is made from is compared with the old ones before.
            check_table(self._path, self._state)
            source = Table(self._path, self._state.version, self._state.geometry)
            self._left.update(digest for _, digest, _ in source.known())
            for rows in source.scan(thumbnails=True):
                yield len(rows), self._batch(rows)
            self._writer.finish(self._known.changes(), self._facts())

    def _batch(self, rows: Rows) -> int:
        digests = {row.digest for row in rows.rows}
        # Until all of a file's tiles have come it is incomplete, whatever ends this.
        self._known.partial.update(digest for digest in digests if not self._known.is_complete(digest))
        for row, sources in zip(rows.rows, rows.sources, strict=True):
            if row.digest not in self._attached:
                self._attached.add(row.digest)
                self._attach(row.digest, sources)
        self._left.subtract(row.digest for row in rows.rows)
        ended = {digest for digest in digests if not self._left[digest]}
        self._known.partial.difference_update(ended.difference(self._state.partial))
        new = np.flatnonzero(~self._known.contains([row.id for row in rows.rows]))
        if len(new):
            tiles = [rows.rows[index] for index in new.tolist()]
            self._writer.append(
                Rows(
                    tiles,
                    [self._known.sources(tile.digest) for tile in tiles],
                    {name: signal[new] for name, signal in rows.signals.items()},
                ),
                self._state.attributes,
                self._facts(),
            )
            self._known.tiles.update(tile.digest for tile in tiles)
        return len(new)

    def _attach(self, digest: str, sources: Sequence[Source]) -> None:
        known = {source.key: source for source in self._known.sources(digest)}
        for source in sources:
            key = self._roots.key(self._from.stored_path(source.key), self._from.paths[source.root])
            # The later state of a file with the same content: it is not read again while it stays so.
            if key not in known or known[key].mtime_ns < source.mtime_ns:
                self._known.attach(digest, Source(*key, source.size, source.mtime_ns))

    def _facts(self) -> Facts:
        return Facts(tuple(self._roots.paths), self._known.files, tuple(sorted(self._known.partial)))


def _described(state: Pointer) -> str:
    tiling = msgspec.convert(state.tiling, Tiling)
    return ", ".join(f"{name} {value}" for name, value in asdict(tiling).items() if value is not None)
