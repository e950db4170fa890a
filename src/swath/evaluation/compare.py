"""Several results side by side: tables, and each one tested against the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from swath.evaluation.results import EvalResult, Result, SpeedResult, ZeroShotResult
from swath.evaluation.significance import Difference, difference

Named = tuple[str, Result]
"""A result and what it is called, such as its file."""

_RECALLS = ("I2T R@1", "I2T R@5", "I2T R@10", "T2I R@1", "T2I R@5", "T2I R@10")


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of cells; `right` names the columns of numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...]


def differences(results: Sequence[Named]) -> dict[str, Difference]:
    """Every result of retrieval against the first one, by name; empty where there are fewer than two.

    Raises `InputError` where one of them cannot be compared with the first (see
    `swath.evaluation.significance`).
    """
    retrieval = [(name, result) for name, result in results if isinstance(result, EvalResult)]
    if len(retrieval) < 2:
        return {}
    name, first = retrieval[0]
    return {other: difference(first, result, (name, other)) for other, result in retrieval[1:]}


def tables(results: Sequence[Named], tested: dict[str, Difference]) -> list[Table]:
    """One table for each kind of result that is there: retrieval, zero-shot, speed."""
    found = []
    if retrieval := [(name, one) for name, one in results if isinstance(one, EvalResult)]:
        found.append(_retrieval(retrieval, tested))
    if classes := [(name, one) for name, one in results if isinstance(one, ZeroShotResult)]:
        found.append(_zero_shot(classes))
    if speeds := [(name, one) for name, one in results if isinstance(one, SpeedResult)]:
        found.append(_speed(speeds))
    return found


def _retrieval(results: Sequence[tuple[str, EvalResult]], tested: dict[str, Difference]) -> Table:
    more = ("mR change", "p") if tested else ()
    limit = ("ceiling",) if any(one.ceiling for _, one in results) else ()
    flagged = ("flags",) if any(one.flags for _, one in results) else ()
    rows = []
    for name, one in results:
        low, high = one.interval.low.mr, one.interval.high.mr
        cells = [
            name,
            f"{one.dataset} {one.split}",
            one.protocol,
            one.encoder.name,
            one.pipeline,
            *(f"{value:.2f}" for side in (one.i2t, one.t2i) for value in (side.r1, side.r5, side.r10)),
            f"{one.mr:.2f} [{low:.2f}, {high:.2f}]",
        ]
        if limit:
            cells.append("" if one.ceiling is None else f"{one.ceiling.mr:.2f}")
        if name in tested:
            by = tested[name]
            cells += [
                f"{by.delta.mr:+.2f} [{by.low.mr:+.2f}, {by.high.mr:+.2f}]",
                f"{by.p.mr:.4f}",
            ]
        elif tested:
            cells += ["", ""]
        if flagged:
            cells.append(" ".join(one.flags))
        rows.append(tuple(cells))
    header = ("result", "data", "protocol", "encoder", "pipeline", *_RECALLS, "mR", *limit, *more, *flagged)
    return Table(header, tuple(rows), (*_RECALLS, "mR", *limit, *more))


def _zero_shot(results: Sequence[tuple[str, ZeroShotResult]]) -> Table:
    rows = tuple(
        (
            name,
            one.dataset,
            one.encoder.name,
            f"{one.images:,}",
            f"{one.accuracy:.2f} [{one.interval[0]:.2f}, {one.interval[1]:.2f}]",
        )
        for name, one in results
    )
    return Table(("result", "data", "encoder", "images", "accuracy"), rows, ("images", "accuracy"))


def _speed(results: Sequence[tuple[str, SpeedResult]]) -> Table:
    rows = tuple(
        (
            name,
            one.pipeline,
            f"{size.tiles:,}",
            f"{size.bytes_per_tile:,.0f}",
            *(f"{value:.2f}" for value in (size.single.p50, size.single.p95, size.single.p99)),
            f"{size.batch.p50 / size.batch.queries:.2f}",
            f"{size.floor:.2f}",
        )
        for name, one in results
        for size in one.sizes
    )
    numbers = ("tiles", "bytes/tile", "p50 ms", "p95 ms", "p99 ms", "batched ms/query", "floor ms")
    return Table(("result", "pipeline", *numbers), rows, numbers)
