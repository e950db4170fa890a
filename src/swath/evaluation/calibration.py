"""Scores to probabilities: a logistic fit on pairs of queries and tiles of validation data.

Where a data set has classes, a text matches the pictures of the classes that its own pictures have, and a
picture those of its class; pictures without a class take no part. Where it has none, a text matches the
pictures that the data set gives those words (normalised) to, which is stricter. Most pairs do not match, in a
share that is that of the data set and of nobody's archive; so the pairs are weighted until the stated prior
of them match. A pipeline that cuts is fitted to the pairs that it shows, with the same weights.

How far the probabilities are off is measured over the `SHOWN` best tiles of each query, by fits to the other
half of the queries.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet, normalise
from swath.encoders import Calibration
from swath.errors import InputError
from swath.evaluation.encoding import Encoded, encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch
from swath.search import PICTURE, WORDS, Pipeline, run_many
from swath.types import Encoder, Progress

PRIOR = 0.01
SHOWN = 20
BINS = 10

_TOGETHER = 64
_RIDGE = 1e-6
"""Keeps a fit to pairs that a score separates from growing without end."""
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs with about the same probability."""

    predicted: float
    """Mean probability."""
    observed: float
    """Share of them that match."""
    weight: float
    """Their share of all pairs that are shown."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """A fit, and how well it holds for queries that it does not know."""

    pipeline: str
    kind: str
    fit: Calibration
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of a query and a tile that a pipeline showed; parallel arrays."""

    features: NDArray[np.float64]
    """float64[n, 2]: the score of the last stage, and that of `dense`."""
    match: NDArray[np.bool_]
    query: NDArray[np.int64]
    rank: NDArray[np.int64]
    """From 0."""
    weight: NDArray[np.float64]
    """So that over all pairs, shown or not, the matches weigh the prior and the whole weighs 1."""
    half: NDArray[np.bool_]
    """Which half of the queries it belongs to."""

    def of(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Some of them."""
        return Pairs(
            self.features[chosen],
            self.match[chosen],
            self.query[chosen],
            self.rank[chosen],
            self.weight[chosen],
            self.half[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Queries of one kind for the pictures of one data set."""

    queries: Encoded
    pictures: Encoded
    match: NDArray[np.bool_]
    """bool[q, n]"""
    themselves: bool
    """Whether the queries are the pictures; none of them is a hit for itself."""


def calibrate(
    datasets: Sequence[CaptionedSet],
    encoder: Encoder,
    pipelines: Sequence[tuple[str, Pipeline]],
    *,
    prior: float = PRIOR,
    batch: int = 32,
    progress: Progress | None = None,
) -> list[Reliability]:
    """A fit for each pipeline, by the name that it gets, and each kind of query that the data sets can ask.

    The score of `dense` is a second feature where stages follow it: theirs may only compare the candidates of
    one query. Pictures ask pipelines of one stage alone; others are for words. Raises `InputError` for a
    prior that is no share and where no query has a match.
    """
    if not 0 < prior < 1:
        raise InputError(f"the prior is a share of all pairs, between 0 and 1, not {prior:g}")
    asked: dict[str, list[_Asked]] = defaultdict(list)
    for dataset in datasets:
        for kind, one in _ask(dataset, encoder, batch, progress):
            asked[kind].append(one)
    found = []
    for name, pipeline in pipelines:
        for kind, several in asked.items():
            if kind == PICTURE and pipeline.stages:
                continue
            pairs = _joined([_pairs(one, pipeline, prior) for one in several])
            count = len(np.unique(pairs.query))
            data = tuple(f"{one.name} {one.split}" for one in datasets)
            found.append(_reliability(name, kind, pairs, bool(pipeline.stages), prior, count, data))
    if not found:
        raise InputError("no query of these data sets has a picture that matches: nothing can be fitted")
    return found


def fitted(pairs: Pairs, two: bool) -> NDArray[np.float64]:
    """float64[3]: intercept, and the slopes of both scores (the second zero unless `two`), by Newton steps.

    It is the maximum of the weighted likelihood; scores are standardised meanwhile.
    """
    scores = pairs.features[:, : 1 + two]
    share = pairs.weight / pairs.weight.sum()
    mean = share @ scores
    spread = np.sqrt(share @ (scores - mean) ** 2)
    spread[spread == 0] = 1
    x = np.concatenate([np.ones((len(scores), 1)), (scores - mean) / spread], 1)
    ridge = np.diag([0.0, *[_RIDGE] * scores.shape[1]])
    beta = np.zeros(x.shape[1])
    rate = float(share @ pairs.match)
    beta[0] = np.log(rate / (1 - rate))
    for _ in range(_STEPS):
        p = _logistic(x @ beta)
        slope = x.T @ (share * (p - pairs.match)) + ridge @ beta
        curvature = (x * (share * p * (1 - p))[:, None]).T @ x + ridge
        step = np.linalg.solve(curvature, slope)
        beta = beta - step * min(1.0, 2 / np.abs(step).max(initial=1e-12))
        if np.abs(step).max() < 1e-9:
            break
    slopes = beta[1:] / spread
    return np.array([beta[0] - slopes @ mean, *slopes, *[0.0] * (not two)])


def predicted(fit: NDArray[np.float64], pairs: Pairs) -> NDArray[np.float64]:
    """float64[n]: the probability of each pair."""
    return _logistic(fit[0] + pairs.features @ fit[1:])


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))


def _reliability(
    name: str, kind: str, pairs: Pairs, two: bool, prior: float, queries: int, data: tuple[str, ...]
) -> Reliability:
    first, second = pairs.of(pairs.half), pairs.of(~pairs.half)
    if not (first.match.any() and second.match.any()):
        raise InputError(f"too few queries of {', '.join(data)} have a match: take a larger split")
    probabilities, shown = [], []
    for known, unknown in ((first, second), (second, first)):
        tested = unknown.of(unknown.rank < SHOWN)
        probabilities.append(predicted(fitted(known, two), tested))
        shown.append(tested)
    bins = _bins(
        np.concatenate(probabilities),
        np.concatenate([one.match for one in shown]),
        np.concatenate([one.weight for one in shown]),
    )
    intercept, raw, dense = fitted(pairs, two).tolist()
    error = sum(one.weight * abs(one.predicted - one.observed) for one in bins)
    fit = Calibration(
        intercept=intercept, raw=raw, dense=dense, prior=prior, error=error, queries=queries, data=data
    )
    return Reliability(name, kind, fit, bins)


def _bins(p: NDArray[np.float64], match: NDArray[np.bool_], weight: NDArray[np.float64]) -> tuple[Bin, ...]:
    """As many pairs in each."""
    made = []
    for part in np.array_split(np.argsort(p, kind="stable"), BINS):
        total = weight[part].sum()
        if total > 0:
            made.append(
                Bin(
                    float(weight[part] @ p[part] / total),
                    float(weight[part] @ match[part] / total),
                    float(total / weight.sum()),
                )
            )
    return tuple(made)


def _ask(
    dataset: CaptionedSet, encoder: Encoder, batch: int, progress: Progress | None
) -> Iterator[tuple[str, _Asked]]:
    """What a data set can ask, by kind."""
    watch = Stopwatch()
    judged = [image for image in dataset.images if image.label is not None] or list(dataset.images)
    named = [(image.name, image.path) for image in judged]
    pictures, damaged = encode_pictures(named, encoder, batch=batch, watch=watch, progress=progress)
    broken = {name for name, _ in damaged}
    judged = [image for image in judged if image.name not in broken]
    # A class of its own for every picture where there are none.
    classes = [str(row) if image.label is None else image.label for row, image in enumerate(judged)]
    members: dict[str, set[int]] = defaultdict(set)
    owners: dict[str, set[str]] = defaultdict(set)
    for row, image, label in zip(pictures.rows.tolist(), judged, classes, strict=True):
        members[label].add(row)
        for caption in image.captions:
            owners[normalise(caption)].add(label)
    owners.pop("", None)
    count = len(pictures.ids)
    if owners:
        texts = encode_texts(list(owners), encoder, batch=batch, watch=watch, progress=progress)
        right = [set[int]().union(*(members[label] for label in labels)) for labels in owners.values()]
        yield WORDS, _Asked(texts, pictures, _matches(right, count), themselves=False)
    if any(image.label is not None for image in judged):
        right = [set() for _ in range(count)]
        for rows in members.values():
            for row in rows:
                right[row] |= rows - {row}
        yield PICTURE, _Asked(pictures, pictures, _matches(right, count), themselves=True)


def _matches(right: Sequence[set[int]], count: int) -> NDArray[np.bool_]:
    match = np.zeros((len(right), count), np.bool_)
    for row, rows in enumerate(right):
        match[row, list(rows)] = True
    return match


def _pairs(asked: _Asked, pipeline: Pipeline, prior: float) -> Pairs:
    """The pairs that the pipeline shows. Queries without any match are left out: they may lack a class."""
    gallery = asked.pictures.gallery()
    rows = np.flatnonzero(asked.match.any(1))
    matches = asked.match[rows].sum()
    others = len(rows) * (len(gallery) - asked.themselves) - matches
    weights = np.array([(1 - prior) / max(others, 1), prior / max(matches, 1)])
    parts: list[Pairs] = []
    for first in range(0, len(rows), _TOGETHER):
        some = rows[first : first + _TOGETHER]
        found, _ = run_many(pipeline, gallery, [asked.queries.query(row) for row in some], len(gallery))
        for row, candidates in zip(some.tolist(), found, strict=True):
            other = candidates.rows != row if asked.themselves else np.ones(len(candidates.rows), np.bool_)
            shown = candidates.rows[other]
            dense = asked.pictures.embedding[shown] @ asked.queries.embedding[row]
            match = asked.match[row, shown]
            parts.append(
                Pairs(
                    np.stack([candidates.scores[other], dense], 1).astype(np.float64),
                    match,
                    np.full(len(shown), row),
                    np.arange(len(shown)),
                    weights[match.astype(np.int64)],
                    np.full(len(shown), bool(zlib.crc32(asked.queries.ids[row].encode()) & 1)),
                )
            )
    return _together(parts)


def _joined(parts: Sequence[Pairs]) -> Pairs:
    """Those of several data sets, which count alike, with numbers of queries that differ."""
    whole = _together(parts)
    offsets = np.cumsum([0, *(int(part.query.max(initial=0)) + 1 for part in parts[:-1])])
    query = np.concatenate([part.query + offset for part, offset in zip(parts, offsets, strict=True)])
    return Pairs(
        whole.features, whole.match, query, whole.rank, whole.weight / max(len(parts), 1), whole.half
    )


def _together(parts: Sequence[Pairs]) -> Pairs:
    if not parts:
        empty = np.zeros(0)
        return Pairs(
            np.zeros((0, 2)), empty > 0, empty.astype(np.int64), empty.astype(np.int64), empty, empty > 0
        )
    return Pairs(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.match for part in parts]),
        np.concatenate([part.query for part in parts]),
        np.concatenate([part.rank for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.half for part in parts]),
    )
