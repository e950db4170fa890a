"""The default kind of encoder: a folder of ONNX files, run by ONNX Runtime."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.encoders.card import Card, read_card
from swath.encoders.pieces import piece_batches
from swath.errors import EncoderError
from swath.types import ImageFeatures, TextFeatures

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from swath.encoders.heads import Head

FILES = ("image.onnx", "text.onnx", "tokenizer.json")
IMAGE_BATCH = 16


class OnnxEncoder:
    """Image tower, text tower and tokenizer from one folder; each is loaded when it is first needed.

    A vector does not depend on what else is in its batch: texts are padded to a length that only their own
    number of word pieces decides, and images all have one size.

    Raises `EncoderError` where the folder is not an encoder.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.folder: Path | None = folder
        self._folder = folder
        self._threads = threads
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
    def calibration(self) -> dict[str, tuple[float, float]]:
        """Pipeline -> (slope, intercept): probability = 1 / (1 + exp(-(slope * raw + intercept)))."""
        return self.card.calibration

    @property
    def presets(self) -> dict[str, dict[str, bool | int | float | str]]:
        """Preset -> the values of its pipeline; see `Card.presets`."""
        return self.card.presets

    @cached_property
    def heads(self) -> dict[str, Head]:
        """The heads in its folder, by name. Raises `EncoderError` for a head of another revision."""
        from swath.encoders.heads import read_heads

        return read_heads(self._folder, self.revision)

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
        for start in range(0, len(batch), IMAGE_BATCH):
            part = slice(start, start + IMAGE_BATCH)
            out = self._image_session.run(None, {"pixels": np.ascontiguousarray(batch[part])})
            embedding[part] = out[0]
            if tokens is not None:
                tokens[part] = out[1]
        return ImageFeatures(embedding, tokens)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode texts; what is longer than the longest length of the card is cut there."""
        embedding = np.empty((len(texts), self.dim), np.float32)
        guide = np.empty((len(texts), self.card.token_dim), np.float32) if self.card.grid else None
        parts = []
        for rows, ids, mask in piece_batches(self.tokenizer, texts, self.card.lengths):
            out = self._text_session.run(None, {"ids": ids, "mask": mask})
            embedding[rows] = out[0]
            if guide is not None:
                guide[rows] = out[1]
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

    @cached_property
    def _image_session(self) -> Any:
        return session(self._folder / "image.onnx", self._threads)

    @cached_property
    def _text_session(self) -> Any:
        return session(self._folder / "text.onnx", self._threads)


def session(path: Path, threads: int | None = None) -> Any:
    """An ONNX Runtime session on the CPU, with int8 weights folded to fp32 when it is loaded.

    Raises `EncoderError` where the runtime cannot read the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Weights are int8 behind DequantizeLinear. The runtime's own rewriting of such pairs would quantise
    # activations with one scale for the whole batch, and a vector would change with its batch mates.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            raise EncoderError(f"{path} cannot be loaded: {error}. Is the file whole?") from error
        raise


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
