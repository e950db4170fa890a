"""What was published: rows of the field's tables, each with its source and how sure it is.

One file of `rows/` holds the rows of one source; a row is added by adding a file or a line, and `published`
checks everything that can be checked. Nothing that follows from the six recalls is stored: their mean and
whether the printed one contradicts it are worked out when the rows are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from swath.decoding import NOT_JSON
from swath.errors import InputError
from swath.evaluation.leaderboard.hashing_rows import HashingStanding, hashing, read_hashing
from swath.evaluation.results import EvalResult

__all__ = [
    "CEILINGS",
    "DATASETS",
    "FLAGS",
    "TOLERANCE",
    "HashingStanding",
    "Standing",
    "check_rows",
    "hashing",
    "published",
    "read_source",
    "standings",
]

DATASETS = ("rsicd", "rsitmd", "ucm", "nwpu", "sydney")
Setting = Literal["closed", "open", "two-stage"]
Certainty = Literal["seen-in-paper", "seen-in-readme", "secondary"]
TOLERANCE = 0.06
"""How far a printed mean may stand from the mean of the six, in points, before it contradicts them."""

CEILINGS = {"rsicd": 98.6, "rsitmd": 100.0, "ucm": 76.9, "nwpu": 85.2, "sydney": 81.8}
"""The highest mR on the official test split that repeated captions allow (see `swath.evaluation.ceiling`)."""

FLAGS = {
    "above-ceiling": "more than any model can have when each caption has one right image: another protocol",
    "test-selected": "the epoch was chosen by the score on the test split, or test served as validation",
    "leak-risk:RET-2": "trained on a union of two sets whose train and test images overlap",
    "leak-risk:RET-3": "trained on a union of three sets whose train and test images overlap",
    "mr-contradicts": f"the printed mean is more than {TOLERANCE} points off the mean of the six",
    "not-the-published-test": "called test, but not the test split that was published",
    "transductive": "fitted to all queries of the evaluation, which no search knows",
    "trained-on": "the encoder was trained on this very split",
    "partial": "fewer than six recalls were published",
    "baseline-rerun": "a general method, run by the authors of the source",
    "independent-rerun": "run again by another group",
    "3-seed-mean": "mean of three seeds",
    "5-seed-mean": "mean of five seeds",
    "ablation": "a line of an ablation",
    "aggregator": "read on a benchmark page of others",
    "audio-modality": "queries are speech",
    "collected-by-third-party": "read in a list that others collected",
    "column-order-doubtful": "which direction is which is doubtful",
    "columns-swapped-in-source": "the source exchanges the directions; put right here",
    "copy-error": "a slip of the table that quotes it",
    "copy-variants": "other tables print other values for it",
    "cross-encoder": "scores pairs jointly, at a cost that grows with the gallery",
    "direction-means": "the source prints the mean recall of each direction alone",
    "extra-unlabelled": "trained with unlabelled images besides the split",
    "holds-test-images": "the split has another name, but images of a published test split are in it",
    "harma-codebase": "built on the code of HarMA, with its selection on test",
    "in-domain-training": "trained on captions of the same kind of images as the test split",
    "init:RemoteCLIP": "starts from the weights of RemoteCLIP",
    "kfold-config": "the released configuration has folds",
    "last-epoch": "value of the last epoch, not of the chosen one",
    "log": "read in a released training log",
    "mr-from-rsum": "the mean comes from a printed sum of recalls",
    "pir-codebase": "built on the code of PIR, with its selection on test",
    "post-rerank": "reranked over all queries at once",
    "protocol:dedup": "near duplicates are said to be removed; the list is not verified",
    "protocol:dedup(pHash)": "training images near a test image, by perceptual hash, were removed",
    "protocol:differs": "probably an easier protocol: far above every peer of its backbone",
    "protocol:kfold-mean": "mean over folds",
    "quoted-as-previous-best": "quoted as the best before",
    "reproduction-disputed": "users report much lower figures",
    "training-free": "not trained at all",
    "zero-shot": "not trained on this set, though a web corpus may hold its images",
}
"""What may stand in `flags`, and what it says."""

_DERIVED = ("above-ceiling", "direction-means", "mr-contradicts", "partial")
_SUSPECT = (
    "above-ceiling",
    "test-selected",
    "trained-on",
    "holds-test-images",
    "not-the-published-test",
    "leak-risk",
    "mr-contradicts",
    "protocol:differs",
)

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Three = tuple[Percent | None, Percent | None, Percent | None]


class PublishedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as it is written in a file."""

    method: str
    year: Annotated[int, msgspec.Meta(ge=2015, le=2100)]
    dataset: str
    setting: Setting
    """closed: trained on the training split of this set, after any general pre-training; open: on further
    remote sensing pairs or several sets."""
    backbone: str
    certainty: Certainty
    venue: str = ""
    i2t: Three = (None, None, None)
    """Recall@1, 5 and 10 in per cent; null where not published."""
    t2i: Three = (None, None, None)
    printed_mr: Percent | None = None
    i2t_mean: Percent | None = None
    """Mean of the three recalls of a direction, where the source prints no more."""
    t2i_mean: Percent | None = None
    flags: tuple[str, ...] = ()


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of rows."""

    source: str
    rows: tuple[PublishedRow, ...]


class PartialRecalls(msgspec.Struct, frozen=True):
    """Hit@1, 5 and 10 of one direction in per cent, None where not published."""

    r1: float | None
    r5: float | None
    r10: float | None


class Standing(msgspec.Struct, frozen=True):
    """A row as it is shown: a published one, or one of a result file (`certainty` is then `measured`)."""

    method: str
    year: int | None
    venue: str
    dataset: str
    setting: str | None
    backbone: str | None
    i2t: PartialRecalls
    t2i: PartialRecalls
    mr: float | None
    """Mean of the six where there are six or of the two directions, else the printed one, else None."""
    printed_mr: float | None
    source: str
    certainty: str
    flags: tuple[str, ...]
    i2t_mean: float | None = None
    """Mean recall of a direction, from its three values or as printed."""
    t2i_mean: float | None = None

    @property
    def suspect(self) -> bool:
        """Whether it was chosen on test, risks a leak, contradicts itself or stands on another protocol."""
        return any(flag.startswith(_SUSPECT) for flag in self.flags)


def standings(
    dataset: str,
    *,
    setting: str | None = None,
    backbone: str | None = None,
    certainty: str | None = None,
    ours: Sequence[tuple[str, EvalResult]] = (),
) -> tuple[Standing, ...]:
    """The rows of one data set, best mR first and rows without one last.

    `backbone` is any part of the backbone's text, whatever the case. `ours` are results of `dataset` with
    the name of their file; no filter applies to them. Raises `InputError` where nothing is published for
    the set, or a result is of another one.
    """
    if dataset not in DATASETS:
        raise InputError(
            f"no data set is called {dataset!r} on the leaderboard; there are {', '.join(DATASETS)}"
        )
    found = [
        row
        for row in published()
        if row.dataset == dataset
        and setting in (None, row.setting)
        and certainty in (None, row.certainty)
        and (backbone or "").casefold() in (row.backbone or "").casefold()
    ]
    for name, result in ours:
        if result.dataset != dataset:
            raise InputError(
                f"{name} is a result on {result.dataset}: it has no place among rows of {dataset}"
            )
        found.append(_measured(name, result))
    return tuple(sorted(found, key=lambda row: (row.mr is None, -(row.mr or 0.0), row.method)))


@cache
def published() -> tuple[Standing, ...]:
    """All rows of all files, checked. Raises `InputError` that names the file and what is wrong in it."""
    folder = files("swath.evaluation.leaderboard") / "rows"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json"))
    rows = tuple(row for name in names for row in read_source((folder / name).read_bytes(), name))
    _refuse_doubles(rows)
    return rows


def read_source(content: bytes, name: str) -> tuple[Standing, ...]:
    """The rows of one file. Raises `InputError` where it does not say what a row must say."""
    try:
        source = msgspec.json.decode(content, type=Source)
    except NOT_JSON as error:
        raise InputError(f"{name} is not a file of leaderboard rows: {error}") from error
    if not source.source.strip() or not source.rows:
        raise InputError(f"{name}: a file of leaderboard rows names its source and has a row at least")
    return tuple(_standing(row, source.source, name) for row in source.rows)


def _standing(row: PublishedRow, source: str, file: str) -> Standing:
    where = f"{file}: {row.method} on {row.dataset}"
    if row.dataset not in DATASETS:
        raise InputError(f"{where}: the data set must be one of {', '.join(DATASETS)}")
    if unknown := [flag for flag in row.flags if flag not in FLAGS or flag in _DERIVED]:
        raise InputError(f"{where}: {unknown[0]!r} is not a flag that a row can state")
    for recalls in (row.i2t, row.t2i):
        known = [value for value in recalls if value is not None]
        if known != sorted(known):
            raise InputError(f"{where}: recall falls with k in {recalls}")
    six = [value for value in (*row.i2t, *row.t2i) if value is not None]
    given = (row.i2t_mean, row.t2i_mean)
    if six and given != (None, None):
        raise InputError(f"{where}: means of a direction are for rows without recalls")
    means = [_mean(row.i2t) if six else row.i2t_mean, _mean(row.t2i) if six else row.t2i_mean]
    if not six and row.printed_mr is None and None in means:
        raise InputError(f"{where}: there is no figure")
    flags = row.flags
    mean = row.printed_mr
    if means[0] is not None and means[1] is not None:
        mean = (means[0] + means[1]) / 2
        if row.printed_mr is not None and abs(mean - row.printed_mr) > TOLERANCE:
            flags += ("mr-contradicts",)
    if mean is not None and mean > CEILINGS[row.dataset]:
        flags += ("above-ceiling",)
    if given != (None, None):
        flags += ("direction-means",)
    elif len(six) < 6:
        flags += ("partial",)
    return Standing(
        method=row.method,
        year=row.year,
        venue=row.venue,
        dataset=row.dataset,
        setting=row.setting,
        backbone=row.backbone or None,
        i2t=PartialRecalls(*row.i2t),
        t2i=PartialRecalls(*row.t2i),
        mr=_rounded(mean),
        printed_mr=row.printed_mr,
        source=source,
        certainty=row.certainty,
        flags=flags,
        i2t_mean=_rounded(means[0]),
        t2i_mean=_rounded(means[1]),
    )


def _mean(three: Three) -> float | None:
    known = [value for value in three if value is not None]
    return sum(known) / 3 if len(known) == 3 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def check_rows(file: Path) -> int:
    """The number of rows in a new file, of recall or of hashing, if it could join the others.

    Raises `InputError` where it cannot be read, a row is wrong, or one is there already.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    if b'"metric"' in content:
        return len(read_hashing(content, file.name))
    rows = read_source(content, file.name)
    # The file may have been put in its place already.
    others = [row for row in published() if row.source != rows[0].source]
    _refuse_doubles([*others, *rows])
    return len(rows)


def _refuse_doubles(rows: Sequence[Standing]) -> None:
    same = Counter((row.dataset, row.method, row.setting, row.backbone, row.source) for row in rows)
    if twice := [row for row, count in same.items() if count > 1]:
        raise InputError(f"the leaderboard has a row twice: {', '.join(map(str, twice[0]))}")


def _measured(name: str, result: EvalResult) -> Standing:
    flags = [f"protocol:{result.protocol}"]
    if result.split != "test":
        flags.append(f"split:{result.split}")
    flags += result.flags
    return Standing(
        method=f"{result.encoder.name} ({result.pipeline})",
        year=None,
        venue="",
        dataset=result.dataset,
        setting=None,
        backbone=None,
        i2t=PartialRecalls(result.i2t.r1, result.i2t.r5, result.i2t.r10),
        t2i=PartialRecalls(result.t2i.r1, result.t2i.r5, result.t2i.r10),
        mr=(result.i2t.r1 + result.i2t.r5 + result.i2t.r10 + result.t2i.r1 + result.t2i.r5 + result.t2i.r10)
        / 6,
        printed_mr=result.mr,
        source=name,
        certainty="measured",
        flags=tuple(flags),
    )
