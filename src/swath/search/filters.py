"""Which rows a query may find: a filter expression over attributes, a box, an area, a distance from a point.

Logic is two-valued. A comparison with a missing value is false, `!=` too; `not` turns the answer round, so
that `not cloud > 10` holds where `cloud` is missing and `cloud <= 10` does not.

What is compared with what follows the attribute, not the literal: numbers with numbers, text with the literal
as it was written (`zone = 32` finds the text 32), bare `true` and `false` with truth values. A literal for
`time` is a year, a month, a day or a moment in ISO 8601; without an offset it is UTC. A year, month or day is
the whole of it: `time = 2021-06` is any moment of June, `time > 2021-06` begins with July.

A tile is in a box when the bounds of its footprint and the box have a point in common, edges included. A box
whose west is larger than its east crosses the antimeridian. Areas and distances go by the footprints
themselves: `swath.search.places` and `swath.search.areas`. A tile without a footprint is in none of them.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search.caret import listed, nearest, short
from swath.search.expression import Comparison, Every, Expression, Literal, Not, Term, parse_expression
from swath.types import Array, Bounds, Gallery

__all__ = ["inside", "mask", "matches", "parse_expression"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPAN = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def mask(
    gallery: Gallery,
    where: str | None = None,
    bbox: Bounds | None = None,
    area: Mapping[str, Any] | None = None,
    near: tuple[float, float, float] | None = None,
) -> NDArray[np.bool_] | None:
    """bool[n] of the rows that pass all filters, or None where there is no filter.

    `area` is a GeoJSON object, `near` a longitude, a latitude and metres. Raises `ExpressionError` for an
    expression that does not parse or fit, `InputError` for a bad box, area or distance.
    """
    passing = [] if where is None else [matches(parse_expression(where), gallery)]
    if bbox is not None:
        passing.append(inside(gallery.bounds, bbox))
    if area is not None or near is not None:
        from swath.search.areas import area_of, disc
        from swath.search.places import touching

        if area is not None:
            passing.append(touching(gallery, area_of(area)))
        if near is not None:
            passing.append(touching(gallery, disc(*near)))
    return np.logical_and.reduce(passing) if passing else None


def inside(bounds: NDArray[np.float64], box: Bounds) -> NDArray[np.bool_]:
    """bool[n]: which of float64[n, 4] west, south, east, north (NaN: nowhere) touch the box."""
    if len(box) != 4 or not all(math.isfinite(edge) for edge in box):
        raise InputError(f"A box is four numbers, west, south, east and north in degrees, not {box}")
    west, south, east, north = box
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise InputError(
            f"Box {box}: longitudes lie from -180 to 180 and latitudes from -90 to 90, longitude first"
        )
    if south > north:
        raise InputError(f"Box {box}: south is larger than north; the order is west, south, east, north")
    east += 360 * (west > east)
    left, bottom, right, top = bounds.T
    right = right + 360 * (left > right)
    # Longitudes lie on a circle: the same tile seen one turn earlier and one later.
    turns = [(left + turn <= east) & (right + turn >= west) for turn in (-360, 0, 360)]
    touching: NDArray[np.bool_] = (bottom <= north) & (top >= south) & np.logical_or.reduce(turns)
    return touching


def matches(expression: Expression, gallery: Gallery) -> NDArray[np.bool_]:
    """bool[n]: where the expression holds. Raises `ExpressionError` where it does not fit the attributes."""

    def holds(term: Term) -> NDArray[np.bool_]:
        if isinstance(term, Comparison):
            return _compare(expression, term, gallery)
        if isinstance(term, Not):
            return ~holds(term.term)
        joined = np.logical_and if isinstance(term, Every) else np.logical_or
        found = holds(term.terms[0])
        for other in term.terms[1:]:
            found = joined(found, holds(other))
        return found

    return holds(expression.root)


def _compare(expression: Expression, term: Comparison, gallery: Gallery) -> NDArray[np.bool_]:
    key = term.key.text
    if key not in gallery.attributes:
        expression.fail(
            f"unknown attribute {short(key)}{nearest(key, gallery.attributes)} "
            f"Known: {listed(gallery.attributes)}",
            term.key,
        )
    column = gallery.attribute(key)
    one = _one_time if key == "time" else _one_number if column.dtype.kind == "f" else _one_word
    if term.operator != "in":
        return one(expression, term, column, term.literals[0])
    found = np.zeros(len(column), bool)
    for literal in term.literals:
        found |= one(expression, term, column, literal)
    return found


def _one_number(
    expression: Expression, term: Comparison, column: Array, literal: Literal
) -> NDArray[np.bool_]:
    if literal.quoted or not _NUMBER.fullmatch(literal.text):
        expression.fail(f"{short(term.key.text)} is a number, and {short(literal.text)} is not one", literal)
    number = float(literal.text)
    return _between(column, term.operator, number, number)


def _one_time(expression: Expression, term: Comparison, column: Array, literal: Literal) -> NDArray[np.bool_]:
    try:
        first, last = _moments(literal.text)
    except ValueError:
        expression.fail(
            f'{short(literal.text)} is not a time: write 2021, 2021-06, 2021-06-30 or "2021-06-30T10:15:00Z"',
            literal,
        )
    return _between(column, term.operator, first, last)


def _between(column: Array, compared: str, first: float, last: float) -> NDArray[np.bool_]:
    """Compare numbers with a literal that stands for all from `first` to `last`. NaN compares as false."""
    found: NDArray[np.bool_]
    if compared in _ORDER:
        found = _ORDER[compared](column, first if compared in ("<", ">=") else last)
    elif compared == "!=":
        found = (column < first) | (column > last)
    else:
        found = (column >= first) & (column <= last)
    return found


def _moments(text: str) -> tuple[float, float]:
    """First and last moment, in seconds since 1970, that a time stands for. Raises `ValueError`."""
    if _SPAN.fullmatch(text):
        start = np.datetime64(text)  # in the unit that the text has: years, months or days
        first, after = ((start + i).astype("datetime64[s]").astype(np.float64) for i in (0, 1))
        return float(first), float(np.nextafter(after, -np.inf))
    if ":" not in text and "T" not in text.upper():
        # Python reads 20210630 and 2021-W26-3 as the midnight of a day of which the whole is meant.
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds, seconds


def _one_word(expression: Expression, term: Comparison, column: Array, literal: Literal) -> NDArray[np.bool_]:
    truth = None if literal.quoted else {"true": True, "false": False}.get(literal.text.lower())
    if term.operator in _ORDER:
        if truth is not None:
            expression.fail(
                f"true and false have no order; compare {short(term.key.text)} by = or !=", literal
            )
        compare = _ORDER[term.operator]
        return _each(lambda value: isinstance(value, str) and compare(value, literal.text), column)
    equal = _equal(column, literal.text)
    if truth is not None:
        equal |= _equal(column, truth)
    return equal if term.operator != "!=" else _each(lambda value: value is not None, column) & ~equal


def _equal(column: Array, value: str | bool) -> NDArray[np.bool_]:
    return np.asarray(column == value, bool)


def _each(holds: Callable[[Any], bool], column: Array) -> NDArray[np.bool_]:
    return np.fromiter(map(holds, column), bool, len(column))
