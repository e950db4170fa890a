"""Captions as numbers, views, vocabulary: what training reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from swath.captions import CaptionedImage, CaptionedSet
from swath.errors import InputError, RecipeError
from swath.training.data import corpus, load_sets
from swath.training.texts import tokenizer_of
from swath.training.views import VIEWS, view
from swath.training.vocabulary import prune
from tests.captions import lookalike
from tests.training import small


def made(split: str = "train", name: str = "rsicd") -> CaptionedSet:
    images = (
        CaptionedImage(Path("a.jpg"), "a.jpg", ("A port.", "two  boats"), "port"),
        CaptionedImage(Path("b.jpg"), "b.jpg", ("a PORT", ""), None),
        CaptionedImage(Path("c.jpg"), "c.jpg", (), "port"),
    )
    return CaptionedSet(name, split, images)


def test_equal_captions_have_one_number() -> None:
    both = corpus([made(), made(name="ucm")])
    assert both.texts == ("a port", "two boats")
    assert [own.tolist() for own in both.captions] == [[0, 1], [0], [], [0, 1], [0], []]
    assert both.usable.tolist() == [0, 1, 3, 4]
    assert both.labels.tolist() == [0, -1, 0, 1, -1, 1] and both.classes == ("rsicd/port", "ucm/port")
    assert both.own()[:3].tolist() == [[0, 1], [0, -1], [-1, -1]]


def test_a_test_split_is_refused() -> None:
    with pytest.raises(
        InputError, match="3 images of rsicd:test are test images of rsicd: nothing is trained"
    ):
        corpus([made("test")])
    with pytest.raises(InputError, match="nothing is trained or chosen on test data"):
        load_sets(["rsicd:test"], {"rsicd": Path("nowhere")})
    with pytest.raises(InputError, match="--data rsicd=FOLDER"):
        load_sets(["rsicd:train"], {})


def test_test_data_that_is_meant_keeps_its_mark(tmp_path: Path) -> None:
    roots = {"rsicd": lookalike.rsicd(tmp_path)}
    (meant,) = load_sets(["rsicd:test!"], roots)
    assert (meant.split, len(meant.images), len(corpus([meant]))) == ("test!", 3, 3)
    (train,) = load_sets(["rsicd:train"], roots)
    assert train.split == "train"


def test_views_depend_on_name_and_key_alone() -> None:
    picture = small.pixels(1, 64)[0]
    for name in VIEWS:
        once, again = view(name, picture, "k", 56), view(name, picture, "k", 56)
        assert once.shape == (56, 56, 3) and np.array_equal(once, again)
    assert np.array_equal(view("original", picture, "k", 64), picture)
    turned = [view("turned", picture, str(key), 64) for key in range(8)]
    assert all(not np.array_equal(one, picture) and one.sum() == picture.sum() for one in turned)
    assert not np.array_equal(view("cropped", picture, "k", 56), view("cropped2", picture, "k", 56))


def test_a_pruned_vocabulary_still_spells_everything() -> None:
    content = small.tokenizer()
    vocabulary = content["model"]["vocab"]
    for word in ("port", "boat", "##s", "harbour", "vineyard", "senator", "[MASK]", "ü"):
        vocabulary[word] = len(vocabulary)

    def embed(texts: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        near = {"port": 0.0, "harbour": 0.1, "a port": 0.0, "boat": 0.3, "vineyard": 1.2, "senator": 1.5}
        angles = np.array([near.get(text, 1.4) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)

    pruned, kept = prune(content, 60, ["a port"], embed)
    pieces = pruned["model"]["vocab"]
    assert len(pieces) == len(kept) == 60 and [vocabulary[p] for p in pieces] == kept
    assert "port" in pieces and "harbour" in pieces and "senator" not in pieces and "[MASK]" not in pieces
    tokens = tokenizer_of(pruned, (16,)).encode("A Pört, harbour: boaty!").tokens
    assert tokens == ["[CLS]", "a", "port", "harbour", "boat", "##y", "[SEP]"]
    rare = tokenizer_of(pruned, (16,)).encode("senator").tokens
    assert rare[1:3] == ["s", "##e"] and "[UNK]" not in rare
    with pytest.raises(RecipeError, match=r"alone need"):
        prune(content, 20, ["a port"], embed)
