"""`auto`: exact search, and the reranker that the encoder's card recommends where it fits the query."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from swath.archive.lists import Plan, build
from swath.errors import SpecError
from swath.search import MemoryGallery, parse, resolve, search, search_many
from swath.search.stages import Value
from swath.types import Query
from tests.tiny import COLOURS, TinyEncoder

FTF = "dense:4 > btgi(balance=0.5, blend=0.5, temperature=0.1)"
NUMBERS: dict[str, Value] = {"k": 4, "balance": 0.5, "blend": 0.5, "temperature": 0.1}
RED = np.full((32, 32, 3), COLOURS["red"], np.uint8)


class Advised(TinyEncoder):
    """An encoder whose card states a preset."""

    def __init__(self, **more: Value) -> None:
        super().__init__()
        self.presets = {"ftf": {**NUMBERS, **more}}


def gallery(tokens: bool = True) -> MemoryGallery:
    flat = np.stack([np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS.values()])
    made = TinyEncoder().encode_images(flat)
    assert made.tokens is not None
    signals = {"dense": made.embedding} | (
        {"tokens": np.rint(127 * made.tokens).astype(np.int8)} if tokens else {}
    )
    return MemoryGallery([f"{row:032x}" for row in range(len(flat))], signals)


def ran(encoder: TinyEncoder, query: Query, k: int = 3, *, tokens: bool = True) -> str:
    return search(gallery(tokens), query, encoder, k=k).pipeline


def test_a_card_without_presets_means_exact_search() -> None:
    assert ran(TinyEncoder(), Query(("red",))) == "dense"
    assert ran(Advised(), Query(("red",))) == "dense"
    assert ran(Advised(gain=False), Query(("red",))) == "dense"


def test_a_gain_appends_the_reranker_where_it_fits() -> None:
    encoder = Advised(gain=True)
    assert ran(encoder, Query(("red",))) == FTF
    assert ran(encoder, Query(("red",), images=(RED,))) == FTF
    assert ran(encoder, Query(images=(RED,))) == "dense"
    assert ran(encoder, Query(unlike_texts=("red",))) == "dense"
    assert ran(encoder, Query(("red",)), tokens=False) == "dense"
    assert ran(encoder, Query(("red",)), k=4) == FTF
    assert ran(encoder, Query(("red",)), k=5) == "dense"
    assert search(gallery(), Query(("red",)), encoder, pipeline="dense").pipeline == "dense"


def test_the_preset_and_auto_give_the_same_hits() -> None:
    encoder = Advised(gain=True)
    for word in COLOURS:
        auto = search(gallery(), Query((word,)), encoder, k=4)
        named = search(gallery(), Query((word,)), encoder, k=4, pipeline="ftf")
        assert auto.hits == named.hits and auto.pipeline == named.pipeline
        assert [part.stage for part in auto.trace] == ["encode", *FTF.split(" > ")]


def test_a_batch_chooses_for_every_query() -> None:
    encoder = Advised(gain=True)
    asked = [Query(("red",)), Query(images=(RED,)), Query(("blue",))]
    hits = search_many(gallery(), asked, encoder, k=3)
    assert [one.pipeline for one in hits] == [FTF, "dense", FTF]
    assert [one.hits for one in hits] == [search(gallery(), one, encoder, k=3).hits for one in asked]


def test_a_recommendation_that_lacks_its_numbers_is_an_error() -> None:
    encoder = Advised(gain=True)
    del encoder.presets["ftf"]["balance"]
    with pytest.raises(SpecError, match="takes balance from the encoder's card"):
        search(gallery(), Query(("red",)), encoder)


def test_what_an_evaluation_runs() -> None:
    assert str(resolve(parse("auto"))) == str(resolve(parse("auto"), Advised())) == "dense"
    assert str(resolve(parse("auto"), Advised(gain=True))) == FTF
    assert str(resolve(parse("dense:9"), Advised(gain=True))) == "dense:9"


def tuned(chosen: str, facts: bool = True) -> MemoryGallery:
    made = gallery()
    lists = build(made.signal("dense"), Plan(2))
    made.lists = replace(lists, facts={"chosen": chosen} if facts else {})
    return made


def test_what_was_measured_opens_the_gallery_for_words() -> None:
    ivf = "ivf(tiles=1.0):100"
    words, picture = Query(("red",)), Query(images=(RED,))
    assert search(tuned(ivf), words, TinyEncoder(), k=3).pipeline == ivf
    assert search(tuned(ivf), words, TinyEncoder(), k=150).pipeline == "ivf(tiles=1.0):150"
    assert search(tuned("dense"), words, TinyEncoder(), k=3).pipeline == "dense"
    assert search(tuned(ivf), picture, TinyEncoder(), k=3).pipeline == "dense"
    assert search(tuned(ivf), Query(("red",), where="width >= 0"), TinyEncoder(), k=3).pipeline == "dense"
    assert search(tuned(ivf, facts=False), words, TinyEncoder(), k=3).pipeline == "dense"


def test_a_reranker_follows_what_was_measured() -> None:
    hits = search(tuned("ivf(tiles=1.0):100"), Query(("red",)), Advised(gain=True), k=3)
    assert hits.pipeline == FTF.replace("dense:4", "ivf(tiles=1.0):4")
    assert hits.hits == search(gallery(), Query(("red",)), Advised(gain=True), k=3).hits


def test_what_was_measured_is_forgotten_when_many_tiles_came_since() -> None:
    made = tuned("ivf(tiles=1.0):100")
    assert made.lists is not None
    made.lists = replace(made.lists, rows=np.where(made.lists.rows < 5, made.lists.rows, -1))
    assert search(made, Query(("red",)), TinyEncoder(), k=3).pipeline == "dense"
