"""Recall against latency and recall by class, as SVG drawn by hand like the recall curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from swath.errors import InputError
from swath.evaluation.plots import COLOURS, document, legend
from swath.evaluation.results import EvalResult, Result, SpeedResult

_WIDTH, _HEIGHT, _LEFT, _TOP = 560, 320, 60, 30


@dataclass(frozen=True, slots=True)
class Cost:
    """One result: what it finds and how long a query takes."""

    name: str
    milliseconds: float
    mr: float


def costs(results: Sequence[tuple[str, Result]]) -> list[Cost]:
    """mR and latency of each result of retrieval.

    Where results of `bench speed` are among them, the latency is that of the same pipeline there: p50 of one
    query at the largest gallery. Else it is the evaluation's own ranking time, shared by its queries. Raises
    `InputError` where there is nothing to draw, or a pipeline was not measured.
    """
    speeds = {one.pipeline: one.sizes[-1].single.p50 for _, one in results if isinstance(one, SpeedResult)}
    found = []
    for name, one in results:
        if not isinstance(one, EvalResult):
            continue
        if speeds and one.pipeline not in speeds:
            raise InputError(f"no result of bench speed has the pipeline of {name}: {one.pipeline}")
        own = 1e3 * sum(one.stage_seconds.values()) / (one.images + one.captions)
        found.append(Cost(name, speeds.get(one.pipeline, own), one.mr))
    if not found or any(cost.milliseconds <= 0 for cost in found):
        raise InputError(
            "recall against latency needs results of retrieval that know the time of their stages"
        )
    return found


def latency_chart(results: Sequence[tuple[str, Result]]) -> str:
    """mR over milliseconds for a query, on a logarithmic axis. Raises `InputError` as `costs` does."""
    points = costs(results)
    decades = [math.log10(point.milliseconds) for point in points]
    first, last = math.floor(min(decades)), math.floor(max(decades)) + 1
    top = min(100.0, 10.0 * math.ceil(max(point.mr for point in points) / 10 + 0.01))

    def across(decade: float) -> float:
        return _LEFT + _WIDTH * (decade - first) / (last - first)

    def down(percent: float) -> float:
        return _TOP + _HEIGHT * (1 - percent / top)

    parts = []
    for step in range(6):
        y = down(top * step / 5)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * step / 5:g}</text>'
        )
    for power in range(first, last + 1):
        x = across(power)
        parts.append(
            f'<path d="M{x:.1f} {_TOP}v{_HEIGHT}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{10.0**power:g}</text>'
        )
    for place, (point, decade) in enumerate(zip(points, decades, strict=True)):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<circle cx="{across(decade):.1f}" cy="{down(point.mr):.1f}" r="5" fill="{colour}"/>')
    parts.append(
        f'<text x="{_LEFT + _WIDTH / 2}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle">'
        "milliseconds for a query, mR in per cent</text>"
    )
    names = [f"{point.name}: {point.mr:.2f}, {point.milliseconds:.3g} ms" for point in points]
    y = _TOP + _HEIGHT + 60
    return document([*parts, *legend(names, _LEFT, y)], _LEFT + _WIDTH + 30, y + 18 * len(points))


def class_chart(results: Sequence[tuple[str, Result]]) -> str:
    """mR of each class, a bar for every result; classes fall with the first one's mR.

    Raises `InputError` where no result of retrieval knows classes.
    """
    known = [(name, one) for name, one in results if isinstance(one, EvalResult) and one.classes]
    if not known:
        raise InputError("none of the results knows the classes of its images: there is no recall by class")
    first = known[0][1].classes
    classes = sorted(first, key=lambda label: (-first[label].mr, label))
    high = 6 * len(known) + 6
    parts = []
    for row, label in enumerate(classes):
        y = _TOP + row * high
        name = f"{escape(label)} ({first[label].images})"
        parts.append(f'<text x="{3 * _LEFT - 6}" y="{y + high / 2 + 1}" text-anchor="end">{name}</text>')
        for place, (_, one) in enumerate(known):
            if label in one.classes:
                width = (_WIDTH - 2 * _LEFT) * one.classes[label].mr / 100
                colour = COLOURS[place % len(COLOURS)]
                parts.append(
                    f'<rect x="{3 * _LEFT}" y="{y + 6 * place + 2}" width="{width:.1f}" height="5" '
                    f'fill="{colour}"><title>{escape(label)} {one.classes[label].mr:.2f}</title></rect>'
                )
    y = _TOP + high * len(classes)
    for percent in range(0, 101, 20):
        x = 3 * _LEFT + (_WIDTH - 2 * _LEFT) * percent / 100
        parts.append(
            f'<path d="M{x:.1f} {_TOP}V{y}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle">{percent}</text>'
        )
    names = [name for name, _ in known]
    return document(
        [*parts, *legend(names, 3 * _LEFT, y + 40)], _LEFT + _WIDTH + 30, y + 40 + 18 * len(known)
    )
