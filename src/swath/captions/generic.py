"""`captions`: any captioned data set, as JSON, JSON lines, CSV, TSV or Parquet.

The root is a file, or a folder with one layout of them, the first there is of: one JSON file (Karpathy's
splits, or a list of records), `*.jsonl`, `*.csv` and `*.tsv`, `*.parquet`. `records.py` says which columns
mean what. A record without a split is of the split that its file is named after. Pictures lie in `imgs/` or
`images/` beside the file, else beside it.
"""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from swath.captions import karpathy, records, tables
from swath.captions.nouns import Annotations
from swath.captions.records import Line
from swath.captions.rows import Row, gather, read_text
from swath.decoding import NOT_JSON
from swath.errors import CaptionsError

FOLDERS = ("imgs", "images")


def read(root: Path) -> Annotations:
    """Read a file, or all the files of one layout in a folder.

    Paths that are absolute are those of whoever wrote the file: what they begin with in common is dropped.

    Raises `CaptionsError` where there is no such file, several JSON files and none is called `dataset.json`,
    or one that cannot be used.
    """
    files = [root] if root.is_file() else _files(root)
    found = list(chain.from_iterable(_reader(file)(file) for file in files))
    return Annotations(files[0], _pictures(files[0].parent), gather(_local(found)))


def json_rows(file: Path) -> Iterable[Row]:
    """The rows of a JSON file: a list of records, or Karpathy's layout. Raises `CaptionsError`."""
    try:
        with file.open("rb") as stream:
            listed = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except OSError as error:
        raise CaptionsError(f"cannot read {file}: {error.strerror}; captions are looked for there") from error
    if not listed:
        return karpathy.rows(file)
    entries = _decoded(read_text(file), list[dict[str, Any]], str(file))
    return records.rows((Line(f"{file}, entry {i}", entry) for i, entry in enumerate(entries, 1)), file)


def jsonl_rows(file: Path) -> Iterator[Row]:
    """The rows of a file with a JSON object on every line. Raises `CaptionsError`."""
    # Not splitlines: captions may hold what Unicode calls the end of a line.
    lines = ((f"{file}, line {i}", line) for i, line in enumerate(read_text(file).split("\n"), 1))
    objects = (
        Line(place, _decoded(line, dict[str, Any], place)) for place, line in lines if line.strip(" \t\r")
    )
    return records.rows(objects, file)


def parquet_rows(file: Path) -> Iterator[Row]:
    """The rows of a Parquet file; a part of it is in memory at a time. Raises `CaptionsError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            names = table.schema_arrow.names
            columns = records.Columns.of(names, file)
            wanted = [name for name in (columns.path, *columns.titles, columns.split, columns.label) if name]
            number = 0
            for batch in table.iter_batches(columns=wanted):
                for values in batch.to_pylist():
                    number += 1
                    yield columns.row(Line(f"{file}, row {number}", values), records.split_of(file))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise CaptionsError(f"{file} cannot be read as Parquet: {reason}; write it again") from error


_READERS: dict[str, Callable[[Path], Iterable[Row]]] = {
    ".json": json_rows,
    ".jsonl": jsonl_rows,
    ".ndjson": jsonl_rows,
    **dict.fromkeys(tables.SUFFIXES, tables.table),
    ".parquet": parquet_rows,
}


def _reader(file: Path) -> Callable[[Path], Iterable[Row]]:
    # What has no suffix of these was always read as Karpathy's JSON.
    return _READERS.get(file.suffix.lower(), json_rows)


def _files(folder: Path) -> list[Path]:
    there = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    for suffixes in ((".json",), (".jsonl", ".ndjson"), tables.SUFFIXES, (".parquet",)):
        found = [file for file in there if file.suffix.lower() in suffixes]
        if found:
            return found if suffixes != (".json",) else [karpathy.only_json(folder)]
    raise CaptionsError(
        f"no captions in {folder}: expected {karpathy.PREFERRED} (or any JSON, JSONL, CSV, TSV or Parquet "
        f"file) beside {FOLDERS[0]}/"
    )


def _pictures(beside: Path) -> Path:
    return next((beside / name for name in FOLDERS if (beside / name).is_dir()), beside)


def _local(rows: list[Row]) -> Iterator[Row]:
    """Rows whose absolute paths, of any machine, are cut down to what tells them apart."""
    absolute = [_absolute(row.name) for row in rows]
    parents = {posixpath.dirname(path) for path in absolute if path is not None}
    common = posixpath.commonpath(parents) if parents else ""
    for row, path in zip(rows, absolute, strict=True):
        yield row if path is None else row._replace(name=path.removeprefix(common).lstrip("/"))


def _absolute(path: str) -> str | None:
    """A path that begins at a root, with slashes; None for a relative one."""
    drive, rest = ntpath.splitdrive(path)
    slashed = (f"/{drive}{rest}" if drive else rest).replace("\\", "/")
    return posixpath.normpath(slashed) if slashed.startswith("/") else None


def _decoded(text: str, kind: Any, place: str) -> Any:
    try:
        return msgspec.json.decode(text.removeprefix("\ufeff"), type=kind)
    except NOT_JSON as error:
        raise CaptionsError(f"{place}: is not a JSON object of an image and its captions: {error}") from error
