"""`open_clip:ARCHITECTURE@FILE`: any model of open_clip with a local checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swath.encoders import devices
from swath.encoders.card import Card, Source
from swath.encoders.checkpoints import open_clip_model
from swath.encoders.clip_towers import ImageTower, TextTower
from swath.encoders.onnx import file_digest
from swath.errors import EncoderError
from swath.types import ImageFeatures, TextFeatures

GRID = 4
"""Patches are averaged into so many cells a side, at most."""

_TEXT_BATCH = 64
_TERMS = "The weights stand under the terms of whoever published them; open_clip's own licence is MIT."


class OpenClipEncoder:
    """A model of open_clip, in torch, in fp32.

    Vectors are those of open_clip itself for a square picture; one that is not square is squeezed to a square
    before it comes here, where open_clip would cut its ends off. A vector differs with its batch mates by
    rounding alone (cosine above 0.999999), as torch picks its kernels by shape.

    Raises `EncoderError` as `checkpoints.open_clip_model` does, and for a model without square pictures.
    """

    folder: Path | None = None
    """None: an archive keeps no copy and finds the checkpoint by name; what is exported has a folder."""

    def __init__(
        self, architecture: str, file: Path, threads: int | None = None, device: str | None = None
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.architecture = architecture
        self.file = file.resolve()
        self.model: Any = open_clip_model(architecture, file)
        import open_clip

        config = open_clip.get_model_preprocess_cfg(self.model)
        size = config["size"]
        height, width = size if isinstance(size, tuple | list) else (size, size)
        if height != width:
            raise EncoderError(f"{architecture} takes pictures of {width} x {height}; swath has square ones")
        self.image_size: int = height
        self._config = config
        self.image_tower = ImageTower(self.model.visual, config["mean"], config["std"], GRID).eval()
        self.text_tower = TextTower(self.model).eval()
        self._device = devices.torch_device(devices.wanted(device), torch.cuda.is_available())
        self.image_tower.to(self._device)
        self.text_tower.to(self._device)
        self._batches = devices.Batches(devices.CPU_BATCH if self._device == "cpu" else devices.GPU_BATCH)

    def __repr__(self) -> str:
        return f"OpenClipEncoder({self.architecture!r}, {str(self.file)!r})"

    @property
    def name(self) -> str:
        """`open_clip:ARCHITECTURE@FILE`, by which it can be loaded again."""
        return f"open_clip:{self.architecture}@{self.file}"

    @cached_property
    def dim(self) -> int:
        """D, the width of the embedding."""
        with torch.inference_mode():
            return int(self.text_tower(self.tokenize(["a"]).to(self._device)).shape[1])

    @cached_property
    def revision(self) -> str:
        """SHA-256 over the architecture, the checkpoint's digest and what is done to pixels and patches."""
        lines = [self.architecture, self._digest, str(sorted(self._config.items())), str(GRID)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def card(self) -> Card:
        """What is known of it: its file, and how open_clip prepares pixels."""
        grid = self.image_tower.grid
        return Card(
            name=self.name,
            description=f"{self.architecture} of open_clip with the weights of {self.file.name}.",
            kind="open_clip",
            architecture=f"open_clip {self.architecture}",
            preprocessing=", ".join(f"{key} {value}" for key, value in sorted(self._config.items())),
            dim=self.dim,
            image_size=self.image_size,
            grid=grid,
            token_dim=self.dim if grid else 0,
            lengths=(self.context_length,),
            weights=(Source(name=self.file.name, part=self.architecture, terms=_TERMS, digest=self._digest),),
            terms=_TERMS,
        )

    @property
    def context_length(self) -> int:
        """Word pieces that a text is cut at and padded to."""
        return int(self.model.context_length)

    def verify(self) -> list[str]:
        """The checkpoint's name, where it is not the file any more that was loaded."""
        is_same = self.file.is_file() and file_digest(self.file) == self._digest
        return [] if is_same else [self.file.name]

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """Encode uint8[n, S, S, 3] RGB pixels. Raises `ValueError` on another shape or dtype."""
        size, grid = self.image_size, self.image_tower.grid
        if batch.dtype != np.uint8 or batch.shape[1:] != (size, size, 3):
            raise ValueError(f"pixels must be uint8[n, {size}, {size}, 3], not {batch.dtype}{batch.shape}")
        embedding = np.empty((len(batch), self.dim), np.float32)
        tokens = np.empty((len(batch), 1 + grid * grid, self.dim), np.float32) if grid else None

        def encode(part: slice) -> None:
            with torch.inference_mode():
                out = self.image_tower(torch.from_numpy(np.ascontiguousarray(batch[part])).to(self._device))
            embedding[part] = out[0].cpu().numpy()
            if tokens is not None:
                tokens[part] = out[1].cpu().numpy()

        self._batches.run(len(batch), encode)
        return ImageFeatures(embedding, tokens)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode texts with the model's tokenizer, which cuts them at its context length."""
        # Lone surrogates are legal in Python strings (odd file names) and not in UTF-8.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        embedding = np.empty((len(texts), self.dim), np.float32)
        with torch.inference_mode():
            for start in range(0, len(clean), _TEXT_BATCH):
                ids = self.tokenize(clean[start : start + _TEXT_BATCH]).to(self._device)
                embedding[start : start + _TEXT_BATCH] = self.text_tower(ids).cpu().numpy()
        return TextFeatures(embedding, embedding if self.image_tower.grid else None)

    @cached_property
    def tokenize(self) -> Any:
        """The model's tokenizer: texts to int64[n, L]. Raises `EncoderError` where its files are not here."""
        import open_clip

        try:
            return open_clip.get_tokenizer(self.architecture)
        except (ImportError, OSError, ValueError, RuntimeError) as error:
            raise EncoderError(
                f"the tokenizer of {self.architecture} is not on this machine ({_first_line(error)}): "
                "open_clip takes it from a hub; let it fetch that once, where there is a network"
            ) from error

    @cached_property
    def _digest(self) -> str:
        return file_digest(self.file)


def open_encoder(place: str, threads: int | None = None) -> OpenClipEncoder:
    """The encoder `open_clip:PLACE`, PLACE as ARCHITECTURE@FILE. Raises `EncoderError` for another form."""
    architecture, at, file = place.partition("@")
    if not (architecture and at and file):
        raise EncoderError(f"open_clip:{place} is not open_clip:ARCHITECTURE@FILE: name both")
    return OpenClipEncoder(architecture, Path(file).expanduser(), threads)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
