"""Adapted encoders: words move, pictures stay; archives of the base answer with them and go back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

import swath
from swath import encoders
from swath.archive import open_store
from swath.encoders import (
    AdaptedEncoder,
    Card,
    HeadCard,
    OnnxEncoder,
    adapt,
    read_bank,
    read_card,
    write_adapted,
    write_bank,
    write_card,
    write_head,
)
from swath.errors import EncoderError
from swath.serving.encoder import switch
from tests.tiny import paint
from tests.tiny_onnx import build

FTF: dict[str, bool | int | float | str] = {
    "k": 5,
    "recall": "dense(bias=csls)",
    "balance": 0.5,
    "temperature": 0.1,
    "blend": 0.5,
    "gain": True,
}


def _card(base: OnnxEncoder) -> Card:
    return Card(name="mine", description="", dim=base.dim, image_size=base.image_size, grid=2, token_dim=8)


def _turned(base: OnnxEncoder, said: str, meant: str, folder: Path) -> AdaptedEncoder:
    """One that takes a word for another."""
    a, b = base.encode_texts([said, meant]).embedding
    down, up = a[:, None], 20 * (b - a)[None, :]
    return write_adapted(folder, _card(base), down, up, base)


@pytest.fixture
def base(town: Path) -> OnnxEncoder:
    return OnnxEncoder(open_store(town / "town.swath").encoder_folder)


def test_words_move_and_pictures_stay(base: OnnxEncoder, tmp_path: Path) -> None:
    made = _turned(base, "red", "blue", tmp_path / "mine")
    again = encoders.load(tmp_path / "mine")
    assert isinstance(again, AdaptedEncoder) and again.revision == made.revision != base.revision
    assert again.base_revision == base.revision and again.verify() == [] and again.calibration == {}
    batch = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert np.array_equal(again.encode_images(batch).embedding, base.encode_images(batch).embedding)
    moved = again.encode_texts(["red"]).embedding[0]
    said, meant = base.encode_texts(["red", "blue"]).embedding
    assert moved @ meant > moved @ said and abs(np.linalg.norm(moved) - 1) < 1e-5


def test_a_text_alone_equals_it_in_a_batch() -> None:
    rng = np.random.default_rng(0)
    vectors, down = (
        rng.standard_normal((9, 48)).astype(np.float32),
        rng.standard_normal((48, 8)).astype(np.float32),
    )
    together = adapt(vectors, down, down.T)
    assert all(np.array_equal(adapt(vectors[i : i + 1], down, down.T)[0], together[i]) for i in range(9))
    assert adapt(vectors[:0], down, down.T).shape == (0, 48)


def test_heads_stay_the_bank_moves_with_the_words_and_nothing_is_recommended(tmp_path: Path) -> None:
    folder = build(tmp_path / "tiny")
    sound = OnnxEncoder(folder)
    write_card(msgspec.structs.replace(read_card(folder), presets={"ftf": FTF}), folder)
    said = sound.encode_texts(["red", "green"]).embedding
    for name in ("bank", "cross"):
        own = folder / "heads" / name
        own.mkdir(parents=True)
        if name == "bank":
            write_bank(own, np.rint(127 * said).astype(np.int8), np.rint(127 * said[::-1]).astype(np.int8))
        write_head(HeadCard(name=name, kind=name, encoder=sound.revision), own)
    base = OnnxEncoder(folder)
    assert base.presets["ftf"]["gain"] is True
    _turned(base, "red", "blue", tmp_path / "mine")
    made = encoders.load(tmp_path / "mine")
    assert isinstance(made, AdaptedEncoder) and sorted(made.heads) == ["bank", "cross"]
    assert made.heads["cross"].card.encoder == base.revision and made.heads["cross"].verify() == []
    assert made.heads["bank"].card.encoder == made.revision and made.heads["bank"].verify() == []
    bank, before = read_bank(made.heads["bank"]), read_bank(base.heads["bank"])
    assert (bank.text * made.encode_texts(["red", "green"]).embedding).sum(1).min() > 0.999
    assert float(bank.text[0] @ before.text[0]) < 0.9
    assert (bank.image * before.image).sum(1).min() > 0.999 and bank.digest != before.digest
    assert made.presets == {"ftf": {key: value for key, value in FTF.items() if key != "gain"}}


def test_an_adapted_archive_runs_the_preset_of_its_base(tmp_path: Path) -> None:
    """`ftf` needs its numbers, guides, tokens and the bank; `auto` is exact search: nothing was measured."""
    folder = build(tmp_path / "tiny")
    write_card(msgspec.structs.replace(read_card(folder), presets={"ftf": FTF}), folder)
    own = folder / "heads" / "bank"
    own.mkdir(parents=True)
    said = OnnxEncoder(folder).encode_texts(["red", "green", "white"]).embedding
    write_bank(own, *(np.rint(127 * said).astype(np.int8) for _ in range(2)))
    write_head(HeadCard(name="bank", kind="bank", encoder=OnnxEncoder(folder).revision), own)
    swath.index(paint(tmp_path / "scenes"), tmp_path / "a.swath", folder)
    _turned(OnnxEncoder(folder), "red", "blue", tmp_path / "mine")
    switch(open_store(tmp_path / "a.swath"), tmp_path / "mine")
    archive = swath.open(tmp_path / "a.swath")
    assert archive.search("red", k=2).pipeline == "dense"
    hits = archive.search("red", k=2, pipeline="ftf")
    assert "csls" in hits.pipeline and len(hits) == 2


def test_an_archive_answers_with_it_and_goes_back(town: Path, base: OnnxEncoder, tmp_path: Path) -> None:
    import shutil

    path = shutil.copytree(town / "town.swath", tmp_path / "a.swath")
    _turned(base, "red", "blue", tmp_path / "mine")

    def best(**options: Path) -> str:
        return Path(swath.open(path, **options).search("red", k=1)[0].tile.source).name  # type: ignore[arg-type]

    assert best() == "red.png" and best(encoder=tmp_path / "mine") == "blue.png"
    switch(open_store(path), tmp_path / "mine")
    shutil.rmtree(tmp_path / "mine")  # the archive has its own copy
    assert best() == "blue.png" and open_store(path).verify() == []
    switch(open_store(path), None)
    assert best() == "red.png"


def test_what_does_not_fit_is_refused(town: Path, base: OnnxEncoder, tmp_path: Path) -> None:
    other = OnnxEncoder(build(tmp_path / "other", seed=1, calibration={}))
    write_adapted(tmp_path / "mine", _card(other), np.zeros((32, 2)), np.zeros((2, 32)), other)
    with pytest.raises(EncoderError, match="was made with encoder base"):
        switch(open_store(town / "town.swath"), tmp_path / "mine")
    with pytest.raises(EncoderError, match="exists"):
        write_adapted(tmp_path / "mine", _card(other), np.zeros((32, 2)), np.zeros((2, 32)), other)
    with pytest.raises(EncoderError, match=r"\(31, 2\) and \(2, 31\), and tiny gives 32"):
        write_adapted(tmp_path / "x", _card(other), np.zeros((31, 2)), np.zeros((2, 31)), other)
    (tmp_path / "mine" / "up.npy").write_bytes(b"cut")
    with pytest.raises(EncoderError, match="lacks a sound"):
        encoders.load(tmp_path / "mine")
