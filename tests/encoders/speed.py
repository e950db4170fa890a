"""Pictures per second of the processor: an encoder, and its bare model on the same arrays, in turn.

`python -m tests.encoders.speed base`; `open_clip:ViT-B-32@FILE` in the environment of scripts/test-clip.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from swath import encoders
from swath.encoders import OnnxEncoder, probes

_BATCH, _ROUNDS = 16, 5


def bare(encoder: Any, batch: Any) -> Callable[[], Any]:
    """The model alone: a session of ONNX Runtime, or open_clip behind its own scaling of pixels."""
    if isinstance(encoder, OnnxEncoder):
        session = encoder.sessions["image.onnx"]
        return lambda: session.run(None, {"pixels": batch})
    import torch

    tower = encoder.image_tower

    def run() -> Any:
        with torch.inference_mode():
            pixels = (torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255 - tower.mean) / tower.std
            return encoder.model.encode_image(pixels, normalize=True)

    return run


def main() -> None:
    """Measure the encoder that is named."""
    encoder = encoders.load(sys.argv[1], 1)
    batch = probes.pictures(_BATCH, encoder.image_size)
    calls: dict[str, Callable[[], Any]] = {
        "bare": bare(encoder, batch),
        "swath": lambda: encoder.encode_images(batch),
    }
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_ROUNDS):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            spent[name].append(time.process_time() - begun)
    for name, seconds in spent.items():
        print(name, round(_BATCH / statistics.median(seconds), 2))  # noqa: T201


if __name__ == "__main__":
    main()
