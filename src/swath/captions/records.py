"""Tables of whatever kind: which of their columns are paths, captions, splits and classes.

A record is one line as a mapping of column names to values. Names of columns are compared in lower case; the
first of each list below that a table has is taken, and other columns are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from swath.captions.rows import SPLITS, Row
from swath.errors import CaptionsError

PATHS = ("filepath", "filename", "file_name", "image_path", "image", "path", "img", "file")
TITLES = ("title", "caption", "captions", "sentences", "sentence", "text", "description")
PARTS = ("split", "set", "subset")
CLASSES = ("class", "label", "category", "label_name", "class_name")

_NUMBERED = re.compile(rf"(?:{'|'.join(TITLES)})_?\d+")
"""Several captions of an image in columns of their own: caption_1, caption_2."""
_SPLIT = re.compile(r"(?<![a-z])(train|val|test)(?:ing|idation|id)?(?![a-z])", re.IGNORECASE)
_SYNONYMS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}


class Line(NamedTuple):
    """A record, and where it stands, for messages."""

    place: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of one table mean."""

    path: str
    titles: tuple[str, ...]
    split: str | None
    label: str | None

    @classmethod
    def of(cls, names: Iterable[str], file: Path) -> Columns:
        """Tell them by their names. Raises `CaptionsError` where paths or captions are not among them."""
        known = {name.strip().lower(): name for name in names}
        path, title = _first(known, PATHS), _first(known, TITLES)
        numbered = tuple(name for key, name in known.items() if _NUMBERED.fullmatch(key))
        titles = (*([] if title is None else [title]), *numbered)
        if path is None or not titles:
            raise CaptionsError(
                f"{file} has the columns {', '.join(known) or 'of an empty file'}; one of "
                f"{', '.join(PATHS)} and one of {', '.join(TITLES)} are expected"
            )
        return cls(path, titles, _first(known, PARTS), _first(known, CLASSES))

    def row(self, line: Line, otherwise: str) -> Row:
        """One record as a row; `otherwise` is the split of those that say none."""
        values = line.values
        path = values.get(self.path)
        if isinstance(path, Mapping):  # pictures that Hugging Face keeps in the table: their bytes and a name
            path = path.get("path")
        if not isinstance(path, str) or not path.strip():
            raise CaptionsError(f"{line.place}: expected a path and a caption, but {self.path!r} has no path")
        captions = [text for title in self.titles for text in _texts(values.get(title), title, line.place)]
        label = None if self.label is None else values.get(self.label)
        split = None if self.split is None else values.get(self.split)
        part = otherwise if split in (None, "") else split_name(str(split))
        return Row(path.strip(), part, captions, None if label in (None, "") else str(label))


def rows(lines: Iterable[Line], file: Path, names: Sequence[str] | None = None) -> Iterator[Row]:
    """Records as rows. `names` are the columns; without them, each record's own keys are.

    Raises `CaptionsError` where columns are missing or a value is of the wrong kind.
    """
    columns = None if names is None else Columns.of(names, file)
    if columns is not None and names is not None:
        twice = next((name for name in (columns.path, *columns.titles) if _count(names, name) > 1), None)
        if twice is not None:
            raise CaptionsError(
                f"{file} has several columns {twice!r}, of which one would hide the others: rename them; "
                "several captions are caption_1, caption_2 and so on"
            )
    part = split_of(file)
    for line in lines:
        yield (columns or Columns.of(line.values, Path(line.place))).row(line, part)


def split_of(file: Path) -> str:
    """The split that the name of a file says, else the name itself."""
    found = _SPLIT.search(file.stem)
    return found[1].lower() if found else split_name(file.stem)


def split_name(text: str) -> str:
    """A split by its usual name: `validation` is `val`."""
    name = text.strip()
    lower = name.lower()
    return lower if lower in SPLITS else _SYNONYMS.get(lower, name)


def _count(names: Sequence[str], name: str) -> int:
    return sum(each.strip().lower() == name.strip().lower() for each in names)


def _first(known: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((known[name] for name in names if name in known), None)


def _texts(value: Any, title: str, place: str) -> list[str]:
    if value is None:
        return []
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise CaptionsError(f"{place}: {title!r} must be a text or a list of texts, not {value!r:.60}")
    return texts
