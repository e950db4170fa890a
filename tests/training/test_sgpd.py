"""The word head's training: what the published code did wrong stays right, and any encoder gets a head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

import swath  # noqa: E402
from swath.encoders import STOP_WORDS, OnnxEncoder, load, read_heads, read_terms  # noqa: E402
from swath.errors import EncoderError, InputError, RecipeError  # noqa: E402
from swath.models.sgpd import SgpdRecipe, load_sgpd  # noqa: E402
from swath.training import run_sgpd as running  # noqa: E402
from swath.training.run import train  # noqa: E402
from swath.training.run_sgpd import export_sgpd  # noqa: E402
from swath.training.sgpd import Pairs, SgpdTask, Student, Validation, terms_of  # noqa: E402
from swath.training.words import choose_words, own_words, start_projection  # noqa: E402
from swath.types import Query  # noqa: E402
from tests.captions import lookalike  # noqa: E402
from tests.tiny import COLOURS, paint  # noqa: E402
from tests.tiny_onnx import build  # noqa: E402

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    *COLOURS,
    "field",
    "land",
    "roof",
    "##s",
    "here",
    "area",
    "magenta",
]
CHANGES: dict[str, Any] = {
    "words": 12,
    "optimiser.epochs": 2,
    "optimiser.batch": 4,
    "image_terms": 4,
    "extra": 2,
}


def embeddings() -> tuple[dict[str, int], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return {piece: number for number, piece in enumerate(PIECES)}, rng.normal(size=(len(PIECES), 16)).astype(
        np.float32
    )


def pairs(seed: int = 0) -> Pairs:
    """Eight pictures of four captions; the last two pictures share a caption."""
    rng = np.random.default_rng(seed)

    def unit(shape: tuple[int, int]) -> NDArray[np.float32]:
        rows = rng.normal(size=shape).astype(np.float32)
        made: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return made

    captions = tuple(f"a {colour} field" for colour in COLOURS)
    own = np.array([[0, 1], [1, -1], [2, -1], [3, -1], [4, -1], [5, -1], [6, -1], [6, -1]])
    return Pairs(unit((8, 10)), unit((7, 10)), captions, own)


def task(**changes: Any) -> SgpdTask:
    plan: SgpdRecipe = load_sgpd("sgpd", {**CHANGES, **changes})
    data = pairs()
    words, table = choose_words([*data.captions, *data.captions], plan.words, *embeddings())
    torch.manual_seed(0)
    spoken = own_words(data.captions, words)
    student = Student(start_projection(data.texts, spoken, table), table, plan.student, 0.0)
    return SgpdTask(plan, student, data, words, Validation("here", data))


def test_the_shipped_recipe_has_a_soft_teacher() -> None:
    plan = load_sgpd("sgpd")
    assert 0.02 <= plan.teacher <= 0.05
    with pytest.raises(RecipeError, match="unknown"):
        load_sgpd("sgpd", {"teachr": 1.0})


def test_texts_come_from_their_own_vectors() -> None:
    made = task(regulariser="l1", image_weight=0.0, text_weight=1.0, warmup=0.0)
    batch = next(made.batches(1))
    turned = replace(batch, images=batch.images.flip(0))
    first, other = ({k: float(v.detach()) for k, v in made.losses(b).items()} for b in (batch, turned))
    assert first["sparsity"] == other["sparsity"] > 0
    assert first["pairs"] != other["pairs"]


def test_the_temperature_of_the_student_learns() -> None:
    made = task()
    terms = made.losses(next(made.batches(1)))
    torch.stack(list(terms.values())).sum().backward()
    gradient = made.student.log_temperature.grad
    assert gradient is not None and abs(float(gradient)) > 1e-4


def test_another_caption_of_a_picture_is_no_negative() -> None:
    made = task(**{"optimiser.batch": 8})
    batch = next(made.batches(0))
    targets = batch.targets.numpy()
    assert (np.diag(targets) == 1).all()
    assert targets.sum() >= 10, "two pictures share a caption, so each has two positives"


def test_a_loss_has_no_memory_and_the_regulariser_comes_in_by_steps() -> None:
    made = task(warmup=0.5)
    batches = [batch for epoch in range(2) for batch in made.batches(epoch)]
    first, again = (float(made.losses(batches[1])["sparsity"].detach()) for _ in range(2))
    assert first == again
    assert [float(batch.warmth) for batch in batches] == pytest.approx([0, 0.25, 1, 1])


def test_expansion_rises_to_its_share_and_own_words_are_always_there() -> None:
    made = task(expanded=1.0, kept=1.0)
    early, late = next(made.batches(0)), list(made.batches(1))[-1]
    assert not early.keep.any() and late.keep.mean() > 0.5
    assert early.own.any(1).all()
    same = next(made.batches(0))
    assert torch.equal(early.keep, same.keep) and torch.equal(early.texts, same.texts)


def test_validation_is_the_same_twice_and_is_what_a_search_does() -> None:
    made = task()
    first, again = made.validate(), made.validate()
    assert first == again and {"here mr", "here guide", "postings", "longest", "readable"} <= set(first)
    exported = terms_of(made.student, ("other",) * len(made._vocabulary), made.recipe)
    assert exported.expansion == made.recipe.expansion and exported.extra == made.recipe.extra


def test_words_are_readable_and_say_something() -> None:
    captions = ["the roofs here are red", "many red roofs", "a blue field", "the blue field [SEP]"]
    words, table = choose_words(captions, 8, *embeddings())
    assert words[:4] == ("blue", "field", "red", "roofs")
    assert len(words) == 8 == len(table) and not set(words) & STOP_WORDS
    assert not any(word.startswith(("[", "#")) for word in words)
    np.testing.assert_allclose(np.linalg.norm(table, axis=1), 1, atol=1e-6)
    with pytest.raises(RecipeError, match="no word stands in two captions"):
        choose_words(["red", "blue"], 8, *embeddings())


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An encoder that is not ours, by folder."""
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running, "fetched", lambda name: tmp_path / name)
    monkeypatch.setattr(running, "word_embeddings", lambda path: embeddings())
    yield build(tmp_path / "foreign", seed=3, name="foreign", calibration={})


def test_a_head_for_an_encoder_that_is_not_ours(foreign: Path, tmp_path: Path) -> None:
    revision = load(foreign).revision
    roots = {"rsicd": lookalike.rsicd(tmp_path / "rsicd"), "ucm": lookalike.ucm(tmp_path / "ucm")}
    changes = {**CHANGES, "encoder": str(foreign), "optimiser.batch": 2}
    run = train("sgpd", roots, changes=changes)
    assert 0 < run.figures["rsicd mr"] <= 100
    again = train("sgpd", roots, changes=changes)
    assert again.folder == run.folder and again.figures == run.figures
    place = export_sgpd(run.folder, foreign)
    assert place == foreign / "heads" / "sgpd"
    assert load(foreign).revision == revision, "a head does not change its encoder"
    head = read_heads(foreign, revision)["sgpd"]
    terms = read_terms(head)
    assert "red" in terms.words and head.card.data[0].name == "rsicd"
    assert sum(file.stat().st_size for file in place.iterdir()) < 4 << 20
    encoder = OnnxEncoder(foreign)
    words = terms.of_texts(encoder.encode_texts(["red"]).embedding, ["red"]).row(0)[0]
    assert terms.words.index("red") in words.tolist()
    other = build(tmp_path / "other", seed=4, calibration={})
    with pytest.raises(EncoderError, match="train it on this encoder"):
        export_sgpd(run.folder, other)


def test_a_head_from_an_archive_with_captions(foreign: Path, tmp_path: Path) -> None:
    archive = None
    for number, colour in enumerate(COLOURS):
        for side in (40, 44, 48):
            paint(tmp_path / colour, side)
            file = (tmp_path / colour / f"{colour}.png").rename(tmp_path / colour / f"{colour}{side}.png")
            for rest in (tmp_path / colour).glob("*[a-z].png"):
                rest.unlink()
            archive = swath.index([], tmp_path / "a.swath", foreign) if archive is None else archive
            archive.add(file, attributes={"caption": f"a {colour} field", "number": number})
    assert archive is not None
    changes = {**CHANGES, "encoder": str(foreign)}
    run = train("sgpd", {"archive": archive.path}, changes=changes)
    assert "archive mr" in run.figures
    card = read_heads_of(run.folder)
    assert card == load(foreign).revision
    empty = swath.index(paint(tmp_path / "plain"), tmp_path / "b.swath", foreign)
    with pytest.raises(InputError, match="nothing says what is seen"):
        train("sgpd", {"archive": empty.path}, out=tmp_path / "r", changes=changes)
    assert archive.search_many([Query(("red",))])[0]


def read_heads_of(run: Path) -> str:
    import msgspec

    from swath.encoders import HeadCard

    return msgspec.json.decode((run / "head" / "card.json").read_bytes(), type=HeadCard).encoder
