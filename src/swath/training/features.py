"""Features of frozen trunks, computed once and kept on disk, resumable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from swath.captions import CaptionedSet
from swath.encoders import user_folder
from swath.imagery import open_picture
from swath.models.dual import ImageTower, TextTower
from swath.models.recipe import TextPart
from swath.training.texts import encode_pieces
from swath.training.views import view
from swath.types import Progress

Load = Callable[[], NDArray[np.uint8]]
BLOCK = 256


def image_features(
    tower: ImageTower, start: str, data: CaptionedSet, name: str, progress: Progress | None = None
) -> NDArray[np.float16]:
    """Cells of every image of a set under one view: float16[n, G * G, width], memory mapped.

    The cache is keyed by the weights' name, the tower's geometry, the view, the split's hash and the order of
    its images. It is written in blocks, and a stopped run goes on after the last whole block.

    Raises `ImageryError` where a picture cannot be decoded.
    """
    names = hashlib.sha256("\n".join(image.name for image in data.images).encode()).hexdigest()
    trunk = tower.trunk
    geometry = f"{start} {trunk.size} {trunk.taps} {trunk.merge} {tower.grid}"
    key = f"{geometry} {name} {data.name} {data.split_hash} {names}"
    path = _place(key)
    if path.is_file():
        return np.load(path, mmap_mode="r")
    part, done_file = path.with_suffix(".part"), path.with_suffix(".done")
    done = int(done_file.read_text()) if done_file.is_file() and part.is_file() else 0
    total = len(data.images)
    shape = (total, tower.grid**2, len(tower.trunk.taps) * tower.trunk.width)
    table = np.lib.format.open_memmap(part, "r+" if done else "w+", np.float16, shape)
    pictures = [(f"{data.name}/{image.name}", partial(open_picture, image.path)) for image in data.images]
    for start_row in range(done, total, BLOCK):
        rows = pictures[start_row : start_row + BLOCK]
        for offset, cells in _encode(tower, rows, name):
            begin = start_row + offset
            table[begin : begin + len(cells)] = cells
            if progress:
                progress(begin + len(cells), total, f"features of {data.name}:{data.split}, {name}")
        table.flush()
        done_file.write_text(str(start_row + len(rows)))
    del table
    part.replace(path)
    done_file.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def text_features(
    tower: TextTower,
    tokenizer: Tokenizer,
    part: TextPart,
    texts: Sequence[str],
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """float32[n, width]: what `TextTower.features` gives for each text, kept on disk.

    The key holds the tokenizer and the bag's own numbers, since both are fitted on training captions.
    """
    bag = hashlib.sha256(tower.bag.table.weight.detach().numpy().tobytes()).hexdigest()
    words = hashlib.sha256("\n".join([tokenizer.to_str(), *texts]).encode()).hexdigest()
    path = _place(f"{part} {bag} {words}")
    if not path.is_file():
        if progress:
            progress(0, len(texts), "features of texts")
        tower.eval()
        width = tower.trunk.width + part.bag_dim
        features = encode_pieces(tower.features, tokenizer, texts, part.lengths, width)
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, features)
        temporary.replace(path)
    return np.load(path)


def _place(key: str) -> Path:
    folder = user_folder() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"


def _encode(
    tower: ImageTower, pictures: Sequence[tuple[str, Load]], name: str, batch: int = 16
) -> Iterator[tuple[int, NDArray[np.float16]]]:
    tower.eval()
    for offset in range(0, len(pictures), batch):
        part = pictures[offset : offset + batch]
        pixels = np.stack([view(name, load(), key, tower.trunk.size) for key, load in part])
        with torch.inference_mode():
            yield offset, tower.features(torch.from_numpy(pixels)).to(torch.float16).numpy()
