"""An encoder whose words were bent towards its user's: a small map behind a frozen text tower.

A folder with `card.json`, `down.npy` float32[D, r], `up.npy` float32[r, D], and in `base` a copy of the
encoder that it stands on (hard links where the file system can). A text embedding t becomes the unit vector
along t + (t down) up. Pictures stay as they are, so every archive of the base is an archive of this one too.

Heads of the base stay, for what they read stays (pictures, tokens, guides, words) or moves within its space
(text embeddings); the captions of its bank of queries move with the words, and where it has none, what was
fitted to becomes one. Presets keep their numbers and are
not recommended any more, and calibrated scores are gone: both were measured on the base's words.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.encoders.bank import KIND, read_bank, write_bank
from swath.encoders.card import Calibration, Card, read_card, write_card
from swath.encoders.heads import FOLDER, Head, HeadCard, read_heads, write_head
from swath.encoders.onnx import file_digest
from swath.errors import EncoderError
from swath.types import Encoder, ImageFeatures, TextFeatures

if TYPE_CHECKING:
    from swath.encoders.registry import LoadedEncoder

Queries: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Embeddings of texts and of pictures, unit rows of the base."""

BASE = "base"
FILES = ("down.npy", "up.npy")


class AdaptedEncoder:
    """The base encoder with adapted text embeddings; what it gives for pictures is the base's."""

    def __init__(self, folder: Path, base: LoadedEncoder) -> None:
        """Raises `EncoderError` where a file is missing or does not fit the base."""
        self.folder: Path | None = folder
        self._folder = folder
        self.base = base
        self.card: Card = read_card(folder)
        try:
            down, up = (np.load(folder / name, allow_pickle=False) for name in FILES)
        except (OSError, ValueError, EOFError) as error:
            raise EncoderError(
                f"{folder} lacks a sound {' or '.join(FILES)} ({error}): adapt again"
            ) from error
        if down.shape != up.shape[::-1] or down.shape[0] != base.dim:
            raise EncoderError(
                f"{folder} maps by {down.shape} and {up.shape}, and {base.name} gives {base.dim} numbers: "
                "adapt again"
            )
        self._down: NDArray[np.float32] = down
        self._up: NDArray[np.float32] = up

    def __repr__(self) -> str:
        return f"AdaptedEncoder({self.name!r}, on {self.base!r})"

    @property
    def name(self) -> str:
        """The name in the card."""
        return self.card.name

    @property
    def dim(self) -> int:
        """D, that of the base."""
        return self.base.dim

    @property
    def image_size(self) -> int:
        """S, that of the base."""
        return self.base.image_size

    @property
    def base_revision(self) -> str:
        """Revision of the base: archives of it hold the vectors that this one gives for pictures."""
        return self.base.revision

    @cached_property
    def revision(self) -> str:
        """SHA-256 over the base's revision and both maps."""
        return _revision(self.base_revision, self._folder)

    @property
    def means(self) -> dict[str, NDArray[np.float32]]:
        """Those of the base, the one of texts adapted; empty where the base has none."""
        means = dict(getattr(self.base, "means", {}))
        if "text" in means:
            means["text"] = means["text"] + means["text"] @ self._down @ self._up
        return means

    @cached_property
    def heads(self) -> dict[str, Head]:
        """Those of the base, and in place of its bank of queries the one whose captions were adapted."""
        return dict(getattr(self.base, "heads", {})) | read_heads(self._folder, self.revision)

    @property
    def presets(self) -> dict[str, dict[str, bool | int | float | str]]:
        """Those of the base, none of them recommended: that one does better was not measured here."""
        return {
            name: {key: value for key, value in values.items() if key != "gain"}
            for name, values in getattr(self.base, "presets", {}).items()
        }

    @property
    def calibration(self) -> dict[str, dict[str, Calibration]]:
        """What was fitted to its own scores (`swath calibrate`); those of the base are others."""
        return self.card.calibration

    def verify(self) -> list[str]:
        """Names of files whose SHA-256 is not the one in the card."""
        own = [name for name in FILES if file_digest(self._folder / name) != self.card.files.get(name)]
        return [*own, *(f"{BASE}/{name}" for name in self.base.verify())]

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """As the base does."""
        return self.base.encode_images(batch)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """As the base does, the embedding adapted; guides and words stay the base's."""
        features = self.base.encode_texts(texts)
        return replace(features, embedding=adapt(features.embedding, self._down, self._up))


def adapt(
    vectors: NDArray[np.floating[Any]], down: NDArray[np.floating[Any]], up: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Unit rows float[n, D] -> unit rows float32[n, D] along t + (t down) up."""
    # Row by row: a product of matrices rounds by its shape, and a vector must not know its batch mates.
    moved = np.stack([row + (row @ down) @ up for row in vectors]) if len(vectors) else vectors
    unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(unit, np.float32)


def write_adapted(
    folder: Path,
    card: Card,
    down: NDArray[np.floating[Any]],
    up: NDArray[np.floating[Any]],
    base: Encoder,
    *,
    queries: Queries | None = None,
) -> AdaptedEncoder:
    """Make the folder; `card` gets its kind and digests here. Raises `EncoderError` where it exists.

    `queries` are what it was fitted to: the bank of an encoder whose base has none.
    """
    if folder.exists():
        raise EncoderError(f"{folder} exists: name another folder")
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, values in zip(FILES, (down, up), strict=True):
        np.save(temporary / name, values.astype(np.float32))
    recipe = card.recipe
    if base.folder is None:
        recipe = {**recipe, BASE: base.name}
    else:
        copy_folder(base.folder, temporary / BASE)
    _write_bank(
        temporary,
        card,
        base,
        lambda texts: adapt(texts, down.astype(np.float32), up.astype(np.float32)),
        queries,
    )
    files = {name: file_digest(temporary / name) for name in FILES}
    write_card(msgspec.structs.replace(card, kind="adapted", recipe=recipe, files=files), temporary)
    temporary.rename(folder)
    return open_encoder(str(folder))


def _revision(base: str, folder: Path) -> str:
    lines = [base, *(file_digest(folder / name) for name in FILES)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _write_bank(
    folder: Path,
    card: Card,
    base: Encoder,
    adapted: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    queries: Queries | None,
) -> None:
    """The base's bank of queries, its captions where the words are now; or one of what was fitted to."""
    heads: dict[str, Head] = getattr(base, "heads", {})
    known = next(((name, head) for name, head in heads.items() if head.card.kind == KIND), None)
    revision = _revision(base.revision, folder)
    if known is not None:
        name, bank = known[0], read_bank(known[1])
        texts, images = bank.text, bank.image
        made = msgspec.structs.replace(known[1].card, encoder=revision)
    elif queries is not None:
        name, (texts, images) = KIND, queries
        says = "Embeddings of the captions and pictures that the encoder was adapted to."
        made = HeadCard(
            name=name, kind=KIND, encoder=revision, description=says, data=card.data[-1:], terms=card.terms
        )
    else:
        return
    own = folder / FOLDER / name
    own.mkdir(parents=True)
    write_bank(own, _int8(adapted(texts)), _int8(images))
    write_head(made, own)


def _int8(rows: NDArray[np.float32]) -> NDArray[np.int8]:
    rounded: NDArray[np.int8] = np.rint(rows * (127 / np.abs(rows).max(axis=1, keepdims=True))).astype(
        np.int8
    )
    return rounded


def open_encoder(place: str, threads: int | None = None) -> AdaptedEncoder:
    """The encoder `adapted:PLACE`, PLACE its folder. Raises `EncoderError` where it is none."""
    from swath.encoders.registry import load

    folder = Path(place)
    base = folder / BASE
    return AdaptedEncoder(
        folder, load(base if base.is_dir() else read_card(folder).recipe.get(BASE, base), threads)
    )


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder's files, by hard links where the file system can; nothing where the copy is there."""
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = temporary / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file.resolve(), copy)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(file, copy)
    temporary.rename(target)
