"""The benchmark of nearest-neighbour search as a plot."""

from __future__ import annotations

from html import escape

import numpy as np

from swath.errors import InputError
from swath.evaluation.ann import AnnResult
from swath.evaluation.plots import COLOURS, document, legend, stroke

_WIDTH, _HEIGHT, _LEFT, _TOP = 560, 340, 60, 30
_LOST = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Lines across: what is missed to 1."""
_LEAST = 0.0005
"""What is missed at most by whoever is drawn at the top."""


def pareto_chart(result: AnnResult) -> str:
    """Recall@10 of texts over milliseconds of one query, a line for each peer, as SVG.

    Up is what is missed, by decades, since the last per cent is the dear one. Raises `InputError` where no
    peer has a result.
    """
    points = {one.name: sorted((s.single, 1 - s.texts) for s in one.settings) for one in result.peers}
    if not points:
        raise InputError("no peer has a result: there is nothing to draw")
    times = [np.log10(x) for line in points.values() for x, _ in line]
    first, last = int(np.floor(2 * min(times))) / 2, int(np.floor(2 * max(times)) + 1) / 2
    worst = max(lost for line in points.values() for _, lost in line)
    low = min([line for line in _LOST if line >= worst], default=1.0)
    span = np.log10(low / _LEAST)

    def across(milliseconds: float) -> float:
        return _LEFT + _WIDTH * float((np.log10(milliseconds) - first) / (last - first))

    def down(lost: float) -> float:
        return _TOP + _HEIGHT * float(np.log10(max(lost, _LEAST) / _LEAST) / span)

    parts = []
    for lost in (*(line for line in _LOST if line <= low), _LEAST):
        y, label = down(lost), "1" if lost == _LEAST else f"{1 - lost:g}"
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        )
    for exponent in range(int(np.floor(first)), int(np.ceil(last)) + 1):
        for digit in (1, 2, 5):
            x = across(digit * 10.0**exponent)
            if not _LEFT <= x <= _LEFT + _WIDTH + 1:
                continue
            parts.append(
                f'<path d="M{x:.1f} {_TOP}v{_HEIGHT}" stroke="#ddd"/><text x="{x:.1f}" '
                f'y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{digit * 10.0**exponent:g} ms</text>'
            )
    for place, line in enumerate(points.values()):
        marks = [(across(x), down(lost)) for x, lost in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in marks)
        parts.append(f'<path d="M{path}" {stroke(place)} fill="none"/>')
        colour = COLOURS[place % len(COLOURS)]
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in marks]
    title = f"recall@10 of {result.vectors:,} vectors, text queries, one at a time on one thread"
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 10}">{escape(title)}</text>')
    y = _TOP + _HEIGHT + 46
    return document([*parts, *legend(list(points), _LEFT, y)], _LEFT + _WIDTH + 30, y + 18 * len(points))
