"""The table of tiles: a Lance dataset. The only module that knows Lance, whose interface moves fast.

Columns: `id`, `digest`, `sources` list<struct<root, path, size, mtime_ns>>, `window` struct, `footprint`
(WKB in EPSG:4326), `time`, `attributes` struct (absent until a tile has one), `thumbnail` (JPEG), and one
column per signal. Every change is a new version; the pointer says which version counts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa

from swath import imagery
from swath.archive.rows import FLAG, NO_TIME, NUMBER, TEXT, Geometry, Row, Rows, Source
from swath.errors import ArchiveError, SwathError
from swath.types import Array, Scalar, Window

FOLDER = "tiles.lance"
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_TYPES = {NUMBER: pa.float64(), TEXT: pa.string(), FLAG: pa.bool_()}
_KINDS = {str(kind): name for name, kind in _TYPES.items()}
_SOURCE = pa.struct(
    [("root", pa.int32()), ("path", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64())]
)
_WINDOW = pa.struct([(name, pa.int32()) for name in ("column", "row", "width", "height")])
_FRAGMENT_ROWS = (32, 512, 8192)
"""Fragments are joined up to the first of these sizes, then up to the next: so a row is rewritten three times
in its life, however small the additions are."""
_FILTER_VALUES = 1000
_SPARED = timedelta(hours=1)
"""How long a replaced version stays, so that nobody who reads it loses it (see `lease` for longer)."""
_CLEAN_EVERY = timedelta(minutes=10)
"""How long a version may stay beyond that: listing versions costs as much as they are many."""


def _attributes_field(kinds: Mapping[str, str]) -> pa.Field:
    return pa.field("attributes", pa.struct([(name, _TYPES[kind]) for name, kind in kinds.items()]))


def _schema(shapes: Geometry, kinds: Mapping[str, str]) -> pa.Schema:
    fields = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("sources", pa.list_(_SOURCE)),
        pa.field("window", _WINDOW),
        pa.field("footprint", pa.binary()),
        pa.field("time", pa.timestamp("us", "UTC")),
        pa.field("thumbnail", pa.binary()),
        pa.field("dense", pa.list_(pa.float16(), shapes.dense)),
    ]
    if shapes.tokens is not None:
        fields.append(pa.field("tokens", pa.list_(pa.int8(), shapes.tokens[0] * shapes.tokens[1])))
    if kinds:
        fields.append(_attributes_field(kinds))
    return pa.schema(fields)


def create(folder: Path, shapes: Geometry) -> None:
    """Make an empty table in an archive's folder. Raises `ArchiveError` as `address` does."""
    lance.write_dataset(_schema(shapes, {}).empty_table(), address(folder), mode="create")


def address(folder: Path) -> str:
    """Where Lance looks for an archive's table. Raises `ArchiveError` for a name that it cannot look for.

    It is the whole path: a relative one with a colon (2026-11-30T10:00.swath) would be an address to it.
    """
    text = str(folder.resolve() / FOLDER)
    if _UNUSABLE.search(text):
        raise ArchiveError(
            f"no archive can lie at {imagery.shown(folder.resolve())}: its path has control characters or "
            "bytes that are not UTF-8, which no table can have; rename that folder or choose another"
        )
    return text


class Table:
    """One version of the table; methods that change it move on to the version that they made.

    Raises `OSError` where the disk fails.
    """

    def __init__(self, folder: Path, version: int, shapes: Geometry) -> None:
        """Open a version. Raises `ArchiveError` where it is gone, and as `address` does."""
        self._path = folder / FOLDER
        self._uri = address(folder)
        self._shapes = shapes
        try:
            self._data = lance.dataset(self._uri, version=version)
        except (ValueError, OSError) as error:
            raise ArchiveError(
                f"version {version} of the table {self._path} cannot be opened ({_first_line(error)}): "
                "open the archive again; if that fails too, put back a copy of it or index its sources anew"
            ) from error

    @property
    def version(self) -> int:
        """Grows with every change."""
        return int(self._data.version)

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of every attribute that has a column."""
        if "attributes" not in self._data.schema.names:
            return {}
        return {field.name: _KINDS[str(field.type)] for field in self._data.schema.field("attributes").type}

    def __len__(self) -> int:
        return int(self._data.count_rows())

    def discard_newer(self) -> None:
        """Make this version the newest one again, whatever a killed writer left behind it."""
        if self._data.latest_version != self.version:
            self._data.restore()
            self._reopen()

    def append(self, rows: Rows, kinds: Mapping[str, str]) -> None:
        """Add rows at the end, and a column for every new attribute among `kinds`."""
        new = {name: kind for name, kind in kinds.items() if name not in self.kinds}
        if new:
            self._data.add_columns(pa.schema([_attributes_field(new)]))
            self._reopen()
        table = self._to_arrow(rows, _schema(self._shapes, self.kinds))
        self._data = lance.write_dataset(table, self._data, mode="append")

    def set_sources(self, sources: Mapping[str, Sequence[Source]]) -> None:
        """Give all tiles of each digest other sources; tiles without any are removed."""
        gone = [digest for digest, left in sources.items() if not left]
        for start in range(0, len(gone), _FILTER_VALUES):
            self._data.delete(_is_in("digest", gone[start : start + _FILTER_VALUES]))
        kept = {digest: left for digest, left in sources.items() if left}
        if kept:
            changes = pa.table(
                {
                    "digest": list(kept),
                    "sources": pa.array([_plain(left) for left in kept.values()], pa.list_(_SOURCE)),
                },
                schema=pa.schema([self._data.schema.field(name) for name in ("digest", "sources")]),
            )
            self._data.merge_insert("digest").when_matched_update_all().execute(changes)
        self._reopen()

    def remove(self, ids: Sequence[str]) -> None:
        """Remove tiles."""
        for start in range(0, len(ids), _FILTER_VALUES):
            self._data.delete(_is_in("id", ids[start : start + _FILTER_VALUES]))
        self._reopen()

    def rewrite(self, shapes: Geometry, batches: Iterable[Rows]) -> None:
        """Put other rows, with signals of these shapes, in the place of all that are there.

        They may be read from this table on the way. Raises what making them raises.
        """
        schema = _schema(shapes, self.kinds)
        failed: list[SwathError] = []

        def converted() -> Iterator[pa.RecordBatch]:
            try:
                for rows in batches:
                    yield from self._to_arrow(rows, schema).to_batches()
            except SwathError as error:
                failed.append(error)  # Lance raises an error of its own for it
                raise

        reader = pa.RecordBatchReader.from_batches(schema, converted())
        try:
            self._data = lance.write_dataset(
                reader, self._uri, mode="overwrite", max_rows_per_file=_FRAGMENT_ROWS[-1]
            )
        except OSError:
            if failed:
                raise failed[0] from None
            raise
        self._shapes = shapes

    def compact(self, most: int) -> bool:
        """Join small fragments where there are more than `most` of a size; whether rows changed their places.

        Lance puts what it joins behind all that it leaves alone.
        """
        moved = False
        for least, below in pairwise((0, *_FRAGMENT_ROWS)):
            before = self._data.get_fragments()
            counts = [fragment.count_rows() for fragment in before]
            if sum(least <= count < below for count in counts) > most:
                self._data.optimize.compact_files(target_rows_per_fragment=below)
                self._reopen()
                left = {fragment.fragment_id for fragment in self._data.get_fragments()}
                stays = [fragment.fragment_id in left for fragment in before]
                moved = moved or stays != sorted(stays, reverse=True)
        return moved

    def clean(self, leased: Collection[int] = ()) -> None:
        """Remove versions that were replaced more than an hour ago, but those that are leased.

        Only to be called when this version is the acknowledged one, by the one writer: files of no version
        are what killed writers left, and go too. A version may be old and yet have been the newest until now,
        so its successor's age counts, not its own.
        """
        manifests = sorted((self._path / "_versions").glob("*.manifest"))
        # Lance counts down in these names: the one before the last is what replaced the oldest.
        limit = time.time() - (_SPARED + _CLEAN_EVERY).total_seconds()
        if len(manifests) < 2 or manifests[-2].stat().st_mtime > limit:
            return
        versions: list[tuple[int, datetime]] = [(v["version"], v["timestamp"]) for v in self._data.versions()]
        spared = datetime.now(versions[-1][1].tzinfo) - _SPARED
        old = [version for (version, _), (_, replaced) in pairwise(versions) if replaced < spared]
        old = [version for version in old if version not in leased]
        if old:
            self._data.cleanup_old_versions(versions=old, delete_unverified=True)

    def sizes(self) -> dict[Path, int]:
        """How many bytes every file with rows must have.

        Lance says that it has written a file although the disk refused a part of it (seen in 14.0.2), so
        whoever vouches for a version compares.
        """
        return {
            self._path / "data" / file.path: file.file_size_bytes
            for fragment in self._data.get_fragments()
            for file in fragment.data_files()
            if file.file_size_bytes is not None
        }

    def files(self) -> list[Path]:
        """Every file that this version consists of."""
        tracked = self._data.tracked_files(min_version=self.version).read_all()
        mine = zip(tracked["version"].to_pylist(), tracked["path"].to_pylist(), strict=True)
        return sorted(self._path / path for version, path in mine if version == self.version)

    def known(self) -> Iterator[tuple[str, str, tuple[Source, ...]]]:
        """Id, digest and sources of every tile, in order."""
        with self._reading():
            for batch in self._data.to_batches(columns=["id", "digest", "sources"]):
                yield from zip(
                    batch["id"].to_pylist(),
                    batch["digest"].to_pylist(),
                    _sources(batch["sources"]),
                    strict=True,
                )

    def origin(self, tile_id: str) -> tuple[str, tuple[Source, ...]] | None:
        """Digest and sources of one tile, None where it is not there."""
        with self._reading():
            found = self._data.to_table(columns=["digest", "sources"], filter=_is_in("id", [tile_id]))
        if not len(found):
            return None
        return found["digest"][0].as_py(), _sources(found["sources"].combine_chunks())[0]

    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes]:
        """Thumbnails of those of the ids that are there."""
        wanted = sorted(ids)
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _FILTER_VALUES):
            part = _is_in("id", wanted[start : start + _FILTER_VALUES])
            with self._reading():
                table = self._data.to_table(columns=["id", "thumbnail"], filter=part)
            found.update(zip(table["id"].to_pylist(), table["thumbnail"].to_pylist(), strict=True))
        return found

    def scan(self, batch_size: int = 1024, *, thumbnails: bool = False) -> Iterator[Rows]:
        """All tiles in order; without thumbnails there are empty bytes in their place."""
        columns = [name for name in self._data.schema.names if thumbnails or name != "thumbnail"]
        with self._reading():
            for batch in self._data.to_batches(columns=columns, batch_size=batch_size):
                yield self._from_arrow(batch)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            raise ArchiveError(
                f"the table {self._path} cannot be read ({_first_line(error)}): `swath verify` says what is "
                "damaged; put back a copy of the archive or index its sources anew"
            ) from error

    def _reopen(self) -> None:
        self._data = lance.dataset(self._uri)

    def _to_arrow(self, rows: Rows, schema: pa.Schema) -> pa.Table:
        tiles = rows.rows
        columns: dict[str, Any] = {
            "id": [tile.id for tile in tiles],
            "digest": [tile.digest for tile in tiles],
            "sources": pa.array([_plain(sources) for sources in rows.sources], pa.list_(_SOURCE)),
            "window": pa.array([_window(tile.window) for tile in tiles], _WINDOW),
            "footprint": [
                None if tile.footprint is None else imagery.to_wkb(tile.footprint) for tile in tiles
            ],
            "time": pa.array(
                [None if tile.time == NO_TIME else tile.time for tile in tiles], pa.int64()
            ).cast(pa.timestamp("us", "UTC")),
            "thumbnail": [tile.thumbnail for tile in tiles],
        }
        for name, signal in rows.signals.items():
            flat = pa.array(np.ascontiguousarray(signal).reshape(-1))
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, int(np.prod(signal.shape[1:])))
        kinds = self.kinds
        if kinds:
            columns["attributes"] = pa.array(
                [dict(tile.attributes) for tile in tiles], _attributes_field(kinds).type
            )
        return pa.table(columns, schema=schema)

    def _from_arrow(self, batch: pa.RecordBatch) -> Rows:
        count = batch.num_rows
        attributes: list[dict[str, Scalar]] = [{} for _ in range(count)]
        if "attributes" in batch.schema.names:
            attributes = [
                {name: value for name, value in (row or {}).items() if value is not None}
                for row in batch["attributes"].to_pylist()
            ]
        has_thumbnails = "thumbnail" in batch.schema.names
        thumbnails = batch["thumbnail"].to_pylist() if has_thumbnails else [b""] * count
        tiles = [
            Row(
                id=tile_id,
                digest=digest,
                window=Window(**window),
                footprint=None if footprint is None else imagery.from_wkb(footprint),
                time=int(NO_TIME) if taken is None else taken,
                attributes=attribute,
                thumbnail=thumbnail,
            )
            for tile_id, digest, window, footprint, taken, attribute, thumbnail in zip(
                batch["id"].to_pylist(),
                batch["digest"].to_pylist(),
                batch["window"].to_pylist(),
                batch["footprint"].to_pylist(),
                batch["time"].cast(pa.int64()).to_pylist(),
                attributes,
                thumbnails,
                strict=True,
            )
        ]
        signals = {"dense": _signal(batch["dense"], (count, self._shapes.dense))}
        if self._shapes.tokens is not None:
            signals["tokens"] = _signal(batch["tokens"], (count, *self._shapes.tokens))
        return Rows(tiles, _sources(batch["sources"]), signals)


def _is_in(column: str, values: Sequence[str]) -> str:
    # Ids and digests are hexadecimal, so nothing needs escaping.
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _plain(sources: Sequence[Source]) -> list[dict[str, Any]]:
    return [source._asdict() for source in sources]


def _window(window: Window) -> dict[str, int]:
    return {"column": window.column, "row": window.row, "width": window.width, "height": window.height}


def _sources(column: pa.ListArray) -> list[tuple[Source, ...]]:
    flat = column.flatten()
    fields = (flat.field(name).to_pylist() for name in Source._fields)
    every = [Source._make(values) for values in zip(*fields, strict=True)]
    starts = (column.offsets.to_numpy() - column.offsets[0].as_py()).tolist()
    return [tuple(every[start:end]) for start, end in pairwise(starts)]


def _signal(column: Any, shape: tuple[int, ...]) -> Array:
    flat: Array = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(shape)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
