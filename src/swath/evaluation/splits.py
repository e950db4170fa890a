"""Splits without leaks: one split cleaned of what others hold, and the union of several training splits.

What counts as a leak: an image tied by captions to one of *another* set, a picture that looks like another
one, and an image of the same name where two parts are of one data set. Captions that repeat within one set do
not: its annotators use the same words for different places.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from swath.captions import Annotations, Record, content_hash, write_captions
from swath.errors import InputError
from swath.evaluation.reports import LeakReport, Part

Sets: TypeAlias = Sequence[tuple[str, str, Annotations]]
"""(name, data set, annotations), as `find_leaks` takes them."""

Tied: TypeAlias = Literal["refuse", "drop", "keep"]
"""What to do about training images that are tied to test images."""

TEST = "test"


@dataclass(frozen=True, slots=True)
class MadeSplit:
    """A split that was made, and how."""

    records: tuple[Record, ...]
    leaks: str
    """Digest of the report that it was made by."""
    against: tuple[str, ...]
    """Parts that were compared with, as `SET SPLIT`."""
    dropped: tuple[str, ...]
    """Images that were left out."""
    kept: tuple[str, ...] = ()
    """Images that are tied to those parts and were kept all the same."""

    @property
    def content(self) -> str:
        """The split hash of a result on all of it."""
        return content_hash(self.records)


def leaking(report: LeakReport, part: str, against: Collection[str]) -> frozenset[str]:
    """Names of the images of `part` that the parts `against` hold too; parts are called `SET SPLIT`."""
    sets = {one.name: one.set for one in report.parts}
    found: set[str] = set()
    for pair in report.pairs:
        if sets[pair.one] != sets[pair.other]:
            found |= _sides(part, against, (pair.one, pair.one_image), (pair.other, pair.other_image))
    for picture in report.pictures:
        one, other = (picture.one, picture.one_image), (picture.other, picture.other_image)
        found |= _sides(part, against, one, other)
    for same in report.misnamed:
        for name in same.names:
            found |= _sides(part, against, (same.one, name), (same.other, name))
    return frozenset(found)


def clean_split(
    report: LeakReport, sets: Sets, part: str, *, name: str, against: Collection[str] = ()
) -> MadeSplit:
    """The split `part` of the report's sets, called `name` from here on, without what leaks.

    `against` are the parts that it must have nothing in common with; left out, all test splits but itself.
    Raises `InputError` where a part is not in the report, it is not of these sets, or nothing is left.
    """
    chosen = _part(report, part)
    others = tuple(_part(report, one).name for one in against) or _tests(report, chosen)
    if not others or chosen.name in others:
        raise InputError(f"{part} is to be cleaned: name other parts that it must share nothing with")
    records = _records(sets, chosen)
    dropped = leaking(report, part, others)
    left = tuple(replace(record, split=name) for record in records if record.name not in dropped)
    if not left:
        raise InputError(f"all {len(records):,} images of {part} are in {', '.join(others)}: nothing is left")
    return MadeSplit(left, report.digest, others, tuple(sorted(dropped)))


def union(report: LeakReport, sets: Sets, *, split: str = "train", tied: Tied = "refuse") -> MadeSplit:
    """One training split of all sets, each image called `SET/NAME`, as RET-2 and RET-3 were made.

    Images of it that are in a test split of any of the sets are a leak: `refuse` raises, `drop` leaves them
    out, `keep` keeps and lists them. Raises `InputError` for that, where a set has no such split, and where
    the report is not of these sets.
    """
    if split == TEST:
        raise InputError("a union is for training: test splits stay what they are")
    records: list[Record] = []
    dropped: list[str] = []
    complaints: list[str] = []
    against: dict[str, None] = {}
    for called, _, _ in sets:
        part = _part(report, f"{called} {split}")
        tests = _tests(report, part)
        against |= dict.fromkeys(tests)
        inside = leaking(report, part.name, tests)
        complaints += _complaints(report, part.name, tests)
        dropped += sorted(f"{called}/{name}" for name in inside)
        records += [
            replace(record, name=f"{called}/{record.name}")
            for record in _records(sets, part)
            if tied != "drop" or record.name not in inside
        ]
    if complaints and tied == "refuse":
        raise InputError(
            f"the union would train on test images: {'; '.join(complaints)}. Leave them out (drop), or keep "
            "them and have the union say so (keep)"
        )
    if tied == "keep":
        return MadeSplit(tuple(records), report.digest, tuple(against), (), tuple(dropped))
    return MadeSplit(tuple(records), report.digest, tuple(against), tuple(dropped))


def write_split(made: MadeSplit, file: Path, name: str) -> None:
    """Write a split as a JSON file that `swath.captions.load` reads, with how it was made.

    Raises `CaptionsError` where the file cannot be written.
    """
    facts = {
        "leaks": made.leaks,
        "against": made.against,
        "dropped": made.dropped,
        "kept": made.kept,
        "content": made.content,
    }
    write_captions(made.records, file, name, {"made": facts})


def write_union(made: MadeSplit, folder: Path, name: str, pictures: Mapping[str, Path]) -> None:
    """Write a union as a folder that `load("captions", folder, ...)` reads: links lead to the pictures.

    `pictures` has the folder of each set. Raises `InputError` where the folder cannot be made or holds
    another one's files, and what `write_split` raises.
    """
    try:
        (folder / "imgs").mkdir(parents=True, exist_ok=True)
        for called, path in pictures.items():
            link = folder / "imgs" / called
            if link.is_symlink():
                link.unlink()
            link.symlink_to(os.path.relpath(path, link.parent.resolve()), target_is_directory=True)
    except OSError as error:
        raise InputError(f"cannot make the union in {folder}: {error.strerror}; name a new folder") from error
    write_split(made, folder / "dataset.json", name)


def _sides(part: str, against: Collection[str], one: tuple[str, str], other: tuple[str, str]) -> set[str]:
    """The images of `part` in a pair of (part, image), if its other side is in one of `against`."""
    found = set()
    for (mine, name), (theirs, _) in ((one, other), (other, one)):
        if mine == part and theirs in against:
            found.add(name)
    return found


def _complaints(report: LeakReport, part: str, tests: Sequence[str]) -> list[str]:
    counted = ((test, len(leaking(report, part, [test]))) for test in tests)
    return [f"{count:,} images of {part} are in {test}" for test, count in counted if count]


def _tests(report: LeakReport, part: Part) -> tuple[str, ...]:
    return tuple(one.name for one in report.parts if one.split == TEST and one.name != part.name)


def _part(report: LeakReport, name: str) -> Part:
    for part in report.parts:
        if part.name == name:
            return part
    there = ", ".join(part.name for part in report.parts)
    raise InputError(f"the report does not look at {name}; it looks at {there}")


def _records(sets: Sets, part: Part) -> tuple[Record, ...]:
    for called, _, written in sets:
        if called == part.set:
            records = written.split(part.split)
            if content_hash(records) == part.content:
                return records
    raise InputError(f"the report was made of another {part.name} than the one that is there: make a new one")
