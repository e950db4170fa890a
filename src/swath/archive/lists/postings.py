"""Building the postings: what the word head sees in a tile, and the words that stand in its name and tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists.nouns import Postings
from swath.encoders import STOP_WORDS, SparseRows
from swath.types import Array

NAMED = 1.5
"""Weight of a word that stands in a name, a tag or a caption."""
BLOCK = 256
_ROWS = 2048
_LONGEST = 32
"""Letters of a word that count."""
_ENTRY = np.dtype([("word", np.int32), ("place", np.int32), ("weight", np.float16)])


def is_word(word: str) -> bool:
    """Whether a word of a name, a tag or a query is looked up: no number, and none that says nothing."""
    return len(word) > 1 and not word.isdigit() and word not in STOP_WORDS


def build_postings(
    count: int,
    known: Sequence[str],
    weighed: Callable[[slice], SparseRows | None],
    spoken: Callable[[slice], Sequence[Sequence[str]]],
    allocate: Callable[[str, tuple[int, ...], Any], Array],
) -> Postings:
    """Postings of `count` places.

    Args:
        count: places.
        known: the words of the head, by number.
        weighed: places to what the head gives; None where there is no head.
        spoken: places to the words of names, tags and captions.
        allocate: makes the arrays.
    """
    numbers = {word[:_LONGEST]: number for number, word in enumerate(known)}
    largest = np.float16(0)
    with TemporaryFile() as spill:
        for start in range(0, count, _ROWS):
            part = slice(start, min(start + _ROWS, count))
            entries = _entries(part, weighed(part), spoken(part), numbers)
            largest = max(largest, entries["weight"].max(initial=np.float16(0)))
            entries.tofile(spill)
        totals = np.zeros(len(numbers), np.int64)
        for entries in _read(spill):
            totals += np.bincount(entries["word"], minlength=len(numbers))
        words = sorted(word for word, number in numbers.items() if totals[number])
        rank = np.full(len(numbers), -1, np.int64)
        rank[[numbers[word] for word in words]] = np.arange(len(words))
        counts = totals[[numbers[word] for word in words]]
        ends = np.cumsum(counts)
        size = int(ends[-1]) if len(ends) else 0
        places = allocate("places", (size,), np.int32)
        weights = allocate("weights", (size,), np.float16)
        impacts = allocate("impacts", (size,), np.uint8)
        delta = float(largest) / 255 or 1.0
        free = ends - counts
        for entries in _read(spill):
            order = np.argsort(rank[entries["word"]], kind="stable")
            word = rank[entries["word"][order]]
            first = np.searchsorted(word, word)
            target = free[word] + np.arange(len(word)) - first
            places[target], weights[target] = entries["place"][order], entries["weight"][order]
            impacts[target] = impacts_of(entries["weight"][order], delta)
            free += np.bincount(word, minlength=len(words))
    block_ends, blocks, firsts, maxima = _blocks(ends, places, impacts)
    stored = {
        "words": np.array([word.encode() for word in words], f"S{_LONGEST}"),
        "word_ends": ends,
        "block_ends": block_ends,
        "blocks": blocks,
        "firsts": firsts,
        "maxima": maxima,
    }
    for name, values in stored.items():
        stored[name] = allocate(name, values.shape, values.dtype)
        stored[name][...] = values
    return Postings(
        words=stored["words"],
        ends=stored["word_ends"],
        places=places,
        impacts=impacts,
        weights=weights,
        delta=delta,
        block=BLOCK,
        block_ends=stored["block_ends"],
        blocks=stored["blocks"],
        firsts=stored["firsts"],
        maxima=stored["maxima"],
    )


def impacts_of(weights: NDArray[np.float16], delta: float) -> NDArray[np.uint8]:
    """Weights as 8 bits; what is not zero stays so."""
    scaled = np.floor(weights.astype(np.float64) / delta + 0.5)
    return np.clip(scaled, 1, 255).astype(np.uint8)


def _entries(
    part: slice, weighed: SparseRows | None, spoken: Sequence[Sequence[str]], numbers: dict[str, int]
) -> Array:
    """One entry for each word of each place; a word that is both seen and named has the larger weight."""
    keys = [np.zeros(0, np.int64)]
    weights = [np.zeros(0, np.float16)]
    if weighed is not None:
        counts = np.diff(weighed.ends, prepend=0)
        keys.append(np.repeat(np.arange(part.start, part.stop), counts) << 32 | weighed.terms)
        weights.append(np.minimum(weighed.weights, np.float32(60000)).astype(np.float16))
    named = [
        place << 32 | numbers.setdefault(word[:_LONGEST], len(numbers))
        for place, words in zip(range(part.start, part.stop), spoken, strict=True)
        for word in words
        if is_word(word)
    ]
    keys.append(np.array(named, np.int64))
    weights.append(np.full(len(named), NAMED, np.float16))
    key, weight = np.concatenate(keys), np.concatenate(weights)
    order = np.lexsort((-weight, key))
    key, weight = key[order], weight[order]
    keep = (np.diff(key, prepend=-1) != 0) & (weight > 0)
    entries = np.empty(int(keep.sum()), _ENTRY)
    entries["word"], entries["place"] = key[keep] & 0xFFFFFFFF, key[keep] >> 32
    entries["weight"] = weight[keep]
    return entries


def _read(spill: Any) -> Iterator[Array]:
    spill.seek(0)
    while len(entries := np.fromfile(spill, _ENTRY, 1 << 18)):
        yield entries


def _blocks(
    ends: NDArray[np.int64], places: NDArray[np.int32], impacts: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """For every word the blocks where it stands, where they begin, and its largest impact in each."""
    block_ends, total, start = [], 0, 0
    blocks, firsts, maxima = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [np.zeros(0, np.uint8)]
    for end in ends.tolist():
        block = places[start:end] // BLOCK
        first = np.flatnonzero(np.diff(block, prepend=-1))
        blocks.append(block[first].astype(np.int32))
        firsts.append(first.astype(np.int32))
        maxima.append(np.maximum.reduceat(impacts[start:end], first))
        total += len(first)
        block_ends.append(total)
        start = end
    joined = np.concatenate(blocks), np.concatenate(firsts), np.concatenate(maxima)
    return np.array(block_ends, np.int64), *joined
