"""Upper layers of the text trunk that are trained beside the heads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from swath.encoders import OnnxEncoder  # noqa: E402
from swath.errors import RecipeError  # noqa: E402
from swath.models.recipe import Recipe  # noqa: E402
from swath.training import run_dual as running  # noqa: E402
from swath.training.dual import Towers  # noqa: E402
from swath.training.encoder import TorchEncoder  # noqa: E402
from swath.training.export import export  # noqa: E402
from swath.training.run import train  # noqa: E402
from swath.training.texts import pieces_of, tokenizer_of  # noqa: E402
from tests.captions import lookalike  # noqa: E402
from tests.training import small, test_run  # noqa: E402

CHANGES = {
    **test_run.CHANGES,
    "image.views": ["original"],
    "data.rendered": 0,
    "text.layers": 2,
    "text.tuned": 1,
    "optimiser.epochs": 3,
    "optimiser.trunk_epochs": 2,
    "optimiser.trunk_rate": 1e-2,
}


def trunks(towers: Towers, recipe: Recipe, captions: Sequence[str], progress: Any = None) -> dict[str, Any]:
    content = test_run.trunks(towers, recipe, captions, progress)
    STARTS[:] = [{k: v.clone() for k, v in towers.state_dict().items()}]
    return content


STARTS: list[dict[str, Any]] = []


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running, "load_trunks", trunks)
    return {"rsicd": lookalike.rsicd(tmp_path / "rsicd"), "ucm": lookalike.ucm(tmp_path / "ucm")}


def changed(run: Path) -> set[str]:
    """Names of the trunk's parts that a training moved."""
    end = load_file(run / "model.safetensors")
    trunk = (name for name in end if ".trunk." in name)
    parts = {name for name in trunk if not torch.equal(end[name], STARTS[0][name])}
    return {".".join(name.split(".")[:4]) for name in parts}


def test_pieces_and_features_are_read_alike() -> None:
    towers = small.towers(small.recipe())
    tokenizer = tokenizer_of(small.tokenizer(), (8, 16))
    texts = ["a", "abcdef", "ab cd", "abcdefghijkl", "b"] * 40
    pieces = pieces_of(tokenizer, texts)
    assert pieces.dtype == np.int64 and (pieces[0] > 0).sum() == 3
    with torch.inference_mode():
        rows = torch.from_numpy(pieces)
        whole = towers.text.features(rows, (rows > 0).long())
        read = towers.text.read(rows)
        assert torch.allclose(read, whole, atol=1e-6)
        assert towers.text.read(whole) is whole


def test_only_the_upper_layers_move_and_the_export_has_them(roots: dict[str, Path], tmp_path: Path) -> None:
    run = train("base", roots, out=tmp_path / "run", changes=CHANGES)
    assert changed(run.folder) == {"text.trunk.layers.1"}
    reference = TorchEncoder(run.folder)
    encoder = OnnxEncoder(export(run.folder, tmp_path / "mine"))
    texts = ["a red field", "a blue lake", "many roofs"]
    cosines = encoder.encode_texts(texts).embedding * reference.encode_texts(texts).embedding
    assert (cosines.sum(1) > 0.99).all()
    means = np.array(reference.facts["means"]["text"])
    assert means.shape == (reference.dim,) and np.isfinite(means).all()


def test_none_moves_where_none_is_asked_for(roots: dict[str, Path], tmp_path: Path) -> None:
    still = {**CHANGES, "text.tuned": 0, "optimiser.trunk_epochs": 0}
    assert changed(train("base", roots, out=tmp_path / "run", changes=still).folder) == set()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("text.tuned", 0, "give both"),
        ("text.tuned", 3, "text.tuned is 3 of text.layers, which are 2"),
        ("text.tuned", -1, "text.tuned is -1"),
        ("optimiser.trunk_epochs", 0, "give both"),
        ("optimiser.trunk_epochs", 4, "of the 3 epochs"),
        ("optimiser.trunk_epochs", -1, "of the 3 epochs"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(key: str, value: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        train("base", {}, out=tmp_path / "run", changes={**CHANGES, key: value})


def test_a_stopped_tuning_goes_on(roots: dict[str, Path], tmp_path: Path) -> None:
    whole = train("base", roots, out=tmp_path / "whole", changes=CHANGES)

    def stop(done: int, total: int | None, what: str) -> None:
        if what.startswith("training, epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("base", roots, out=tmp_path / "parts", changes=CHANGES, progress=stop)
    parts = train("base", roots, out=tmp_path / "parts", changes=CHANGES)
    assert parts.figures == whole.figures
    one, other = (load_file(run.folder / "model.safetensors") for run in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_chunks_give_what_whole_batches_give(roots: dict[str, Path], tmp_path: Path) -> None:
    still = {**CHANGES, "text.dropout": 0.0, "heads.dropout": 0.0}
    texts = ["a red field", "a blue lake", "many roofs"]
    whole, parts = (
        TorchEncoder(
            train(
                "base", roots, out=tmp_path / str(chunk), changes={**still, "optimiser.chunk": chunk}
            ).folder
        ).encode_texts(texts)
        for chunk in (0, 2)
    )
    assert np.allclose(whole.embedding, parts.embedding, atol=1e-3)
    assert whole.guide is not None and parts.guide is not None
    assert np.allclose(whole.guide, parts.guide, atol=1e-3)
