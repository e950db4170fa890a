"""Is all of it there, and is it what it was?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swath import imagery
from swath.archive import lists
from swath.archive.files import checksum
from swath.archive.hot import DamagedHotError, Hot
from swath.archive.lease import Lease
from swath.archive.pointer import Pointer
from swath.archive.rows import Rows
from swath.archive.table import Table
from swath.errors import SwathError
from swath.types import Array

_NORM_TOLERANCE = 2e-3
"""float16 keeps 11 bits: the norm of a rounded unit vector is within 2^-11 of 1, this is four times that."""

_MOST = 100
"""Tiles that are listed one by one."""

_REINDEX = "put back a copy of the archive, or index its sources into a new one"
_REBUILD = "nothing to do: it is derived from the table, and will be built again when it is next used"
_REBUILD_LISTS = "nothing to do: it is derived from the hot columns, and is built again when it is next used"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


def verify(folder: Path, pointer: Pointer) -> list[Problem]:
    """Compare every byte that the pointer vouches for, then table and hot columns. Changes nothing."""
    with Lease(folder, pointer.version):
        return _problems(folder, pointer)


def _problems(folder: Path, pointer: Pointer) -> list[Problem]:
    problems = list(_files(folder, pointer))
    hot: Hot | None = None
    try:
        hot = Hot(folder, pointer.hot)
        hot.check()
    except DamagedHotError as error:
        hot = None
        problems.append(Problem(f"hot/{pointer.hot.generation}", str(error), _REBUILD))
    problems += _lists(folder)
    # A damaged table may decode to anything, so its content is looked at only where its bytes are right.
    if not any(problem.where.startswith("tiles.lance") for problem in problems):
        problems += _content(folder, pointer, hot)
    return problems


def _lists(folder: Path) -> Iterator[Problem]:
    newest = lists.newest(folder)
    if newest is None:
        return
    try:
        lists.check(newest)
    except lists.DamagedListsError as error:
        yield Problem(newest.relative_to(folder).as_posix(), str(error), _REBUILD_LISTS)


def glance(folder: Path, pointer: Pointer) -> list[Problem]:
    """What can be told without reading: whether every file is there, with its size."""
    problems = []
    for name, expected in pointer.sums.items():
        remedy = _REINDEX if name.startswith("tiles.lance") else "put back a copy of the encoder's folder"
        try:
            found = (folder / name).stat().st_size
        except OSError as error:
            problems.append(Problem(name, f"cannot be looked at ({error.strerror})", remedy))
            continue
        if found != expected.size:
            problems.append(Problem(name, f"has {found} bytes instead of {expected.size}", remedy))
    try:
        Hot(folder, pointer.hot)
    except DamagedHotError as error:
        problems.append(Problem(f"hot/{pointer.hot.generation}", str(error), _REBUILD))
    return problems


def _files(folder: Path, pointer: Pointer) -> Iterator[Problem]:
    for name, expected in pointer.sums.items():
        remedy = _REINDEX if name.startswith("tiles.lance") else "put back a copy of the encoder's folder"
        try:
            found = checksum(folder / name)
        except OSError as error:
            yield Problem(name, f"cannot be read ({error.strerror})", remedy)
            continue
        if found != expected:
            what = f"has {found.size} bytes instead of {expected.size}"
            yield Problem(name, what if found.size != expected.size else "its content changed", remedy)


def _content(folder: Path, pointer: Pointer, hot: Hot | None) -> Iterator[Problem]:
    try:
        table = Table(folder, pointer.version, pointer.geometry)
        for name, count in (("tiles.lance", len(table)), ("hot", pointer.hot.rows)):
            if count != pointer.tiles:
                yield Problem(name, f"holds {count} tiles and swath.json says {pointer.tiles}", _REINDEX)
        start, wrong, ids = 0, 0, []
        for rows in table.scan():
            for problem in _rows(rows, pointer):
                wrong += 1
                if wrong <= _MOST:
                    yield problem
            if hot is not None:
                yield from _compare(rows, hot, start)
            ids += [row.id for row in rows.rows]
            start += len(rows)
        if wrong > _MOST:
            yield Problem("tiles.lance", f"{wrong} tiles are wrong; the first {_MOST} are listed", _REINDEX)
        if len(set(ids)) != len(ids):
            yield Problem("tiles.lance", f"{len(ids) - len(set(ids))} tiles are there twice", _REINDEX)
    except (SwathError, OSError) as error:
        yield Problem("tiles.lance", str(error), _REINDEX)


def _rows(rows: Rows, pointer: Pointer) -> Iterator[Problem]:
    for row, sources in zip(rows.rows, rows.sources, strict=True):
        if imagery.tile_id(row.digest, row.window) != row.id:
            yield Problem(f"tile {row.id}", "its id does not follow from its digest and window", _REINDEX)
        if not sources or any(source.root >= len(pointer.roots) for source in sources):
            yield Problem(f"tile {row.id}", "it has no source, or one below an unknown root", _REINDEX)
    norms = np.linalg.norm(rows.signals["dense"].astype(np.float64), axis=-1)
    wrong = ~(np.abs(norms - 1) <= _NORM_TOLERANCE)  # also where it is not a number
    for index in np.flatnonzero(wrong):
        what = f"its embedding has norm {norms[index]:.4g} instead of 1"
        yield Problem(f"tile {rows.rows[index].id}", what, _REINDEX)


def _compare(rows: Rows, hot: Hot, start: int) -> Iterator[Problem]:
    part = slice(start, start + len(rows))
    expected: dict[str, Array] = {"id": np.array([row.id for row in rows.rows], "S32"), **rows.signals}
    for name, values in expected.items():
        stored = hot.column(name)[part]
        if stored.shape != values.shape or stored.tobytes() != np.ascontiguousarray(values).tobytes():
            what = f"{name} of rows {start} to {part.stop} is not what the table holds"
            yield Problem(f"hot/{name}", what, "remove the folder hot: it will be derived again")
