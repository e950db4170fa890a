from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swath.imagery.exif import orientation, parse_time, position, taken
from swath.types import Footprint

NOON = datetime(2024, 5, 17, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024:05:17 12:00:00", NOON),
        ("2024:05:17 12:00:00\0", NOON),
        ("2024-05-17T12:00:00Z", NOON),
        ("2024-05-17T14:00:00.123+02:00", NOON),
        ("2024:05:17 07:30:00-0430", NOON),
        ("2024/5/17 12:00:00", NOON),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024:02:30 12:00:00", None),
        ("2024:05:17 24:00:00", None),
        ("2024:05:17", None),
        ("yesterday", None),
        ("", None),
        ("0001:01:01 00:00:00+12:00", None),
        ("9999:12:31 23:59:59-12:00", None),
        ("2024:05:17 12:00:00+99:99", NOON),
    ],
)
def test_times_as_they_are_written(text: str, time: datetime | None) -> None:
    assert parse_time(text) == time


@given(st.text() | st.from_regex(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d([+-]\d\d:\d\d)?", fullmatch=True))
def test_a_time_is_in_utc_or_none(text: str) -> None:
    time = parse_time(text)
    assert time is None or time.tzinfo is UTC


def test_the_clock_with_its_offset_comes_first() -> None:
    exif = {0x9003: "2024:05:17 14:00:00", 0x9011: "+02:00"}
    gps = {29: "2024:05:17", 7: (11.0, 59.0, 30.0)}
    assert taken({}, exif, gps) == NOON
    assert taken({}, {0x9003: exif[0x9003]}, gps) == NOON.replace(hour=11, minute=59, second=30)
    assert taken({}, {0x9003: exif[0x9003]}, {}) == NOON.replace(hour=14)


def test_other_times_stand_in() -> None:
    assert taken({}, {0x9004: "2024:05:17 12:00:00"}, {}) == NOON
    assert taken({0x0132: "2024:05:17 13:00:00"}, {0x9010: "+01:00"}, {}) == NOON
    assert taken({0x0132: "2024:05:17 13:00:00"}, {0x9003: "0000:00:00 00:00:00"}, {}) == NOON.replace(
        hour=13
    )
    assert taken({}, {}, {29: "2024:05:17", 7: (25.0, 0.0, 0.0)}) is None
    assert taken({}, {}, {}) is None


NORTH_EAST = {1: "N", 2: (52.0, 30.0, 36.0), 3: "E", 4: (13.0, 15.0, 0.0)}


def test_positions_in_degrees_minutes_and_seconds() -> None:
    assert position(NORTH_EAST) == Footprint(((13.25, 52.51),))
    assert position({**NORTH_EAST, 1: "S", 3: b"W\0"}) == Footprint(((-13.25, -52.51),))
    assert position({**NORTH_EAST, 2: (52.51,)}) == Footprint(((13.25, 52.51),))


@pytest.mark.parametrize(
    "wrong",
    [
        {2: None},
        {2: "52"},
        {2: ()},
        {2: (91.0, 0.0, 0.0)},
        {2: (float("nan"), 0.0, 0.0)},
        {4: (181.0,)},
        {4: ("x", "y", "z")},
        {9: "V"},
    ],
)
def test_a_position_that_is_none(wrong: dict[int, Any]) -> None:
    assert position({**NORTH_EAST, **wrong}) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(6, 6), (1, 1), (0, 1), (9, 1), ("6", 1), (None, 1), ((6,), 1)]
)
def test_orientations(value: Any, expected: int) -> None:
    assert orientation({0x0112: value}) == expected
    assert orientation({}) == 1


VALUES = (
    st.none()
    | st.text()
    | st.binary()
    | st.floats()
    | st.lists(st.floats() | st.integers()).map(tuple)
    | st.integers()
)


@given(
    st.dictionaries(st.sampled_from([1, 2, 3, 4, 7, 9, 29, 0x0112, 0x0132, 0x9003, 0x9004, 0x9011]), VALUES)
)
def test_any_tags_give_something_sound(tags: dict[int, Any]) -> None:
    assert 1 <= orientation(tags) <= 8
    place = position(tags)
    assert place is None or (abs(place.ring[0][0]) <= 180 and abs(place.ring[0][1]) <= 90)
    time = taken(tags, tags, tags)
    assert time is None or time.tzinfo is UTC
