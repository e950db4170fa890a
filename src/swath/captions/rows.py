"""What every layout is read into first, and the one order that all data sets have."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from swath.captions.nouns import Record
from swath.errors import CaptionsError

SPLITS = ("train", "val", "test")
"""Splits in the order in which they are kept; others follow in order of appearance."""


class Row(NamedTuple):
    """A piece of an annotation file: some captions of one image."""

    name: str
    split: str
    captions: Iterable[str]
    label: str | None = None


def gather(rows: Iterable[Row], label: Callable[[str], str | None] = lambda _: None) -> tuple[Record, ...]:
    """Join rows of one image in one split, whatever the layout.

    The order is the same for all data sets: splits as in `SPLITS`, images as they first appear in the file,
    captions of an image as they stand there. `label` gives a class by the name where the file says none.
    """
    captions: dict[tuple[str, str], list[str]] = {}
    labels: dict[tuple[str, str], str | None] = {}
    for name, split, texts, said in rows:
        captions.setdefault((name, split), []).extend(texts)
        labels[name, split] = said or labels.get((name, split))
    splits = dict.fromkeys(split for _, split in captions)
    order = [split for split in SPLITS if split in splits] + [each for each in splits if each not in SPLITS]
    records = [
        Record(name, split, tuple(texts), labels[name, split] or label(name))
        for (name, split), texts in captions.items()
    ]
    return tuple(sorted(records, key=lambda record: order.index(record.split)))


def read_text(file: Path) -> str:
    """A text file in UTF-8, or UTF-16 where it begins with the mark of it; a mark is dropped.

    Raises `CaptionsError` where it is neither, for a guess might change words unseen.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CaptionsError(f"cannot read {file}: {error.strerror}; captions are looked for there") from error
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CaptionsError(
            f"{file} is not text in UTF-8 ({error.reason} in line {line}); convert it, such as by "
            "iconv -f windows-1252 -t utf-8"
        ) from error


def file_name(path: str) -> str:
    """The last part of a path of any machine, with slashes or backslashes."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
