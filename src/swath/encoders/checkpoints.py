"""Checkpoints of open_clip models: read without running what is in them, or refused in one sentence."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from swath.errors import EncoderError

_SAVE = "torch.save(model.state_dict(), FILE)"


def open_clip_model(architecture: str, file: Path) -> nn.Module:
    """An open_clip model on the processor, fp32, for inference, with the weights of a local file.

    Nothing is fetched: tokenizers and towers that open_clip would take from a hub must be in its cache.

    Raises:
        EncoderError: open_clip is missing, the architecture is not known, the file is missing, damaged, holds
            more than weights, or belongs to another architecture.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import open_clip
    except ModuleNotFoundError as error:
        raise EncoderError(
            f"open_clip:{architecture} needs {error.name}: pip install 'swath[clip]' (with torchvision, "
            "several gigabytes), or let a machine that has it export the encoder and use the exported folder"
        ) from error
    if open_clip.get_model_config(architecture) is None:
        raise EncoderError(
            f"open_clip {open_clip.__version__} has no architecture {architecture!r}"
            f"{_nearest(architecture, open_clip.list_models())}"
        )
    state = read_state(file)
    with _quiet():
        model: nn.Module = open_clip.create_model(
            architecture, load_weights=False, pretrained_image=False, pretrained_text=False
        )
    problem = misfit(state, model.state_dict())
    if problem:
        raise EncoderError(f"{file} does not fit {architecture}: {problem}{_guess(state)}")
    try:
        open_clip.load_checkpoint(model, str(file), strict=True, weights_only=True)
    except RuntimeError as error:
        raise EncoderError(f"{file} does not fit {architecture}: {_short(error)}") from error
    return model.eval().requires_grad_(False)


def read_state(file: Path) -> dict[str, Tensor]:
    """Names and tensors of a `.safetensors` file or of a pickled checkpoint, read with `weights_only`.

    A `state_dict` inside a training checkpoint is unpacked, and `module.` before names is taken away.

    Raises `EncoderError` where the file is missing, damaged, or holds more than weights.
    """
    if not file.is_file():
        raise EncoderError(f"there is no file {file}: give the checkpoint as open_clip:ARCHITECTURE@FILE")
    try:
        found = _safetensors(file) if file.suffix == ".safetensors" else _pickled(file)
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise EncoderError(
            f"{file} cannot be read ({_short(error)}): it is cut off, damaged or no checkpoint; "
            "compare its size and digest with those of its source, and bring it again"
        ) from error
    state = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise EncoderError(f"{file} holds no weights by name: save it again with {_SAVE}")
    return {name.removeprefix("module."): value for name, value in state.items()}


def misfit(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """Why weights are not those of a model, in a few words; empty where nothing speaks against it.

    Position tables may differ in length, since open_clip interpolates them.
    """
    if not any(name in wanted for name in state):
        return "none of its tensors has a name of that architecture"
    for name, value in wanted.items():
        if name not in state or "positional_embedding" in name:
            continue
        if state[name].numel() != value.numel():
            shapes = [tuple(one.shape) for one in (state[name], value)]
            return f"{name} is {shapes[0]} in the file and {shapes[1]} in the architecture"
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip logs to the root that a model without weights has none: they come next."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _pickled(file: Path) -> Any:
    from pickle import UnpicklingError

    try:
        with warnings.catch_warnings():
            # Of TorchScript torch warns, and then refuses it; the refusal is told below.
            warnings.filterwarnings("ignore", ".*TorchScript")
            return torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if "Unsupported global" in str(error) or "Unsupported operand" in str(error):
            raise EncoderError(
                f"{file} holds more than weights, and unpickling that could run anything: "
                f"where you trust it, save its weights alone with {_SAVE}"
            ) from error
        raise ValueError(str(error)) from error
    except RuntimeError as error:
        if "TorchScript" in str(error):
            raise EncoderError(
                f"{file} is a TorchScript program, not weights: save its weights with "
                "torch.save(torch.jit.load(FILE).state_dict(), NEW)"
            ) from error
        raise


def _guess(state: dict[str, Tensor]) -> str:
    """Which architecture the file looks like, from its shapes."""
    import open_clip

    patches, projection = state.get("visual.conv1.weight"), state.get("visual.proj")
    if patches is None or projection is None or patches.ndim != 4:
        return "; name the architecture that it was trained with"
    width, dim = projection.shape
    layers = len({name.split(".")[3] for name in state if name.startswith("visual.transformer.resblocks.")})
    found = []
    for name in open_clip.list_models():
        config = open_clip.get_model_config(name)
        vision = config["vision_cfg"]
        shape = (vision.get("width"), vision.get("patch_size"), vision.get("layers"), config["embed_dim"])
        if shape == (width, patches.shape[-1], layers, dim) and "hf_model_name" not in config["text_cfg"]:
            found.append(name)
    return f"; it looks like {' or '.join(found[:3])}" if found else "; name the one it was trained with"


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 3, 0.4)
    return f": did you mean {' or '.join(near)}?" if near else ": open_clip.list_models() names them"


def _short(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 160 else f"{words[:157]}..."
