"""Recall curves as SVG, drawn by hand: lines, axes and a legend need no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from swath.errors import InputError
from swath.evaluation.packing import unpack
from swath.evaluation.results import EvalResult, Result

KS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100)

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_WIDTH, _HEIGHT, _LEFT, _TOP = 360, 260, 50, 40


@dataclass(frozen=True, slots=True)
class Curve:
    """Hit@k of one result, per cent at each of `KS`."""

    name: str
    i2t: tuple[float, ...]
    t2i: tuple[float, ...]


def recall_curves(results: Sequence[tuple[str, Result]]) -> list[Curve]:
    """A curve for each result of retrieval. Raises `InputError` where there is none, or one has no ranks."""
    curves = []
    for name, result in results:
        if not isinstance(result, EvalResult):
            continue
        if result.ranks is None:
            raise InputError(f"{name} holds no per-query ranks: evaluate again with this version of swath")
        ranks = [unpack(side)[0] for side in (result.ranks.i2t, result.ranks.t2i)]
        i2t, t2i = (tuple(100.0 * float(side.hits(k).mean()) for k in KS) for side in ranks)
        curves.append(Curve(name, i2t, t2i))
    if not curves:
        raise InputError("none of the results is one of retrieval: there are no recall curves to draw")
    return curves


def write_plot(drawn: str, path: Path) -> None:
    """Write an SVG document. Raises `InputError` where the path cannot be written."""
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the plot to {path}: {error.strerror}") from error


def recall_chart(results: Sequence[tuple[str, Result]]) -> str:
    """Both directions side by side. Raises `InputError` as `recall_curves` does."""
    curves = recall_curves(results)
    panels = (("image to text", [c.i2t for c in curves]), ("text to image", [c.t2i for c in curves]))
    parts = [
        _panel(title, lines, _LEFT + place * (_WIDTH + _LEFT)) for place, (title, lines) in enumerate(panels)
    ]
    y = _TOP + _HEIGHT + 60
    parts += legend([curve.name for curve in curves], _LEFT, y)
    return document(parts, 2 * (_WIDTH + _LEFT) + 30, y + 18 * len(curves))


def document(parts: Sequence[str], width: int, height: int) -> str:
    """An SVG document of these parts on white."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def legend(names: Sequence[str], left: int, top: int) -> list[str]:
    """A line for each name, as `stroke` draws that of its place."""
    return [
        f'<path d="M{left} {top + 18 * place - 4}h24" {stroke(place)}/>'
        f'<text x="{left + 32}" y="{top + 18 * place}">{escape(name)}</text>'
        for place, name in enumerate(names)
    ]


def stroke(place: int) -> str:
    """How the line of a place is drawn: colours come twice, the second time in dashes."""
    dashes = ' stroke-dasharray="6 3"' if place >= len(COLOURS) else ""
    return f'stroke="{COLOURS[place % len(COLOURS)]}" stroke-width="2"{dashes}'


def _panel(title: str, lines: Sequence[Sequence[float]], left: int) -> str:
    def across(k: int) -> float:
        return left + _WIDTH * (KS.index(k) / (len(KS) - 1))

    def down(percent: float) -> float:
        return _TOP + _HEIGHT * (1 - percent / 100)

    parts = [f'<text x="{left + _WIDTH / 2}" y="{_TOP - 14}" text-anchor="middle">{title}</text>']
    for percent in range(0, 101, 20):
        y = down(percent)
        parts.append(
            f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{percent}</text>'
        )
    parts += [
        f'<text x="{across(k):.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{k}</text>'
        for k in (1, 5, 10, 20, 50, 100)
    ]
    parts.append(
        f'<text x="{left + _WIDTH / 2}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle">'
        "k of hit@k (per cent)</text>"
    )
    for place, line in enumerate(lines):
        points = " ".join(f"{across(k):.1f},{down(value):.1f}" for k, value in zip(KS, line, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" {stroke(place)}/>')
    return "\n".join(parts)
