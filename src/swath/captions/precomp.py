"""The text layout of the AMFMN line: `SPLIT_caps.txt`, a caption a line, beside `SPLIT_filename.txt`.

The second file has a line for each caption or a line for each image; in the latter case every image has
equally many captions, in the order of the file. An empty line is an empty caption, but for those at the end
that no name is left for. What stands before `_caps` is the split, so the folds of that line are splits called
`train_verify` and `val_verify`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from swath.captions.rows import Row, file_name, read_text
from swath.errors import CaptionsError

CAPTIONS = "_caps"
NAMES = "_filename"


def files(folder: Path) -> list[Path]:
    """The caption files of a folder, sorted by name."""
    return sorted((*folder.glob(f"*{CAPTIONS}.txt"), *folder.glob(f"*{CAPTIONS}_verify.txt")))


def rows(file: Path) -> Iterator[Row]:
    """The images of one caption file, `..._caps.txt` or `..._caps_verify.txt`.

    Raises `CaptionsError` where a file is missing or the numbers of lines do not fit each other.
    """
    beside = file.with_name(file.name.replace(CAPTIONS, NAMES))
    captions, names = _lines(file), _lines(beside)
    while names and not names[-1]:
        names.pop()
    surplus = len(captions) % len(names) if names else 0
    if surplus and not any(captions[-surplus:]):
        del captions[-surplus:]
    if not names or len(captions) % len(names):
        raise CaptionsError(
            f"{file} has {len(captions):,} captions and {beside.name} {len(names):,} names: one name is "
            "expected for each caption, or for each image with equally many captions; an empty line is a "
            "caption too"
        )
    if blank := names.count(""):
        raise CaptionsError(f"{beside} has {blank:,} empty lines, the first of them {names.index('') + 1}")
    split = file.stem.replace(CAPTIONS, "")
    each = len(captions) // len(names)
    for place, name in enumerate(names):
        yield Row(file_name(name), split, captions[place * each : (place + 1) * each])


def _lines(file: Path) -> list[str]:
    lines = read_text(file).split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
