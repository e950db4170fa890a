"""Recall by codes: exact, ordered to the end, filtered, biased, alike for every batch and order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import swath
from swath.encoders import OnnxEncoder
from swath.errors import InputError, SpecError
from swath.search import EncodedQuery, MemoryGallery, encode, parse, run, run_many, search
from swath.search.biases import STEPS
from swath.search.codes import hamming, pack, unpack
from swath.search.coding import bank_of, coder_of, codes_of, relaxed_query
from swath.search.hubness import Csls
from swath.types import Query
from tests.search.galleries import ids_of, vectors_of
from tests.search.heads import bank, hash_head
from tests.tiny import TinyEncoder
from tests.tiny_onnx import build


def _gallery(n: int = 300, dim: int = 32, seed: int = 0) -> MemoryGallery:
    return MemoryGallery(ids_of(n, seed), {"dense": vectors_of(n, dim, seed)})


def _query(seed: int = 5) -> EncodedQuery:
    return EncodedQuery(vectors_of(1, 32, seed)[0].astype(np.float32), ("words",))


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    folder = build(tmp_path / "tiny")
    hash_head(folder)
    bank(folder)
    return OnnxEncoder(folder)


def _obvious(gallery: MemoryGallery, query: EncodedQuery, bits: int, k: int) -> list[int]:
    coder = coder_of(query.encoder, gallery, bits)
    codes, relaxed = codes_of(gallery, coder), relaxed_query(query, coder)
    far = hamming(codes, pack(relaxed[None])[0])
    asymmetric = unpack(codes) @ np.rint(relaxed * 127)
    rows = sorted(range(len(gallery)), key=lambda row: (far[row], -asymmetric[row], bytes(gallery.ids[row])))
    return rows[:k]


@pytest.mark.parametrize("bits", [16, 32, 64, 128, 256])
@pytest.mark.parametrize("k", [1, 7, 300, 400])
def test_the_nearest_codes_come_first_and_ties_by_the_asymmetric_score(bits: int, k: int) -> None:
    gallery, query = _gallery(), _query()
    found, trace = run(f"hash{bits}", gallery, query, k)
    assert found.rows.tolist() == _obvious(gallery, query, bits, k)
    assert (np.diff(found.scores) <= 0).all()
    assert trace[0].rows == 300 and trace[0].bytes_read == 300 * bits // 8


def test_filters_and_k_of_the_spec_hold() -> None:
    gallery, query = _gallery(), _query()
    mask = np.arange(300) % 3 == 0
    everything, _ = run("hash128", gallery, query, 300)
    some, trace = run("hash128:20", gallery, query, 300, mask)
    assert some.rows.tolist() == [row for row in everything.rows.tolist() if mask[row]][:20]
    assert trace[0].rows == 100
    none, _ = run("hash128", gallery, query, 5, np.zeros(300, bool))
    assert len(none.rows) == 0


def test_an_empty_gallery_and_one_tile() -> None:
    assert len(run("hash64", _gallery(0), _query(), 5)[0].rows) == 0
    assert run("hash64", _gallery(1), _query(), 5)[0].rows.tolist() == [0]


def test_codes_do_not_depend_on_batch_or_order(encoder: OnnxEncoder) -> None:
    vectors = vectors_of(257, 32)
    whole = MemoryGallery(ids_of(257), {"dense": vectors})
    coder = coder_of(encoder, whole, 128)
    codes = codes_of(whole, coder)
    order = np.random.default_rng(1).permutation(257)
    for size in (1, 7, 64):
        parts = [
            pack(coder.relaxed(vectors[order[i : i + size]], "image")) for i in range(0, len(order), size)
        ]
        assert (np.concatenate(parts) == codes[order]).all()


def test_a_head_is_used_for_the_widths_that_it_has(encoder: OnnxEncoder) -> None:
    gallery = _gallery()
    assert coder_of(encoder, gallery, 128).name != coder_of(None, gallery, 128).name
    assert coder_of(encoder, gallery, 16).name == coder_of(None, gallery, 16).name
    query = replace(_query(), encoder=encoder)
    found, _ = run("hash128", gallery, query, 10)
    assert found.rows.tolist() == _obvious(gallery, query, 128, 10)


def test_a_bias_acts_before_the_cut_and_is_csls_exactly(encoder: OnnxEncoder) -> None:
    gallery, query = _gallery(), replace(_query(), encoder=encoder)
    coder = coder_of(encoder, gallery, 128)
    codes = unpack(codes_of(gallery, coder)).astype(np.float64)
    asked = np.where(coder.relaxed(bank_of(encoder).text, "text") >= 0, 1.0, -1.0)
    far = (128 - codes @ asked.T) / 2
    nearest_ten = np.sort(far, axis=1)[:, :10].sum(1)
    own = (128 - codes @ np.where(relaxed_query(query, coder) >= 0, 1.0, -1.0)) / 2
    # A product of codes is 128 - 2 * distance, so that its bias is shifted by a constant.
    wanted = 20 * own - nearest_ten + 5 * 128
    found, trace = run("hash128(bias=ppsr)", gallery, query, 300)
    steps = np.ceil(-STEPS * found.scores.astype(np.float64))
    assert steps.tolist() == wanted[found.rows].tolist()
    assert set(run("hash128(bias=ppsr):30", gallery, query, 30)[0].rows) == set(found.rows[:30].tolist())
    assert trace[0].bytes_read == 300 * (16 + 4)
    plain, _ = run("hash128:30", gallery, query, 30)
    assert set(plain.rows.tolist()) != set(found.rows[:30].tolist())


def test_bits_and_biases_that_there_are_none_of() -> None:
    for spec, match in (
        ("hash96", "one of hash16"),
        ("hash128(bias=pssr)", "ppsr"),
        ("hash128(bias=ppsr, bank=live)", "no bank 'live'"),
        ("hash128(bank=queries)", "a bank is for a bias"),
    ):
        with pytest.raises(SpecError, match=match):
            parse(spec)
    assert str(parse("hash128( bias = ppsr ):70")) == "hash128(bias=ppsr):70"


def test_a_bias_needs_a_bank_and_says_so() -> None:
    with pytest.raises(InputError, match="no bank of queries"):
        run("hash128(bias=ppsr)", _gallery(), _query(), 5)
    with pytest.raises(InputError, match="bank=queries"):
        run("hash128(bias=ppsr, bank=queries)", _gallery(), _query(), 5)


def test_the_whole_query_set_as_bank_is_csls_of_the_matrix() -> None:
    gallery = _gallery()
    asked = vectors_of(40, 32, 9).astype(np.float32)
    gallery.asked = asked
    queries = [EncodedQuery(vector, ("words",)) for vector in asked]
    coder = coder_of(None, gallery, 64)
    codes = unpack(codes_of(gallery, coder)).astype(np.float64)
    own = np.where(coder.relaxed(asked, "text") >= 0, 1.0, -1.0)
    scores = own @ codes.T / 2
    corrected = scores - Csls().fit(scores)
    found, _ = run_many("hash64(bias=csls, bank=queries)", gallery, queries, 300)
    for one, row in zip(found, corrected, strict=True):
        best = row[one.rows]
        assert (np.diff(best) <= 1e-9).all()


def test_every_archive_can_be_searched_by_codes_and_keeps_them(town: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "town.swath"
    shutil.copytree(town / "town.swath", folder)
    archive = swath.open(folder)
    dense, hashed = (archive.search("red", k=3, pipeline=spec) for spec in ("dense", "hash256"))
    assert hashed[0].tile.id == dense[0].tile.id
    assert hashed.pipeline == "hash256"
    assert list(folder.glob("hot/*/codes-256-*.kept"))
    assert [hit.tile.id for hit in swath.open(folder).search("red", k=3, pipeline="hash256")] == [
        hit.tile.id for hit in hashed
    ]


def test_mixed_queries_have_codes(tiny: TinyEncoder) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    gallery = MemoryGallery(ids_of(40), {"dense": tiny.encode_images(pixels).embedding})
    name = gallery.ids[3].decode()
    query = Query(("red",), images=(pixels[0],), likes=(name,), unlike_texts=("blue",))
    assert encode(query, tiny, gallery).centred
    assert not encode(Query(likes=(name,)), tiny, gallery).centred
    hits = search(gallery, query, tiny, pipeline="hash256", k=5)
    assert len(hits) == 5 and name not in {hit.tile.id for hit in hits}
