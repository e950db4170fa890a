"""What every kind of encoder promises, asked of each: a folder, an adapted one, a training run, open_clip.

The last in an environment of its own: scripts/test-clip.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swath import encoders
from swath.encoders import Card, LoadedEncoder, write_adapted
from swath.encoders.check import BATCH_TOLERANCE, check
from tests.tiny_onnx import build

Make = Callable[[Path], str]


def _onnx(folder: Path) -> str:
    return f"onnx:{build(folder / 'tiny')}"


def _adapted(folder: Path) -> str:
    base = encoders.load(build(folder / "tiny"))
    rng = np.random.default_rng(0)
    down = rng.standard_normal((base.dim, 4)).astype(np.float32)
    card = Card(name="mine", description="", dim=base.dim, image_size=32, grid=2, token_dim=8)
    write_adapted(folder / "mine", card, down, 0.1 * down.T, base)
    return str(folder / "mine")


def _torch(folder: Path) -> str:
    pytest.importorskip("torch")
    import msgspec
    from safetensors.torch import save_file

    from tests.training import small

    plan = small.recipe()
    (folder / "recipe.json").write_bytes(msgspec.json.encode(plan))
    (folder / "tokenizer.json").write_text(json.dumps(small.tokenizer()))
    weights = small.towers(plan).state_dict().items()
    save_file({name: value.contiguous() for name, value in weights}, folder / "model.safetensors")
    width = plan.heads.members * plan.heads.dim
    facts = {"scenes": 3, "figures": {}, "means": {"image": [0.0] * width, "text": [0.0] * width}, "data": []}
    (folder / "facts.json").write_text(json.dumps(facts))
    return f"torch:{folder}"


def _open_clip(folder: Path) -> str:
    pytest.importorskip("open_clip", reason="scripts/test-clip runs this: torchvision is gigabytes")
    from tests.encoders import clip_models

    clip_models.register(folder)
    return f"open_clip:tiny-vit@{clip_models.checkpoint('tiny-vit', folder / 'w.pt')}"


@pytest.fixture(params=[_onnx, _adapted, _torch, _open_clip], ids=["onnx", "adapted", "torch", "open_clip"])
def spec(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    make: Make = request.param
    return make(tmp_path)


def test_the_contract(spec: str) -> None:
    encoder: LoadedEncoder = encoders.load(spec)
    assert encoder.name and encoder.card.dim == encoder.dim and encoder.card.image_size == encoder.image_size
    assert len(encoder.revision) == 64 and encoder.revision == encoders.load(spec).revision
    assert encoder.verify() == []
    side = encoder.image_size
    batch = np.random.default_rng(0).integers(0, 256, (5, side, side, 3), np.uint8)
    images = encoder.encode_images(batch)
    assert images.embedding.shape == (5, encoder.dim) and images.embedding.dtype == np.float32
    assert np.allclose(np.linalg.norm(images.embedding, axis=1), 1, atol=1e-5)
    assert images.tokens is not None
    assert images.tokens.shape == (5, 1 + encoder.card.grid**2, encoder.card.token_dim)
    texts = encoder.encode_texts(["red", "a blue field", "green and white"])
    assert texts.embedding.shape == (3, encoder.dim) and texts.embedding.dtype == np.float32
    assert texts.guide is not None and texts.guide.shape == (3, encoder.card.token_dim)
    for rows in (slice(0, 1), slice(2, 5)):
        part = encoder.encode_images(batch[rows]).embedding
        assert np.abs(part - images.embedding[rows]).max() <= BATCH_TOLERANCE
    assert encoder.encode_images(batch[:0]).embedding.shape == (0, encoder.dim)
    assert encoder.encode_texts([]).embedding.shape == (0, encoder.dim)
    odd: list[Any] = ["\udcff red", "red " * 500]
    assert np.isfinite(encoder.encode_texts(odd).embedding).all()
    with pytest.raises(ValueError, match="pixels must be uint8"):
        encoder.encode_images(batch.astype(np.float32))


def test_the_check_finds_nothing_wrong(spec: str) -> None:
    findings = check(spec)
    # The tiny words are colours: most of the probes have none, and then no direction at all.
    wrong = [finding for finding in findings if not finding.ok and not finding.what.startswith("texts")]
    assert wrong == [] and {"card", "digests", "pictures"} <= {finding.what for finding in findings}
