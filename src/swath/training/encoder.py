"""`torch:RUN`: a finished training run as an encoder, before any export."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from swath.encoders import Card, devices, file_digest, piece_batches
from swath.errors import EncoderError
from swath.models.recipe import Recipe
from swath.training.dual import Towers
from swath.training.texts import tokenizer_of
from swath.types import ImageFeatures, TextFeatures

FILES = ("recipe.json", "tokenizer.json", "facts.json", "model.safetensors")


class TorchEncoder:
    """The towers of a run, in torch, in fp32; the reference for what is exported from it."""

    folder: Path | None = None
    """None: a run is no encoder folder; export it."""

    def __init__(self, run: Path, threads: int | None = None, device: str | None = None) -> None:
        """Raises `EncoderError` where the run is not finished or its weights cannot be read."""
        missing = [name for name in FILES if not (run / name).is_file()]
        if missing:
            raise EncoderError(f"{run} is not a finished run (no {missing[0]}): train it to its end first")
        if threads is not None:
            torch.set_num_threads(threads)
        self.run = run
        self.recipe = msgspec.json.decode((run / "recipe.json").read_bytes(), type=Recipe)
        self.facts: dict[str, Any] = json.loads((run / "facts.json").read_text())
        self.towers = Towers(self.recipe, self.facts["scenes"])
        try:
            self.towers.load_state_dict(load_file(run / "model.safetensors"))
        except Exception as error:
            if not isinstance(error, RuntimeError) and type(error).__name__ != "SafetensorError":
                raise
            raise EncoderError(f"{run}/model.safetensors cannot be read ({error}): train it again") from error
        self._device = devices.torch_device(devices.wanted(device), torch.cuda.is_available())
        self.towers.eval().to(self._device)
        self._batches = devices.Batches(devices.CPU_BATCH if self._device == "cpu" else devices.GPU_BATCH)
        self._tokenizer = tokenizer_of(
            json.loads((run / "tokenizer.json").read_text()), self.recipe.text.lengths
        )

    @property
    def name(self) -> str:
        """`torch:RUN`, by which it can be loaded again."""
        return f"torch:{self.run.resolve()}"

    @property
    def dim(self) -> int:
        """D, the width of the embedding."""
        return self.recipe.heads.members * self.recipe.heads.dim

    @property
    def image_size(self) -> int:
        """S of the pixels that `encode_images` takes."""
        return self.recipe.image.size

    @cached_property
    def revision(self) -> str:
        """SHA-256 over recipe, tokenizer and weights."""
        names = ("recipe.json", "tokenizer.json", "model.safetensors")
        return hashlib.sha256("\n".join(file_digest(self.run / name) for name in names).encode()).hexdigest()

    @property
    def card(self) -> Card:
        """What the run says of itself."""
        return Card(
            name=self.name,
            description=self.recipe.description,
            kind="torch",
            dim=self.dim,
            image_size=self.image_size,
            grid=self.recipe.image.grid,
            token_dim=self.recipe.heads.token_dim,
            lengths=self.recipe.text.lengths,
            means=self.facts["means"],
            figures={"validation, strict, while training": self.facts["figures"]},
        )

    @property
    def means(self) -> dict[str, NDArray[np.float32]]:
        """Mean embedding of each modality on the training data, float32[D]."""
        return {name: np.asarray(values, np.float32) for name, values in self.facts["means"].items()}

    def verify(self) -> list[str]:
        """Nothing: a run records no digests."""
        return []

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """Encode uint8[n, S, S, 3] RGB pixels. Raises `ValueError` on another shape or dtype."""
        size, grid, heads = self.image_size, self.recipe.image.grid, self.recipe.heads
        if batch.dtype != np.uint8 or batch.shape[1:] != (size, size, 3):
            raise ValueError(f"pixels must be uint8[n, {size}, {size}, 3], not {batch.dtype}{batch.shape}")
        embedding = np.empty((len(batch), self.dim), np.float32)
        tokens = np.empty((len(batch), 1 + grid * grid, heads.token_dim), np.float32)

        def encode(part: slice) -> None:
            with torch.inference_mode():
                pixels = torch.from_numpy(np.ascontiguousarray(batch[part])).to(self._device)
                both = self.towers.image(pixels)
            embedding[part], tokens[part] = (one.cpu().numpy() for one in both)

        self._batches.run(len(batch), encode)
        return ImageFeatures(embedding, tokens)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode texts; what is longer than the longest length of the recipe is cut there."""
        embedding = np.empty((len(texts), self.dim), np.float32)
        guide = np.empty((len(texts), self.recipe.heads.token_dim), np.float32)
        with torch.inference_mode():
            for rows, *pieces in piece_batches(self._tokenizer, texts, self.recipe.text.lengths):
                ids, mask = (torch.from_numpy(one).to(self._device) for one in pieces)
                out = self.towers.text(ids, mask)
                embedding[rows], guide[rows] = out[0].cpu().numpy(), out[1].cpu().numpy()
        return TextFeatures(embedding, guide)


def open_encoder(place: str, threads: int | None = None) -> TorchEncoder:
    """The encoder `torch:PLACE`, PLACE a run folder. Raises `EncoderError` where it is none."""
    return TorchEncoder(Path(place).expanduser(), threads)
