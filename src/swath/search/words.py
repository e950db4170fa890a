"""The words of a query and of tiles, as the sparse stage and explanations use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from swath.archive.lists import NAMED, DamagedListsError, Lists, Postings, in_memory, is_word
from swath.archive.lists import build_postings as _build
from swath.encoders import words_of
from swath.search.query import EncodedQuery
from swath.types import Gallery

_Answer = TypeVar("_Answer")

_tails: WeakKeyDictionary[Lists, Postings] = WeakKeyDictionary()


def lists_of(gallery: Gallery) -> Lists | None:
    """The lists of a gallery, if it has any that fit."""
    return getattr(gallery, "lists", None)


def with_lists(gallery: Gallery, work: Callable[[Lists | None], _Answer]) -> _Answer:
    """What `work` gives for the gallery's lists, built again first where they turn out to be damaged."""
    try:
        return work(lists_of(gallery))
    except DamagedListsError as error:
        mend = getattr(gallery, "mend_lists", None)
        if mend is None:
            raise
        mend(error)
        return work(lists_of(gallery))


def words_asked(lists: Lists, query: EncodedQuery) -> dict[str, float]:
    """Words to weights: those of the head, and the query's own words that the head does not know.

    A query without texts, a picture or an example, has the words that the head sees in it.
    """
    found: dict[str, float] = {}
    head = lists.terms
    if head is not None:
        vector = query.dense[None]
        text = [" ".join(query.texts)]
        rows = head.of_texts(vector, text) if query.texts else head.of_images(vector)
        numbers, weights = rows.row(0)
        found = {
            head.words[number]: weight
            for number, weight in zip(numbers.tolist(), weights.tolist(), strict=True)
        }
    known = {} if head is None else head.numbers
    for word in (word for text in query.texts for word in words_of(text)):
        if word not in known and is_word(word):
            found[word] = NAMED
    return found


def asked(postings: Postings, words: dict[str, float]) -> list[tuple[int, float]]:
    """Numbers and weights of the words that stand in the postings."""
    pairs = [(postings.number(word), weight) for word, weight in words.items()]
    return [(number, weight) for number, weight in pairs if number is not None]


def matched_words(gallery: Gallery, query: EncodedQuery, row: int) -> dict[str, float]:
    """The words that a query and a tile share, with what each brings to the sparse score, largest first.

    Empty where the gallery has no words.
    """

    def work(lists: Lists | None) -> dict[str, float]:
        if lists is None or lists.postings is None:
            return {}
        postings, place = lists.postings, int(lists.places[row])
        if place < 0:
            postings, place = tail_postings(gallery, lists), int(np.searchsorted(lists.tail, row))
        shared = {}
        for word, weight in words_asked(lists, query).items():
            number = postings.number(word)
            if number is None:
                continue
            part = postings.part(number)
            places = postings.read("places", part)
            at = int(np.searchsorted(places, place))
            if at < len(places) and places[at] == place:
                shared[word] = weight * float(postings.read("weights", part)[at])
        return dict(sorted(shared.items(), key=lambda item: -item[1]))

    return with_lists(gallery, work)


def tail_postings(gallery: Gallery, lists: Lists) -> Postings:
    """Postings of the tiles that are in no list; places count along `lists.tail`. Made once."""
    if lists not in _tails:
        head, dense, tail = lists.terms, gallery.signal("dense"), lists.tail
        names = getattr(gallery, "words", None)
        _tails[lists] = _build(
            len(tail),
            () if head is None else head.words,
            lambda part: None if head is None else head.of_images(dense[tail[part]]),
            lambda part: [()] * (part.stop - part.start) if names is None else names(tail[part]),
            in_memory,
        )
    return _tails[lists]
