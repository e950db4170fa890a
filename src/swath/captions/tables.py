"""Tables as text, CSV and TSV: a header, then an image and a caption in each line.

open_clip trains from this layout. Paths are those of whoever wrote the file, so the published data sets match
their pictures by the file names alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from swath.captions import records
from swath.captions.records import Line
from swath.captions.rows import Row, file_name, read_text
from swath.errors import CaptionsError

if TYPE_CHECKING:
    from _csv import Reader

SUFFIXES = (".csv", ".tsv")


def files(folder: Path) -> list[Path]:
    """The tables of a folder, sorted by name."""
    return sorted((*folder.glob("*.csv"), *folder.glob("*.tsv")))


def rows(file: Path) -> Iterator[Row]:
    """The pairs of one table, by file name; the table's name says which split, else it is one itself.

    Raises `CaptionsError` where it cannot be read, has no such columns, or a line lacks one of the two.
    """
    for row in table(file):
        yield row._replace(name=file_name(row.name))


def table(file: Path) -> Iterator[Row]:
    """The rows of one table with the paths as they stand there. Raises `CaptionsError` as `rows` does."""
    text = read_text(file)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    names = _next(reader, file) or []
    return records.rows(_lines(reader, names, file), file, names)


def _lines(reader: Reader, names: list[str], file: Path) -> Iterator[Line]:
    while (cells := _next(reader, file)) is not None:
        if cells:
            place = f"{file}, line {reader.line_num}"
            if len(cells) < len(names) or any(cells[len(names) :]):
                raise CaptionsError(
                    f"{place}: expected a path and a caption, but has {len(cells)} values for {len(names)} "
                    "columns; put what has commas or quotes of its own into quotes"
                )
            yield Line(place, dict(zip(names, cells, strict=False)))


def _next(reader: Reader, file: Path) -> list[str] | None:
    line = reader.line_num + 1
    try:
        return next(reader, None)
    except csv.Error as error:
        raise CaptionsError(f"{file}, line {line}: {error}; in quotes, quotes must be doubled") from error


def _separator(text: str) -> str:
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    # Spreadsheets of countries with a decimal comma write semicolons.
    return next((mark for mark in ("\t", ",", ";") if mark in header), ",")
