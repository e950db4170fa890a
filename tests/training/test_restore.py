"""The shipped encoder, back in torch: the vectors are those of its ONNX graphs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import msgspec  # noqa: E402

from swath.models.dual import side_by_side  # noqa: E402
from swath.models.recipe import load_recipe  # noqa: E402
from swath.training.dual import Towers  # noqa: E402
from swath.training.restore import restore, started_from, trainable  # noqa: E402
from swath.training.texts import tokenizer_of  # noqa: E402
from tests.training import small  # noqa: E402


def test_the_shipped_encoder_can_be_trained_further() -> None:
    encoder = trainable("base")
    plan = started_from(load_recipe("finetune"), encoder)
    assert plan.image.start == plan.text.start == f"base@{encoder.revision[:16]}"
    assert plan.image.views == ("original", "turned")
    towers = Towers(msgspec.structs.replace(plan), 0).eval()
    content = restore(towers, encoder)
    pixels = small.pixels(2, encoder.image_size)
    features = encoder.encode_images(pixels)
    text = "boats in a harbour"
    wanted = encoder.encode_texts([text])
    ids = torch.tensor([tokenizer_of(content, plan.text.lengths).encode(text).ids])
    with torch.inference_mode():
        cells = towers.image.features(torch.from_numpy(pixels))
        embedding, tokens, _ = towers.image.heads(cells)
        words = towers.text.features(ids, torch.ones_like(ids))
        spoken, guides = towers.text.heads(words)
    assert features.tokens is not None and wanted.guide is not None
    assert np.allclose(side_by_side(embedding).numpy(), features.embedding, atol=1e-4)
    assert np.allclose(tokens.numpy(), features.tokens, atol=1e-4)
    assert np.allclose(side_by_side(spoken).numpy(), wanted.embedding, atol=1e-4)
    assert np.allclose(guides.numpy(), wanted.guide, atol=1e-4)
