"""The default kind of encoder: a folder of ONNX files, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.encoders import devices
from swath.encoders.card import Calibration, Card, read_card
from swath.encoders.pieces import piece_batches
from swath.errors import EncoderError
from swath.types import ImageFeatures, TextFeatures

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from swath.encoders.heads import Head

FILES = ("image.onnx", "text.onnx", "tokenizer.json")
NORM_TOLERANCE = 1e-3
"""How far from 1 the length of a vector may be."""
_CPU = "CPUExecutionProvider"


class OnnxEncoder:
    """Image tower, text tower and tokenizer from one folder; each is loaded when it is first needed.

    A vector does not depend on what else is in its batch: texts are padded to a length that only their own
    number of word pieces decides, and images all have one size.

    `device` is one of `devices.PROVIDERS`, `cpu` or `auto`; None: what the environment says, else `auto`.

    Raises `EncoderError` where the folder is not an encoder.
    """

    def __init__(self, folder: Path, threads: int | None = None, device: str | None = None) -> None:
        self.folder: Path | None = folder
        self._folder = folder
        self._threads = threads
        self._device = devices.wanted(device)
        self.card: Card = read_card(folder)
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise EncoderError(f"{folder} lacks {', '.join(missing)}: copy the whole encoder folder")
        unnamed = [name for name in FILES if name not in self.card.files]
        if unnamed:
            raise EncoderError(
                f"{folder}/card.json gives no SHA-256 of {', '.join(unnamed)}: export it again"
            )

    def __repr__(self) -> str:
        return f"OnnxEncoder({self.name!r}, revision={self.revision[:12]!r})"

    @property
    def name(self) -> str:
        """The name in the card."""
        return self.card.name

    @property
    def dim(self) -> int:
        """D, the width of the embedding."""
        return self.card.dim

    @property
    def image_size(self) -> int:
        """S of the pixels that `encode_images` takes."""
        return self.card.image_size

    @cached_property
    def revision(self) -> str:
        """SHA-256 over all that decides a vector: the card's digests of the files, and its lengths.

        The card's words (figures, description) are no part of it. `verify` tells whether the files are those.
        """
        lines = [f"{name} {self.card.files.get(name, '')}" for name in FILES]
        return hashlib.sha256("\n".join([*lines, str(self.card.lengths)]).encode()).hexdigest()

    @property
    def means(self) -> dict[str, NDArray[np.float32]]:
        """Mean embedding of each modality on the training data, float32[D]; empty where not recorded."""
        return {name: np.asarray(values, np.float32) for name, values in self.card.means.items()}

    @property
    def calibration(self) -> dict[str, dict[str, Calibration]]:
        """Pipeline -> kind of query -> the fit of its scores; see `Card.calibration`."""
        return self.card.calibration

    @cached_property
    def presets(self) -> dict[str, dict[str, bool | int | float | str]]:
        """Preset -> the values of its pipeline: those of its heads, and of its card (see `Card.presets`)."""
        from swath.encoders.heads import heads_of
        from swath.encoders.registry import installed

        heads = heads_of(self.revision, (*installed().values(), self._folder))
        found = {name: values for head in heads.values() for name, values in head.card.presets.items()}
        return found | self.card.presets

    @cached_property
    def heads(self) -> dict[str, Head]:
        """The heads in its folder, by name, and others that are installed for its revision.

        Raises `EncoderError` where a head in its folder belongs to another revision.
        """
        from swath.encoders.heads import heads_of, read_heads
        from swath.encoders.registry import installed

        return heads_of(self.revision, installed().values()) | read_heads(self._folder, self.revision)

    def verify(self) -> list[str]:
        """Names of files whose SHA-256 is not the one in the card."""
        return [name for name in FILES if file_digest(self._folder / name) != self.card.files.get(name)]

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """Encode uint8[n, S, S, 3] RGB pixels.

        Raises `ValueError` on another shape or dtype.
        """
        size = self.image_size
        if batch.dtype != np.uint8 or batch.shape[1:] != (size, size, 3):
            raise ValueError(f"pixels must be uint8[n, {size}, {size}, 3], not {batch.dtype}{batch.shape}")
        embedding = np.empty((len(batch), self.dim), np.float32)
        tokens = None
        if self.card.grid:
            tokens = np.empty((len(batch), 1 + self.card.grid**2, self.card.token_dim), np.float32)

        def encode(part: slice) -> None:
            out = self.sessions["image.onnx"].run(None, {"pixels": np.ascontiguousarray(batch[part])})
            embedding[part] = self._checked("image.onnx", out, 0, embedding[part].shape)
            if tokens is not None:
                tokens[part] = self._checked("image.onnx", out, 1, tokens[part].shape)

        self._batches.run(len(batch), encode)
        return ImageFeatures(embedding, tokens)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode texts; what is longer than the longest length of the card is cut there."""
        embedding = np.empty((len(texts), self.dim), np.float32)
        guide = np.empty((len(texts), self.card.token_dim), np.float32) if self.card.grid else None
        parts = []
        for rows, ids, mask in piece_batches(self.tokenizer, texts, self.card.lengths):
            out = self.sessions["text.onnx"].run(None, {"ids": ids, "mask": mask})
            embedding[rows] = self._checked("text.onnx", out, 0, (len(rows), self.dim))
            if guide is not None:
                guide[rows] = self._checked("text.onnx", out, 1, (len(rows), self.card.token_dim))
            if self.card.word_dim:
                parts.append((rows, out[2], mask))
        if not self.card.word_dim:
            return TextFeatures(embedding, guide)
        longest = max((mask.shape[1] for _, _, mask in parts), default=0)
        words = np.zeros((len(texts), longest, self.card.word_dim), np.float32)
        word_mask = np.zeros((len(texts), longest), np.bool_)
        for rows, vectors, mask in parts:
            word_mask[rows, : mask.shape[1]] = mask > 0
            words[rows, : mask.shape[1]] = vectors * mask[..., None]
        return TextFeatures(embedding, guide, words, word_mask)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, set to cut at the card's longest length and to add no padding."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.enable_truncation(self.card.lengths[-1])
        tokenizer.no_padding()
        return tokenizer

    def _checked(
        self, file: str, outputs: Sequence[NDArray[np.float32]], index: int, shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """One output of a tower. Raises `EncoderError` where it is not what the card says, or not unit rows.

        A tower that forgot to normalise would only be seen as bad answers.
        """
        where = f"{self._folder / file}, output {index + 1}"
        if index >= len(outputs):
            raise EncoderError(f"{where} is not there, and the card promises it: run `swath encoder check`")
        values = outputs[index]
        if values.shape != shape:
            raise EncoderError(
                f"{where} has shape {list(values.shape)} instead of {list(shape)}: the card is not of this "
                "file; run `swath encoder check`"
            )
        lengths = np.linalg.norm(values, axis=-1).ravel()
        off = np.abs(lengths - 1)
        if (off > NORM_TOLERANCE).any():
            raise EncoderError(
                f"{where} has vectors of length {lengths[np.nanargmax(off)]:.4g} instead of 1: export the "
                "tower with its normalisation"
            )
        return values

    @cached_property
    def _batches(self) -> devices.Batches:
        return devices.Batches(devices.CPU_BATCH if self._providers[0] == _CPU else devices.GPU_BATCH)

    @cached_property
    def _providers(self) -> list[str]:
        import onnxruntime

        return devices.onnx_providers(self._device, onnxruntime.get_available_providers())

    @cached_property
    def sessions(self) -> Sessions:
        """The runtime's session of `image.onnx` and `text.onnx`, each opened when it is first asked for."""
        return Sessions(self._folder, self._threads, self._providers)


class Sessions:
    """Sessions by the name of the file."""

    def __init__(self, folder: Path, threads: int | None, providers: Sequence[str]) -> None:
        self._folder = folder
        self._threads = threads
        self._providers = providers
        self._open: dict[str, Any] = {}

    def __getitem__(self, file: str) -> Any:
        if file not in self._open:
            self._open[file] = session(self._folder / file, self._threads, self._providers)
        return self._open[file]


def open_encoder(place: str, threads: int | None = None) -> OnnxEncoder:
    """The encoder `onnx:PLACE`, PLACE a folder. Raises `EncoderError` where it is none."""
    return OnnxEncoder(Path(place), threads)


def session(path: Path, threads: int | None = None, providers: Sequence[str] = (_CPU,)) -> Any:
    """An ONNX Runtime session, by default on the processor, with int8 weights folded to fp32 at load.

    Raises `EncoderError` where the runtime cannot read the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Weights are int8 behind DequantizeLinear. The runtime's own rewriting of such pairs would quantise
    # activations with one scale for the whole batch, and a vector would change with its batch mates.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    if threads is not None:
        # The runtime's threads spin while they wait: more than processors keep each other from working.
        options.intra_op_num_threads = min(threads, len(os.sched_getaffinity(0)))
    try:
        return onnxruntime.InferenceSession(path, options, providers=list(providers))
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            raise EncoderError(f"{path} cannot be loaded: {error}. Is the file whole?") from error
        raise


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
