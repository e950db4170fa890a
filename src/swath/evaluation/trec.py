"""TREC files: run and qrels of an evaluation for other tools, and those of other tools to be judged here.

A qrels line is `query 0 item relevance`, a run line `query Q0 item rank score tag`; relevance above 0 is
right. An image is called by its name, a caption `NAME#n` with n from 0; what would divide a field (white
space, `%`) is percent-encoded. Scores in a run that is written are places: 0 is the best, equal is tied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet
from swath.errors import InputError
from swath.evaluation.metrics import Ranks, Relevance
from swath.evaluation.protocols import Judgements

DEPTH = 100
"""Items of a run for each query, and whatever ties with the last of them."""

_NEVER = 2**31 - 2

Listener = Callable[[NDArray[np.int64], NDArray[np.int64]], None]
"""Hears the numbers of queries that share an ordering, and int64[n], the place of every item."""


@contextmanager
def trec_files(
    folder: Path | None, dataset: CaptionedSet, judged: Judgements, tag: str, depth: int = DEPTH
) -> Iterator[tuple[Listener | None, Listener | None]]:
    """Write `i2t.qrels`, `t2i.qrels` and, from what the two listeners hear, `i2t.run` and `t2i.run`.

    Without a folder nothing is written and nobody listens. Raises `InputError` where the folder cannot be
    written.
    """
    if folder is None:
        yield None, None
        return
    names = [_field(image.name) for image in dataset.images]
    seen = [0] * len(names)
    captions = []
    for owner in judged.owner.tolist():
        captions.append(f"{names[owner]}#{seen[owner]}")
        seen[owner] += 1
    asked = [names[image] for image in judged.asked.tolist()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_qrels(folder / "i2t.qrels", asked, captions, judged.i2t)
        _write_qrels(folder / "t2i.qrels", captions, names, judged.t2i)
        with (
            (folder / "i2t.run").open("w", encoding="utf-8") as i2t,
            (folder / "t2i.run").open("w", encoding="utf-8") as t2i,
        ):
            tag = _field(tag)
            yield _writer(i2t, asked, captions, tag, depth), _writer(t2i, captions, names, tag, depth)
    except OSError as error:
        raise InputError(f"cannot write TREC files to {folder}: {error.strerror}") from error


def judge(run: Path, qrels: Path) -> tuple[tuple[str, ...], Ranks]:
    """The queries of a qrels file that have a right item, in its order, and their ranks in a run.

    Ties are those of the run's scores; its rank column is not read. What a run does not list is not found at
    any k. Raises `InputError` where a file cannot be read, names the line that is wrong, and where no query
    is left.
    """
    right = _read_qrels(qrels)
    scores = _read_run(run)
    if not right:
        raise InputError(f"{qrels} has no query with a right item: there is nothing to judge")
    if right.keys().isdisjoint(scores):
        raise InputError(
            f"{run} has none of the {len(right):,} queries of {qrels}: do they belong together, and are they "
            "of the same direction?"
        )
    ranks = Ranks.empty(len(right))
    for place, (query, items) in enumerate(right.items()):
        listed = scores.get(query, {})
        best = max((listed[item] for item in items if item in listed), default=None)
        if best is None:
            ranks.above[place], ranks.tied[place], ranks.right[place] = _NEVER, 1, 1
            continue
        values = np.fromiter(listed.values(), np.float64, len(listed))
        ranks.above[place] = np.count_nonzero(values > best)
        ranks.tied[place] = np.count_nonzero(values == best)
        ranks.right[place] = sum(listed.get(item) == best for item in items)
    return tuple(right), ranks


def _write_qrels(path: Path, queries: list[str], items: list[str], relevance: Relevance) -> None:
    with path.open("w", encoding="utf-8") as out:
        for query, first, end in zip(queries, relevance.starts, relevance.starts[1:], strict=False):
            out.writelines(f"{query} 0 {items[item]} 1\n" for item in relevance.items[first:end])


def _writer(out: TextIO, queries: list[str], items: list[str], tag: str, depth: int) -> Listener:
    def listen(same: NDArray[np.int64], places: NDArray[np.int64]) -> None:
        if not len(places):
            return
        worst = np.partition(places, min(depth, len(places)) - 1)[min(depth, len(places)) - 1]
        shown = np.flatnonzero(places <= worst)
        shown = shown[np.argsort(places[shown], kind="stable")]
        lines = [
            f" Q0 {items[item]} {rank} {-place} {tag}\n"
            for rank, (item, place) in enumerate(zip(shown.tolist(), places[shown].tolist(), strict=True), 1)
        ]
        for query in same.tolist():
            out.writelines(queries[query] + line for line in lines)

    return listen


def _read_qrels(path: Path) -> dict[str, list[str]]:
    right: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for number, (query, _, item, relevance) in _lines(path, 4, "query 0 item relevance"):
        if (query, item) in seen:
            raise InputError(f"{path}, line {number}: {item} is judged twice for query {query}")
        seen.add((query, item))
        if _number(relevance, path, number) > 0:
            right.setdefault(query, []).append(item)
    return right


def _read_run(path: Path) -> dict[str, dict[str, float]]:
    scores: dict[str, dict[str, float]] = {}
    for number, (query, _, item, _, score, _) in _lines(path, 6, "query Q0 item rank score tag"):
        listed = scores.setdefault(query, {})
        if item in listed:
            raise InputError(f"{path}, line {number}: query {query} lists {item} twice")
        listed[item] = _number(score, path, number)
    return scores


def _lines(path: Path, count: int, form: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                fields = line.split()
                if fields and len(fields) != count:
                    raise InputError(f"{path}, line {number}: expected '{form}', found {len(fields)} fields")
                if fields:
                    yield number, fields
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: {error}") from error


def _number(text: str, path: Path, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise InputError(f"{path}, line {number}: {text!r} is not a number")
    return value


def _field(name: str) -> str:
    """A name without white space: everything that would divide a field is percent-encoded."""
    return "".join(c if _plain(c) else quote(c, safe="", errors="replace") for c in name) or "%"


def _plain(character: str) -> bool:
    return character.isprintable() and character not in " %" and not character.isspace()
