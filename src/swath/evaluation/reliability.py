"""The reliability diagram: predicted probabilities against what was observed, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from swath.evaluation.calibration import Reliability
from swath.evaluation.plots import COLOURS, document, legend, stroke

_SIDE, _LEFT, _TOP = 300, 60, 20


def reliability_chart(measured: Sequence[Reliability]) -> str:
    """One line for each fit; on the diagonal the probabilities are right. Axes end above all points."""
    largest = max((max(one.predicted, one.observed) for each in measured for one in each.bins), default=1.0)
    top = next(end for end in (0.05, 0.1, 0.2, 0.5, 1.0) if largest <= end)

    def place(predicted: float, observed: float) -> str:
        return f"{_LEFT + _SIDE * predicted / top:.1f},{_TOP + _SIDE * (1 - observed / top):.1f}"

    parts = [
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>',
        f'<path d="M{_LEFT} {_TOP + _SIDE}l{_SIDE} {-_SIDE}" stroke="#bbb" stroke-dasharray="4"/>',
        f'<text x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + 36}" text-anchor="middle">predicted</text>',
        f'<text x="16" y="{_TOP + _SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {_TOP + _SIDE / 2})">observed</text>',
    ]
    for step in range(6):
        value, offset = top * step / 5, _SIDE * step / 5
        parts.append(
            f'<text x="{_LEFT + offset}" y="{_TOP + _SIDE + 18}" text-anchor="middle">{value:g}</text>'
            f'<text x="{_LEFT - 6}" y="{_TOP + _SIDE - offset + 4}" text-anchor="end">{value:g}</text>'
        )
    for number, each in enumerate(measured):
        points = " ".join(place(one.predicted, one.observed) for one in each.bins)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" {stroke(number)}/>')
        parts += [
            f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
            for x, y in (place(one.predicted, one.observed).split(",") for one in each.bins)
        ]
    names = [f"{one.pipeline}, {one.kind}: off by {one.fit.error:.3f}" for one in measured]
    parts += legend(names, _LEFT, _TOP + _SIDE + 64)
    return document(parts, _LEFT + _SIDE + 30, _TOP + _SIDE + 70 + 18 * len(names))
