"""Lists on disk: a folder of mapped arrays, whole or absent, with a checksum for every page.

    lists/000001/   manifest.json, one file for each array, head/ (a copy of the word head)
    lists/tuned.json   what was measured, and on which layout

A new layout is written beside the old one and renamed; whoever reads the old one keeps it. Everything here is
derived: a file that is short or changed is never answered from, and the lists are built again.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.archive.files import replace_file, sync_file, sync_folder
from swath.archive.lists.nouns import DamagedListsError, Lists, Postings
from swath.encoders import Head, HeadCard, read_terms
from swath.types import Array, Int8Rows

FOLDER = "lists"
FORMAT = 2
PAGE = 1 << 16
_LARGE = ("lead_codes", "rest_codes", "places", "impacts", "weights", "ids")
"""Arrays whose pages are checked when they are first touched; the others are checked when they are opened."""


class Stored(msgspec.Struct, frozen=True):
    """One array file."""

    dtype: str
    shape: tuple[int, ...]
    pages: tuple[int, ...]
    """CRC-32 of every page of `PAGE` bytes."""


class Manifest(msgspec.Struct, frozen=True):
    """`manifest.json` of a layout."""

    format: int
    name: str
    encoder: str
    """Revision of the encoder that made the vectors."""
    generation: str
    """Of the hot columns that `rows` counts in."""
    tiles: int
    """The first so many rows of the gallery are in the lists."""
    count: int | None
    """How many lists were asked for."""
    seed: int
    delta: float
    block: int
    arrays: dict[str, Stored]
    head: HeadCard | None = None


class Writing:
    """A layout that is being written: gives mapped arrays to fill, then seals them."""

    def __init__(self, archive: Path) -> None:
        self._place = archive / FOLDER
        self._place.mkdir(exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self._place))
        self._arrays: dict[str, Array] = {}

    def allocate(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """A mapped array of zeros."""
        path = self._folder / name
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        with path.open("wb") as file:
            file.truncate(size)
        array = np.memmap(path, kind, "r+", shape=shape) if size else np.zeros(shape, kind)
        self._arrays[name] = array
        return array

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def seal(self, manifest: Callable[[dict[str, Stored]], Manifest], head: Head | None) -> None:
        """Make the layout the newest one; older ones go, and whoever has them open keeps them."""
        arrays = {name: _stored(array) for name, array in self._arrays.items()}
        if head is not None:
            shutil.copytree(head.folder, self._folder / "head")
        (self._folder / "manifest.json").write_bytes(_sealed(msgspec.json.encode(manifest(arrays))))
        for path in self._folder.rglob("*"):
            if path.is_file():
                sync_file(path)
        sync_folder(self._folder)
        number = self._renamed()
        sync_folder(self._place)
        for path in self._place.glob("[0-9]*"):
            if path.name < number:
                shutil.rmtree(path, ignore_errors=True)

    def _renamed(self) -> str:
        """Give the layout the next free number: somebody else may have built one meanwhile."""
        while True:
            taken = [int(path.name) for path in self._place.glob("[0-9]*") if path.name.isdigit()]
            number = f"{max(taken, default=0) + 1:06d}"
            try:
                self._folder.rename(self._place / number)
            except FileExistsError:
                continue
            return number


class Layout:
    """The newest layout of an archive, as it lies on disk."""

    def __init__(self, folder: Path) -> None:
        """Raises `DamagedListsError` where its manifest or an array is missing, short or changed."""
        self._folder = folder
        self.manifest = _manifest(folder / "manifest.json")
        self._mapped = {name: self._map(name, stored) for name, stored in self.manifest.arrays.items()}
        self._widths = {
            name: np.dtype(stored.dtype).itemsize * math.prod(stored.shape[1:])
            for name, stored in self.manifest.arrays.items()
        }
        self._sound: set[str] = set()
        self._checked = {name: np.zeros(len(s.pages), bool) for name, s in self.manifest.arrays.items()}
        for name in self.manifest.arrays:
            if name not in _LARGE:
                self.check_all(name)

    @staticmethod
    def described(folder: Path) -> tuple[Manifest, Head | None, Array | None]:
        """Manifest, word head and directions (None: there is none, or a damaged one) without the rest.

        Raises `DamagedListsError` where the manifest cannot be read.
        """
        manifest = _manifest(folder / "manifest.json")
        head = None if manifest.head is None else Head(folder / "head", manifest.head)
        stored = manifest.arrays["directions"]
        try:
            content = (folder / "directions").read_bytes()
        except OSError:
            content = b""
        sound = _sums(memoryview(content)) == stored.pages
        directions = np.frombuffer(content, stored.dtype).reshape(stored.shape) if sound else None
        return manifest, None if head is None or head.verify() else head, directions

    def array(self, name: str) -> Array:
        """A mapped array; pages of a large one are checked by `check` alone."""
        stored = self.manifest.arrays[name]
        return np.frombuffer(self._mapped[name], stored.dtype).reshape(stored.shape)

    def check(self, name: str, pages: NDArray[np.int64]) -> None:
        """Compare the checksums of those pages that were not looked at yet. Raises `DamagedListsError`."""
        checked = self._checked[name]
        if checked[pages].all():
            return
        data, sums = memoryview(self._mapped[name]), self.manifest.arrays[name].pages
        for page in pages[~checked[pages]].tolist():
            if zlib.crc32(data[page * PAGE : (page + 1) * PAGE]) != sums[page]:
                raise DamagedListsError(f"{self._folder / name} is damaged: a checksum does not fit")
            checked[page] = True
        if checked.all():
            self._sound.add(name)

    def check_all(self, name: str) -> None:
        """Compare all checksums of an array. Raises `DamagedListsError`."""
        self.check(name, np.arange(len(self._checked[name])))

    def head(self) -> Head | None:
        """The copy of the word head."""
        card = self.manifest.head
        return None if card is None else Head(self._folder / "head", card)

    def lists(self, rows: NDArray[np.int32], size: int, facts: dict[str, Any]) -> Lists:
        """As a search sees it; `rows` are the gallery's."""
        head = self.head()
        if head is not None and head.verify():
            raise DamagedListsError(f"the word head in {self._folder} is damaged")
        return Lists(
            name=self.manifest.name,
            size=size,
            rows=rows,
            ends=self.array("ends"),
            centroids=self.array("centroids"),
            directions=self.array("directions"),
            lead=self._rows("lead"),
            rest=self._rows("rest"),
            postings=self._postings(),
            terms=None if head is None else read_terms(head),
            facts=facts,
            touch=self._touch,
        )

    def _rows(self, part: str) -> Int8Rows:
        return Int8Rows(*(self.array(f"{part}_{term}") for term in ("codes", "scale", "error", "norm")))

    def _postings(self) -> Postings | None:
        if "words" not in self.manifest.arrays:
            return None
        names = ("words", "places", "impacts", "weights", "block_ends", "blocks", "firsts", "maxima")
        return Postings(
            **{name: self.array(name) for name in names},
            ends=self.array("word_ends"),
            delta=self.manifest.delta,
            block=self.manifest.block,
            touch=self._touch,
        )

    def _touch(self, name: str, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        if name in self._sound:
            return
        width = self._widths[name]
        if len(starts) == 1:
            self.check(name, np.arange(starts[0] * width // PAGE, -(-stops[0] * width // PAGE)))
            return
        first, last = starts * width // PAGE, -(-stops * width // PAGE)
        longest = int((last - first).max(initial=0))
        pages = np.minimum(first[:, None] + np.arange(longest), np.maximum(last - 1, first)[:, None])
        self.check(name, np.unique(pages) if longest else np.zeros(0, np.int64))

    def _map(self, name: str, stored: Stored) -> mmap.mmap | bytes:
        path = self._folder / name
        size = np.dtype(stored.dtype).itemsize * int(np.prod(stored.shape))
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size != size:
                    raise DamagedListsError(f"{path} has not the {size} bytes that it should have")
                return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
        except OSError as error:
            raise DamagedListsError(f"{path} cannot be opened: {error.strerror}") from error


def check(folder: Path) -> None:
    """Compare every checksum of a layout. Raises `DamagedListsError`."""
    layout = Layout(folder)
    for name in layout.manifest.arrays:
        layout.check_all(name)
    head = layout.head()
    if head is not None and head.verify():
        raise DamagedListsError(f"the word head in {folder} is damaged")


def newest(archive: Path) -> Path | None:
    """Folder of the newest layout; None where there is none."""
    found = sorted(path for path in (archive / FOLDER).glob("[0-9]*") if path.is_dir())
    return found[-1] if found else None


def layout_name(ids: Array, directions: Array, head: Head | None, plan: str) -> str:
    """What tells one layout from another: tiles in their order, directions, head, and what was asked for.

    What was measured on a layout of another format is of no use, so the plan names the format.
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(np.ascontiguousarray(ids).data)
    digest.update(np.ascontiguousarray(directions).data)
    digest.update(b"" if head is None else msgspec.json.encode(head.card.files, order="sorted"))
    digest.update(plan.encode())
    return digest.hexdigest()


def read_tuned(archive: Path) -> dict[str, Any]:
    """What was measured; empty where nothing was, or the file is damaged: it is measured again then."""
    try:
        content = (archive / FOLDER / "tuned.json").read_bytes()
    except OSError:
        return {}
    body = _unsealed(content)
    return {} if body is None else msgspec.json.decode(body, type=dict[str, Any])


def write_tuned(archive: Path, tuned: dict[str, Any]) -> None:
    """Keep what was measured, in one step."""
    (archive / FOLDER).mkdir(exist_ok=True)
    body = msgspec.json.format(msgspec.json.encode(tuned), indent=1)
    replace_file(archive / FOLDER / "tuned.json", _sealed(body))


def _stored(array: Array) -> Stored:
    if isinstance(array, np.memmap):
        array.flush()
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return Stored(array.dtype.str, array.shape, _sums(data))


def _sums(data: memoryview) -> tuple[int, ...]:
    return tuple(zlib.crc32(data[i : i + PAGE]) for i in range(0, len(data), PAGE))


def _manifest(path: Path) -> Manifest:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedListsError(f"{path} cannot be read: {error.strerror}") from error
    body = _unsealed(content)
    if body is None:
        raise DamagedListsError(f"{path} is damaged: its checksum does not fit")
    manifest = msgspec.json.decode(body, type=Manifest)
    if manifest.format != FORMAT:
        raise DamagedListsError(f"{path} has format {manifest.format}, and this swath reads {FORMAT}")
    return manifest


def _sealed(body: bytes) -> bytes:
    """JSON behind a line with its CRC-32."""
    return f"{zlib.crc32(body):08x}\n".encode() + body


def _unsealed(content: bytes) -> bytes | None:
    """Inverse of `_sealed`; None where the checksum does not fit."""
    seal, _, body = content.partition(b"\n")
    return body if seal == f"{zlib.crc32(body):08x}".encode() else None
