"""How much of the exact answer a pipeline finds, and which is the cheapest that finds enough.

Recall is the share of the exact dense 10 best that a pipeline's 10 best hold, over text queries that its
calibration did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive import Store
from swath.archive.lists import Plan, build_lists, directions_of, read_tuned, word_head, write_tuned
from swath.encoders import WORD_HEAD, Head
from swath.errors import InputError
from swath.search import EncodedQuery, Pipeline, calibrate, parse, run
from swath.search.pipeline import Step
from swath.types import Encoder, Gallery, Progress

BEST = 10
GUIDES = (None, Step("sparse", k=100), Step("sparse", k=1000))
"""Stages in front of the lists that are calibrated; None: none, plain lists."""
PIPELINES = (
    *("dense", "ivf(tiles=1.0):100"),
    *(f"ivf({share}):100" for share in (0.9, 0.95, 0.98, 0.99)),
    *(f"sparse:{k} > lists({share}):100" for k in (100, 1000) for share in (0.9, 0.95, 0.98, 0.99)),
)
"""What is measured where the caller names nothing."""
LEAST = 20
"""Queries that are measured at least, and as many that calibrate."""

_RESAMPLES = 1000
_PERCENT = 5
_STALE = 0.05
"""Share of the tiles outside of the lists above which these are built again."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One pipeline."""

    pipeline: str
    recall: float
    lower: float
    """One-sided 95 % bound, by resampling queries (groups of queries, where they belong together)."""
    covered: float
    """Share of the queries of which nothing was missed."""
    milliseconds: float
    """Median of one query alone, without its encoding."""
    rows: float
    """Mean tiles that were visited by the stage that visited most."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was found for an archive."""

    asked: float
    chosen: str
    """The fastest pipeline whose lower bound reaches the recall that was asked; exact search if none does."""
    queries: int
    """That were measured; as many calibrated."""
    measured: tuple[Measured, ...]


def tune(
    store: Store,
    encoder: Encoder,
    texts: Sequence[str],
    *,
    recall: float = 0.99,
    groups: Sequence[int] | None = None,
    pipelines: Sequence[str] = (),
    count: int | None = None,
    head: Head | None = None,
    rebuild: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Build lists where they are needed, calibrate them, measure, and write what was found into the archive.

    Args:
        store: the archive.
        encoder: its encoder.
        texts: queries like those that will be asked.
        recall: the share of the exact 10 best that `auto` shall find.
        groups: one number for each text; texts of one number stay together in splits and resamples.
        pipelines: what to measure besides `PIPELINES`.
        count: lists to build; None: eight times the square root of the tiles.
        head: the word head; by default the one in the archive's encoder, or the installed one of its name.
        rebuild: build the lists again, whatever there is.
        threads: of the searches.
        progress: called between the steps.

    Raises:
        InputError: the archive is empty, there are too few queries, or `recall` is no share.
        SpecError: a pipeline that cannot be read.
    """
    if not 0 < recall <= 1:
        raise InputError(f"a recall of {recall} cannot be asked: give a share, such as 0.99")
    specs = [
        parse(spec, getattr(encoder, "presets", None)) for spec in dict.fromkeys((*PIPELINES, *pipelines))
    ]
    owners = np.arange(len(texts)) if groups is None else np.asarray(groups)
    if len(np.unique(owners)) < 2 * LEAST:
        raise InputError(f"{len(np.unique(owners))} queries are too few: give {2 * LEAST} at least")
    if not len(store.gallery()):
        raise InputError(f"{store.path} has no tiles: there is nothing to tune")
    _tell(progress, "encoding queries")
    queries = encoded(texts, encoder)
    learning = np.isin(owners, np.random.default_rng(0).permutation(np.unique(owners))[::2])
    _tell(progress, "putting tiles into lists")
    like = np.stack([queries[i].dense for i in np.flatnonzero(learning)])
    _lists(store, encoder, Plan(count), head, rebuild, like)
    gallery = store.gallery()
    assert gallery.lists is not None, "they were just built"
    _tell(progress, "calibrating")
    guides = {
        "" if guide is None else str(guide): calibrate(
            gallery, [queries[i] for i in np.flatnonzero(learning)], guide, owners[learning]
        )
        for guide in GUIDES
    }
    facts: dict[str, Any] = {"layout": gallery.lists.name, "guides": guides}
    write_tuned(store.path, facts)
    gallery = store.gallery()
    asked = [queries[i] for i in np.flatnonzero(~learning)]
    best = [run("dense", gallery, query, BEST, threads=threads)[0].rows for query in asked]
    measured = []
    for number, spec in enumerate(specs):
        if progress is not None:
            progress(number, len(specs), f"pipelines measured, now {spec}")
        measured.append(measure(spec, gallery, asked, best, owners[~learning], threads))
    enough = [one for one in measured if one.lower >= recall or one.pipeline == "dense"]
    chosen = min(enough, key=lambda one: one.milliseconds).pipeline
    found = Tuning(recall, chosen, len(asked), tuple(measured))
    write_tuned(store.path, {**facts, **asdict(found), "encoder": encoder.revision})
    return found


def measure(
    pipeline: Pipeline,
    gallery: Gallery,
    queries: Sequence[EncodedQuery],
    best: Sequence[NDArray[np.int64]],
    groups: NDArray[np.int64],
    threads: int | None = None,
) -> Measured:
    """How much of the `best` rows of each query a pipeline finds, and its time."""
    shares, times, rows = [], [], []
    for query, wanted in zip(queries, best, strict=True):
        begun = perf_counter()
        found, trace = run(pipeline, gallery, query, BEST, threads=threads)
        times.append(1e3 * (perf_counter() - begun))
        rows.append(max(one.rows for one in trace))
        shares.append(float(np.isin(wanted, found.rows).mean()))
    values = np.array(shares)
    return Measured(
        str(pipeline),
        float(values.mean()),
        _lower(values, groups),
        float((values == 1).mean()),
        float(np.median(times)),
        float(np.mean(rows)),
    )


def encoded(texts: Sequence[str], encoder: Encoder) -> list[EncodedQuery]:
    """Texts as a search asks them."""
    features = encoder.encode_texts(texts)
    guides = [None] * len(texts) if features.guide is None else features.guide
    return [
        EncodedQuery(vector, (text,), guide, words_alone=True, encoder=encoder)
        for vector, text, guide in zip(features.embedding, texts, guides, strict=True)
    ]


def _lower(values: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    _, member = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(member, values), np.bincount(member)
    drawn = np.random.default_rng(0).integers(len(sums), size=(_RESAMPLES, len(sums)))
    return float(np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), _PERCENT))


def _lists(
    store: Store, encoder: Encoder, plan: Plan, head: Head | None, rebuild: bool, like: NDArray[np.float32]
) -> None:
    """Lists that hold all tiles: kept where there are such, else built."""
    gallery = store.gallery()
    present = gallery.lists
    # Calibration needs every tile in a list, so a tail of any size is merged here.
    fits = present is not None and not len(present.tail) and (present.rows >= 0).mean() > 1 - _STALE
    if fits and not rebuild and head is None and plan.count is None:
        return
    words = head or word_head(store.path, encoder.revision) or _own_head(encoder)
    directions = directions_of(gallery.signal("dense"), like, plan.seed)
    build_lists(gallery, store.path, plan, words, directions=directions)


def _own_head(encoder: Encoder) -> Head | None:
    """The word head of an encoder: in its folder, of its base, or installed for its revision."""
    heads: dict[str, Head] = getattr(encoder, "heads", None) or {}
    return next((head for head in heads.values() if head.card.kind == WORD_HEAD), None)


def _tell(progress: Progress | None, what: str) -> None:
    if progress is not None:
        progress(0, None, what)


def tuned(store: Store) -> dict[str, Any]:
    """What `tune` found before; empty where it was not run."""
    return read_tuned(store.path)
