"""What a new process costs until it has answered, and how near to the bare model indexing comes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath import archive
from swath.encoders import OnnxEncoder
from swath.encoders.onnx import session
from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.imagery import Tiling
from swath.types import Encoder, ImageFeatures, TextFeatures

SEED = 0
TEXT = "a large airport with several planes beside the terminal"
BARE = "import numpy, onnxruntime, tokenizers, lance"
_SEARCH = (
    "import sys; from swath.cli import main; sys.exit(main(['search', sys.argv[1], sys.argv[2], '--json']))"
)
_BATCH = 16
"""Pictures that the session takes at a time."""
_SIDE = 32
"""Of the tiles in an archive made to be searched: nothing looks at their pixels."""
_ACROSS = 100
"""Tiles beside one another in the rasters that it is made of."""


class Cold(msgspec.Struct, frozen=True):
    """Seconds of new processes, which take turns."""

    tiles: int
    runs: int
    first: float
    """The first search ever, which nothing was read before."""
    search: float
    """Median."""
    bare: float
    """Median of importing numpy, onnxruntime, tokenizers and lance alone."""

    @property
    def ratio(self) -> float:
        """How many times the bare imports a search takes."""
        return self.search / self.bare


class Throughput(msgspec.Struct, frozen=True):
    """Pictures and texts a second."""

    pictures: int
    index: float
    """Pictures a second that `index` takes from files to a committed archive."""
    bare_images: float
    """Pictures a second of the image session alone, with pixels that are there."""
    texts: float
    """Texts a second that the encoder takes, from strings."""
    bare_texts: float
    """Texts a second of the text session alone, with word pieces that are there."""


class ColdResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.cold/1"):
    """Both, and what they were measured with."""

    cold: Cold
    throughput: Throughput | None
    environment: dict[str, str]
    swath: str


def measure_cold(path: Path, runs: int = 7) -> Cold:
    """Search an archive in new processes. Raises `InputError` where the search fails."""
    command = [sys.executable, "-c", _SEARCH, str(path), TEXT]
    first = _seconds(command)
    search, bare = [], []
    for _ in range(runs):
        bare.append(_seconds([sys.executable, "-c", BARE]))
        search.append(_seconds(command))
    tiles = len(archive.open_store(path).gallery())
    return Cold(tiles, runs, first, float(np.median(search)), float(np.median(bare)))


def measure_throughput(encoder: OnnxEncoder, pictures: int = 96, threads: int | None = None) -> Throughput:
    """Index pictures and encode texts, beside the sessions alone. Raises what indexing raises."""
    from PIL import Image

    random = np.random.default_rng(SEED)
    side = encoder.image_size
    pixels = random.integers(0, 256, (_BATCH, side, side, 3), np.uint8)
    folder = encoder.folder
    assert folder is not None, "an encoder of ONNX files lies in a folder"
    image = session(folder / "image.onnx", threads)
    image.run(None, {"pixels": pixels})
    batches = -(-pictures // _BATCH)
    bare = _rate(lambda: image.run(None, {"pixels": pixels}), _BATCH, batches)
    with tempfile.TemporaryDirectory() as name:
        files = Path(name) / "files"
        files.mkdir()
        for number in range(pictures):
            noise = random.integers(0, 256, (8, 8, 3), np.uint8)
            drawn = Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC)
            drawn.save(files / f"{number:05}.jpg", quality=90)
        encoder.encode_images(pixels)  # loads the session
        store = archive.create(Path(name) / "archive", encoder)
        started = perf_counter()
        store.add([files], encoder, threads=threads)
        index = pictures / (perf_counter() - started)
    texts = [f"{TEXT} number {number}" for number in range(256)]
    encoder.encode_texts(texts[:1])
    spoken = _rate(lambda: encoder.encode_texts(texts), len(texts), 2)
    return Throughput(pictures, index, bare, spoken, _bare_texts(encoder, texts, threads))


def _bare_texts(encoder: OnnxEncoder, texts: list[str], threads: int | None) -> float:
    from swath.encoders.pieces import piece_batches

    assert encoder.folder is not None
    text = session(encoder.folder / "text.onnx", threads)
    batches = list(piece_batches(encoder.tokenizer, texts, encoder.card.lengths))

    def run() -> None:
        for _, ids, mask in batches:
            text.run(None, {"ids": ids, "mask": mask})

    run()
    return _rate(run, len(texts), 2)


@contextmanager
def archive_of(tiles: int, encoder: Encoder) -> Iterator[Path]:
    """A folder with an archive of so many random vectors, as if the encoder had made them."""
    import rasterio
    from affine import Affine  # comes with rasterio

    if tiles < 1:
        raise InputError("an archive to measure has 1 tile at least")
    with tempfile.TemporaryDirectory() as name:
        rasters, path = Path(name) / "rasters", Path(name) / "archive"
        rasters.mkdir()
        rows = -(-tiles // _ACROSS)
        random = np.random.default_rng(SEED)
        profile = {"driver": "GTiff", "width": _ACROSS * _SIDE, "count": 3, "dtype": "uint8"}
        transform = Affine(1e-4, 0, 10, 0, -1e-4, 50)
        for row in range(rows):
            across = min(_ACROSS, tiles - row * _ACROSS)
            shape = {"height": _SIDE, "width": across * _SIDE, "crs": "EPSG:4326", "transform": transform}
            with rasterio.open(rasters / f"{row:05}.tif", "w", **{**profile, **shape}) as file:
                file.write(random.integers(1, 255, (3, _SIDE, across * _SIDE), np.uint8))
        drawn = _Drawn(encoder)
        store = archive.create(path, drawn, Tiling(size=_SIDE))
        store.add([rasters], drawn)
        yield path


class _Drawn:
    """An encoder in all but its vectors, which are drawn at random and cost nothing."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.revision, self.dim = encoder.name, encoder.revision, encoder.dim
        self.folder, self.image_size = encoder.folder, _SIDE
        self._random = np.random.default_rng(SEED)
        whole = encoder.encode_images(np.zeros((1, encoder.image_size, encoder.image_size, 3), np.uint8))
        self._tokens = None if whole.tokens is None else whole.tokens.shape[1:]

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """Random unit vectors."""
        tokens = None if self._tokens is None else self._unit((len(batch), *self._tokens))
        return ImageFeatures(self._unit((len(batch), self.dim)), tokens)

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """As the encoder itself."""
        return self._encoder.encode_texts(texts)

    def _unit(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        vectors = self._random.standard_normal(shape, np.float32)
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        return unit


def result_of(cold: Cold, throughput: Throughput | None) -> ColdResult:
    """As it is written down."""
    return ColdResult(cold, throughput, environment(), swath_version())


def _rate(call: Callable[[], Any], each: int, calls: int) -> float:
    started = perf_counter()
    for _ in range(calls):
        call()
    return each * calls / (perf_counter() - started)


def _seconds(command: list[str]) -> float:
    started = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    elapsed = perf_counter() - started
    if done.returncode:
        raise InputError(f"a search in a new process failed: {done.stderr.strip()[-400:]}")
    return elapsed
