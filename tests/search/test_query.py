from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.errors import EncoderError, InputError
from swath.search import MemoryGallery, encode, search
from swath.search.query import find
from swath.types import Query, TextFeatures
from tests.search.galleries import ids_of, places, vectors_of
from tests.tiny import COLOURS, TinyEncoder

RED = Query(texts=("red",))


def flat(colour: str) -> NDArray[np.uint8]:
    return np.broadcast_to(np.array(COLOURS[colour], np.uint8), (32, 32, 3)).copy()


def colours(tiny: TinyEncoder) -> MemoryGallery:
    """A tile of every colour; its id is the colour."""
    pixels = np.stack([flat(colour) for colour in COLOURS])
    return MemoryGallery(list(COLOURS), {"dense": tiny.encode_images(pixels).embedding})


class Centred(TinyEncoder):
    """With means of both modalities."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.means = {name: rng.normal(size=32).astype(np.float32) * 0.05 for name in ("image", "text")}


def test_one_wanted_part_is_used_as_it_is() -> None:
    centred = Centred()
    gallery = colours(centred)
    text = encode(RED, centred, gallery)
    assert np.array_equal(text.dense, centred.encode_texts(["red"]).embedding[0])
    assert text.words_alone and text.texts == ("red",) and text.parts == {"dense", "words", "guide"}
    picture = encode(Query(images=(flat("red"),)), centred, gallery)
    assert np.array_equal(picture.dense, centred.encode_images(flat("red")[None]).embedding[0])
    assert not picture.words_alone and picture.parts == {"dense"}
    like = encode(Query(likes=("red",)), centred, gallery)
    assert np.array_equal(like.dense, gallery.signal("dense")[0].astype(np.float32))
    assert like.exclude.tolist() == [0]


def test_parts_are_centred_weighted_and_added() -> None:
    centred = Centred()
    gallery = colours(centred)
    query = Query(("red",), (flat("blue"),), ("green",), ("white",), ("black", "grey"))
    texts = centred.encode_texts(["red", "black", "grey"]).embedding - centred.means["text"].astype(float)
    blue = centred.encode_images(flat("blue")[None]).embedding[0] - centred.means["image"].astype(float)
    tiles = gallery.signal("dense").astype(float) - centred.means["image"]
    thirds = (texts[0] + blue + tiles[1]) / 3 - (tiles[4] + texts[1] + texts[2]) / 6
    assert encode(query, centred, gallery).dense == pytest.approx(thirds / np.linalg.norm(thirds), abs=1e-6)
    weighted = texts[0] + 2 * blue + 3 * tiles[1] - 4 * tiles[4] - 0.5 * texts[1] - 0.25 * texts[2]
    found = encode(query, centred, gallery, [1, 2, 3, 4, 0.5, 0.25])
    assert found.dense == pytest.approx(weighted / np.linalg.norm(weighted), abs=1e-6)
    assert found.dense.dtype == np.float32
    assert found.texts == ("red",) and not found.words_alone
    assert found.exclude.tolist() == [1, 4]


def test_the_guide_is_that_of_the_wanted_words(tiny: TinyEncoder) -> None:
    gallery = colours(tiny)
    guides = tiny.encode_texts(["red", "blue"]).guide
    assert guides is not None
    single = encode(replace(RED, unlike_texts=("blue",)), tiny, gallery)
    assert single.guide is not None and np.array_equal(single.guide, guides[0])
    both = encode(Query(texts=("red", "blue")), tiny, gallery)
    assert both.guide == pytest.approx(guides.sum(0) / np.linalg.norm(guides.sum(0)), abs=1e-6)
    assert encode(Query(likes=("red",), unlike_texts=("blue",)), tiny, gallery).guide is None


def test_dislikes_alone_find_what_is_least_like_them(tiny: TinyEncoder) -> None:
    gallery = colours(tiny)
    hits = search(gallery, Query(unlike_texts=("red",)), tiny, k=7)
    scores = gallery.signal("dense").astype(float) @ tiny.encode_texts(["red"]).embedding[0]
    assert hits[0].tile.id == list(COLOURS)[int(np.argmin(scores))]
    assert hits[-1].tile.id == "red"


def test_examples_are_left_out_of_the_hits(tiny: TinyEncoder) -> None:
    hits = search(colours(tiny), Query(likes=("red",), unlikes=("gree",)), tiny, k=20)
    assert {hit.tile.id for hit in hits} == set(COLOURS) - {"red", "green"}


def test_a_dislike_moves_its_like_away(tiny: TinyEncoder) -> None:
    gallery = colours(tiny)

    def rank(query: Query) -> int:
        return [hit.tile.id for hit in search(gallery, query, tiny)].index("white")

    assert rank(Query(texts=("yellow",), unlike_texts=("white",))) > rank(Query(texts=("yellow",)))


def test_tiles_are_named_by_unique_beginnings() -> None:
    ids = places().ids
    assert find("c", ids) == 5 and find("b34", ids) == 4
    assert find("ab", np.array([b"abc", b"ab", b"abd"])) == 1
    with pytest.raises(InputError, match=r"2 tiles have ids that start with 'aa' \(aa0, aa1\)"):
        find("aa", ids)
    with pytest.raises(InputError, match="starts with 'b39'; the closest are b33, b34"):
        find("b39", ids)
    with pytest.raises(InputError, match=r"starts with 'zz'$"):
        find("zz", ids)
    with pytest.raises(InputError, match="aa000"):
        find("aa000", ids)
    for odd in ("", "a\0", "\udcff", "é"):
        with pytest.raises(InputError):
            find(odd, ids)
    with pytest.raises(InputError, match="No tile"):
        find("a", np.zeros(0, "S32"))
    many = np.array(ids_of(2000), "S32")
    assert [find(bytes(name).decode(), many) for name in many[:20]] == list(range(20))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(), "The query is empty: give words, a picture, or a tile"),
        (Query(where="cloud < 5"), "The query is empty"),
        (Query(texts=("",)), "A text of the query is empty"),
        (Query(texts=("red", " \n\0 ")), "A text of the query is empty"),
        (Query(likes=("nope",)), "No tile has an id that starts with 'nope'"),
        (Query(likes=("red",), unlikes=("re",)), "Tile red is liked and disliked"),
        (Query(images=(np.zeros((4, 4), np.uint8),)), r"uint8\[h, w, 3\] RGB pixels, not uint8\[4, 4\]"),
        (Query(images=(np.zeros((0, 4, 3), np.uint8),)), "RGB pixels"),
        (Query(images=(np.zeros((4, 4, 3), np.float32),)), "RGB pixels"),
    ],
)
def test_queries_that_cannot_be_asked(tiny: TinyEncoder, query: Query, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode(query, tiny, colours(tiny))


@pytest.mark.parametrize("weights", [[], [1], [1, 2, 3], [1, 0], [1, -1], [1, np.nan], [np.inf, 1]])
def test_weights_are_positive_and_one_for_each_part(tiny: TinyEncoder, weights: list[float]) -> None:
    with pytest.raises(InputError, match="weight"):
        encode(Query(texts=("red",), unlike_texts=("blue",)), tiny, colours(tiny), weights)


def test_parts_that_cancel_out_are_refused(tiny: TinyEncoder) -> None:
    with pytest.raises(InputError, match="cancel each other out"):
        encode(Query(texts=("red",), unlike_texts=("red",)), tiny, colours(tiny), [1, 1])


@pytest.mark.parametrize(
    "text", ["red\0", "boats " * 10_000, "港の船", "قوارب", "🛩️", "red \udcff", "a" * 100_000, "\u202ered"]
)
def test_odd_words_are_words(tiny: TinyEncoder, text: str) -> None:
    query = encode(Query(texts=(text,)), tiny, colours(tiny))
    assert np.isfinite(query.dense).all()
    query.texts[0].encode()
    assert "\0" not in query.texts[0]


def test_pictures_of_any_size_are_fitted(tiny: TinyEncoder) -> None:
    large = np.repeat(np.repeat(flat("red"), 3, 0), 2, 1)
    found = encode(Query(images=(large,)), tiny, colours(tiny)).dense
    assert found == pytest.approx(tiny.encode_images(flat("red")[None]).embedding[0], abs=1e-5)


def test_encoders_that_do_not_fit_are_refused(tiny: TinyEncoder) -> None:
    narrow = MemoryGallery(["a", "b"], {"dense": vectors_of(2, 8)})
    for query in (Query(likes=("a",)), RED):
        with pytest.raises(EncoderError, match="the encoder that made the archive"):
            search(narrow, query, tiny)
    with pytest.raises(InputError, match="no signal 'dense'"):
        encode(Query(likes=("a",)), tiny, MemoryGallery(["a"], {}))

    class Broken(TinyEncoder):
        def encode_texts(self, texts: object) -> TextFeatures:
            return TextFeatures(np.full((1, 32), np.nan, np.float32))

    with pytest.raises(EncoderError, match="not finite"):
        encode(RED, Broken(), colours(tiny))


def test_weights_of_a_query_are_shares(tiny: TinyEncoder) -> None:
    gallery = MemoryGallery(ids_of(5), {"dense": vectors_of(5, 32)})
    names = [bytes(one).decode() for one in gallery.ids.tolist()]
    plain = Query(texts=("red", "blue"), likes=tuple(names[:1]), unlikes=tuple(names[1:3]))
    alike = encode(plain, tiny, gallery)
    for same in ((1.0, 1.0, 1.0, 1.0, 1.0), (7.0, 7.0, 7.0, 0.5, 0.5)):
        assert np.allclose(encode(replace(plain, weights=same), tiny, gallery).dense, alike.dense, atol=1e-6)
    given = encode(replace(plain, weights=(3, 1, 4, 1, 3)), tiny, gallery)
    raw = encode(plain, tiny, gallery, (3 / 8, 1 / 8, 4 / 8, 1 / 8, 3 / 8))
    assert np.allclose(given.dense, raw.dense, atol=1e-6)
    assert not np.allclose(given.dense, alike.dense, atol=1e-3)
    ends = (1e9, 1e-9, 1e-9, 1e9, 1e-9)
    assert np.isfinite(encode(replace(plain, weights=ends), tiny, gallery).dense).all()
    tiny_and_huge = [(1.0, 1.0, 1.0, 1.0, weight) for weight in (0.0, 1e-320, 1e-10, 1e10, 1e308)]
    for wrong in ((1.0, 1.0), *tiny_and_huge):
        with pytest.raises(InputError, match="weight"):
            encode(replace(plain, weights=wrong), tiny, gallery)
