"""The CSV layout that open_clip trains from: a header, then a path and a caption in each line.

Paths are those of whoever wrote the file, so pictures are matched by their file names alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from swath.captions.rows import SPLITS, Row, file_name, read_text
from swath.errors import CaptionsError

PATHS = ("filepath", "filename", "image", "path")
TITLES = ("title", "caption", "text")
"""What the two columns may be called; others are ignored."""

_SPLIT = re.compile(rf"(?<![a-z])({'|'.join(SPLITS)})(?![a-z])", re.IGNORECASE)


def files(folder: Path) -> list[Path]:
    """The tables of a folder, sorted by name."""
    return sorted((*folder.glob("*.csv"), *folder.glob("*.tsv")))


def rows(file: Path) -> Iterator[Row]:
    """The pairs of one table; the file's name says which split, else it is one itself.

    Raises `CaptionsError` where it cannot be read, has no such columns, or a line lacks one of the two.
    """
    text = read_text(file)
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in header else ",")
    columns = [column.strip().lower() for column in next(reader, [])]
    path = next((columns.index(name) for name in PATHS if name in columns), None)
    title = next((columns.index(name) for name in TITLES if name in columns), None)
    if path is None or title is None:
        raise CaptionsError(
            f"{file} has the columns {', '.join(columns) or 'of an empty file'}; one of {', '.join(PATHS)} "
            f"and one of {', '.join(TITLES)} are expected"
        )
    found = _SPLIT.search(file.stem)
    split = found[1].lower() if found else file.stem
    try:
        for line in reader:
            if not line:
                continue
            if len(line) <= max(path, title) or not line[path].strip():
                raise CaptionsError(f"{file}, line {reader.line_num}: expected a path and a caption")
            yield Row(file_name(line[path].strip()), split, [line[title]])
    except csv.Error as error:
        raise CaptionsError(f"{file}, line {reader.line_num}: {error}") from error
