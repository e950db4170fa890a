from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swath.captions import normalise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Many planes, parked .", "many planes parked"),
        ("  two\tdense\n residential-areas ", "two dense residential areas"),
        ("Straße 7b", "stra e 7b"),
        (" .", ""),
        ("", ""),
    ],
)
def test_normalise(text: str, words: str) -> None:
    assert normalise(text) == words


@given(st.text())
def test_a_normalised_text_stays_as_it_is(text: str) -> None:
    words = normalise(text)
    assert normalise(words) == words
    assert set(words) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")
    assert words.split(" ") == (words.split() or [""])
