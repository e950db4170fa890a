"""Small open_clip architectures of each family, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "tiny-vit": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": _TEXT,
    },
    "tiny-resnet": {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
        "text_cfg": _TEXT,
    },
    "tiny-convnext": {
        "embed_dim": 40,
        "vision_cfg": {
            "timm_model_name": "convnext_atto",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "timm_drop": 0.0,
            "timm_drop_path": 0.0,
            "image_size": 96,
        },
        "text_cfg": _TEXT,
    },
}
SIDES = {"tiny-vit": 4, "tiny-resnet": 3, "tiny-convnext": 3}
"""Cells a side that their tokens have."""


def register(folder: Path) -> None:
    """Make the architectures known to open_clip."""
    import open_clip

    for name, config in ARCHITECTURES.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def model(name: str, seed: int = 0) -> Any:
    """A model of open_clip with random weights."""
    import logging

    import open_clip
    import torch

    torch.manual_seed(seed)
    logging.disable(logging.WARNING)
    try:
        return open_clip.create_model(name, load_weights=False).eval()
    finally:
        logging.disable(logging.NOTSET)


def checkpoint(name: str, file: Path, seed: int = 0) -> Path:
    """A file of random weights: `.pt`, or `.safetensors`."""
    import torch
    from safetensors.torch import save_file

    state = {key: value.contiguous() for key, value in model(name, seed).state_dict().items()}
    if file.suffix == ".safetensors":
        save_file(state, file)
    else:
        torch.save(state, file)
    return file
