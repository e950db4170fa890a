from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import ExpressionError, InputError
from swath.search import MemoryGallery, mask, parse_expression
from swath.search.filters import inside
from swath.types import Bounds
from tests.search.galleries import places

GALLERY = places()


def found(where: str | None = None, bbox: Bounds | None = None, gallery: MemoryGallery = GALLERY) -> str:
    """The last characters of the ids that pass."""
    allowed = mask(gallery, where, bbox)
    assert allowed is not None and allowed.dtype == bool and allowed.shape == (len(gallery),)
    return " ".join(bytes(name).decode() for name in gallery.ids[allowed])


def test_no_filter_is_no_mask() -> None:
    assert mask(GALLERY) is None


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("cloud < 20", "aa0 ab2"),
        ("cloud <= 20.5", "aa0 aa1 ab2"),
        ("cloud > 2e1", "aa1 b34"),
        ("cloud >= 5", "aa0 aa1 b34"),
        ("cloud = 5.0", "aa0"),
        ("cloud != 5", "aa1 ab2 b34"),
        ("cloud in (0, 5)", "aa0 ab2"),
        ("cloud>-1", "aa0 aa1 ab2 b34"),
        ("not cloud > 10", "aa0 ab2 b33 c55"),
        ("not not cloud > 10", "aa1 b34"),
        ("cloud < 10 or cloud > 50 and night = true", "aa0 ab2 b34"),
        ("(cloud < 10 or cloud > 50) and night = true", "aa0 b34"),
        ("NOT cloud < 10 AND cloud < 50", "aa1"),
        ("zone = 32", "aa0"),
        ("zone = '32'", "aa0"),
        ("zone != 32", "aa1 ab2 b33"),
        ('zone = "San José"', "b33"),
        ("zone in (32, 33, 'x')", "aa0 aa1"),
        ("zone < 33", "aa0"),
        ("zone = true", "ab2"),
        ("night = true", "aa0 b34"),
        ("night = FALSE", "aa1"),
        ("night != true", "aa1"),
        ("night = 'true'", ""),
        ("eo:gsd = .5", "b33"),
        ("'eo:gsd' <= 0.5", "b33"),
        ("source = scenes/aa0.tif", "aa0"),
        ("width = 256 and height >= 132", "b34 c55"),
        ("time = 2021-06-30", "aa0"),
        ("time = 2021-06", "aa0"),
        ("time = 2021", "aa0 aa1"),
        ("time in (2021-07, 2022)", "aa1 ab2"),
        ("time != 2021", "ab2 b34"),
        ("time < 2021-07-01", "aa0 b34"),
        ("time <= 2021-07-01", "aa0 aa1 b34"),
        ("time > 2021", "ab2"),
        ("time >= 2021-07-01", "aa1 ab2"),
        ("time = 2021-06-30T12:00:00Z", "aa0"),
        ("time = '2021-06-30 14:00:00+02:00'", "aa0"),
        ("time > 2021-06-30T12:00", "aa1 ab2"),
        ("time < 9999-12", "aa0 aa1 ab2 b34"),
    ],
)
def test_expressions(where: str, names: str) -> None:
    assert found(where) == names


@pytest.mark.parametrize(
    ("where", "message", "place"),
    [
        ("", "the name of an attribute must follow, and it ends here", ""),
        ("clod < 5", "unknown attribute 'clod'; did you mean 'cloud'? Known: cloud, eo:gsd,", "clod"),
        ("xyzzy = 1", "unknown attribute 'xyzzy'. Known: ", "xyzzy"),
        ("cloud", ">= or in must follow, and it ends here", ""),
        ("cloud 5", ">= or in must follow, and here is '5'", "5"),
        ("cloud == 5", "(write =)", "=="),
        ("cloud <", "a value must follow, and it ends here", ""),
        ("cloud < ten", "'cloud' is a number, and 'ten' is not one", "ten"),
        ("cloud = '5'", "'cloud' is a number", "'5'"),
        ("cloud in (1, x)", "'cloud' is a number", "x"),
        ("cloud in 5", "a list in brackets", "5"),
        ("cloud in ()", "a value must follow", ")"),
        ("cloud in (1", "',' or ')' must follow", ""),
        ("night < true", "true and false have no order", "true"),
        ("time > yesterday", "'yesterday' is not a time", "yesterday"),
        ("time = 2021-13", "'2021-13' is not a time", "2021-13"),
        ("time = 2021-02-30", "is not a time", "2021-02-30"),
        ("time = 20210630", "'20210630' is not a time", "20210630"),
        ("time > 2021-W26-3", "is not a time", "2021-W26-3"),
        ("(cloud < 5", "'and', 'or' or ')' must follow", ""),
        ("cloud < 5)", "'and', 'or' or the end must follow", ")"),
        ("cloud < 5 and", "the name of an attribute must follow", ""),
        ("and = 5", "quote a word that is a keyword", "and"),
        ("cloud = not", "quote a word that is a keyword", "not"),
        ("zone = 'San", "this quote is not closed", "'San"),
        ("(" * 150 + "cloud<1" + ")" * 150, "more than 100 deep", "("),
        ("a" * 5000 + " = 1", "unknown attribute", "a" * 88),
    ],
)
def test_errors_point_at_the_place(where: str, message: str, place: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        mask(GALLERY, where)
    first, shown, carets = str(caught.value).splitlines()
    assert message in first
    start = len(carets) - len(carets.lstrip())
    assert shown[start : len(carets)] == place
    assert carets.strip() == "^" * max(1, len(place))


WORDS = [
    "cloud",
    "time",
    "night",
    "zone",
    "and",
    "or",
    "not",
    "in",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    ">=",
    "5",
    "2021-06",
    "true",
    "'x'",
    "'",
    " ",
]


@settings(deadline=None, max_examples=300)
@given(
    st.text()
    | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
    | st.lists(st.sampled_from(WORDS)).map("".join)
)
def test_any_text_is_a_mask_or_an_expression_error(text: str) -> None:
    try:
        allowed = mask(GALLERY, text)
    except ExpressionError:
        return
    assert allowed is not None and allowed.shape == (6,)


@given(st.sampled_from(["time", "cloud", "zone", "night"]), st.text(min_size=1))
def test_any_literal_is_a_mask_or_an_expression_error(key: str, literal: str) -> None:
    quoted = literal.replace("\\", "\\\\").replace("'", "\\'")
    try:
        allowed = mask(GALLERY, f"{key} <= '{quoted}'")
    except ExpressionError:
        assert key != "zone"
        return
    assert allowed is not None


def test_long_chains_do_not_overflow() -> None:
    assert found(" or ".join(["cloud = 5"] * 5000)) == "aa0"
    assert found("not " * 5000 + "cloud = 5") == "aa0"
    parse_expression(" and ".join(["a = 1"] * 5000))


@pytest.mark.parametrize(
    ("bbox", "names"),
    [
        ((0.2, 0.2, 0.3, 0.3), "aa0"),
        ((0, 0, 2, 2), "aa0 aa1"),
        ((1, 1, 1, 1), "aa0 aa1"),
        ((2, 2, 3, 3), "aa1"),
        ((2.01, 2, 3, 3), ""),
        ((-180, -90, 180, 90), "aa0 aa1 ab2 b33 b34"),
        ((179.5, -10, 179.6, -9), "ab2 b33"),
        ((-179.5, -10, -179.4, -9), "ab2"),
        ((-180, -10, -179.9, -9), "ab2 b33"),
        ((179.9, -10, -179.9, -9), "ab2 b33"),
        ((170, -10, -170, -9.5), "ab2 b33"),
        ((-170, -10, 170, -9), ""),
        ((1, -10, 0, 10), "aa0 aa1 ab2 b33"),
        ((10, 50, 10, 50), "b34"),
        ((9, 50.1, 11, 51), ""),
    ],
)
def test_boxes(bbox: Bounds, names: str) -> None:
    assert found(bbox=bbox) == names


def test_a_box_and_an_expression_hold_together() -> None:
    assert found("cloud < 10", (0, 0, 2, 2)) == "aa0"


@pytest.mark.parametrize(
    "bbox",
    [
        (0, 2, 1, 1),
        (0, 0, 181, 1),
        (-181, 0, 1, 1),
        (0, -91, 1, 1),
        (0, 0, 1, 91),
        (math.nan, 0, 1, 1),
        (0, 0, math.inf, 1),
    ],
)
def test_bad_boxes_are_refused(bbox: Bounds) -> None:
    with pytest.raises(InputError, match=r"box|Box"):
        mask(GALLERY, None, bbox)


degrees = st.integers(-36, 36).map(lambda x: x * 5.0)


@settings(deadline=None)
@given(degrees, degrees, degrees, degrees)
def test_boxes_agree_with_walking_round_the_circle(
    west: float, east: float, left: float, right: float
) -> None:
    def degrees_of(first: float, last: float) -> set[float]:
        steps = int((last - first + 360 * (first > last)) / 5)
        return {(first + 5 * i) % 360 for i in range(steps + 1)}

    tiles = np.array([[left, 0.0, right, 1.0]])
    expected = bool(degrees_of(west, east) & degrees_of(left, right))
    assert inside(tiles, (west, 0.0, east, 1.0)).tolist() == [expected]
