"""What the routes ask: the archives, the threads that search them, and what is kept between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swath.archive import ArchiveGallery, ArchiveInfo
from swath.errors import InputError
from swath.hits import Hit, Hits
from swath.search import compile_kernels, mask
from swath.serving.documents import hit_document, hits_document, info_document, tile_document
from swath.serving.heat import overlay_png
from swath.serving.http.asked import Asked, check_pipeline
from swath.serving.http.exports import Format, exported
from swath.serving.http.limits import Limits
from swath.serving.http.previews import Recent, Thumbnails, mosaic
from swath.serving.http.problems import ProblemError
from swath.serving.http.scenes import PREVIEW_TILES, Scene, Scenes, scenes_document
from swath.serving.http.uploads import decode
from swath.serving.http.work import Workers
from swath.serving.tiles import TileDetails
from swath.types import Encoder, Tile

_HEAT_SIDE = 256
"""Pixels of the longer side of a heat map."""
_NO_PICTURE = 32
"""Side of query pictures where the encoder takes none: the search says so."""


class Searched(Protocol):
    """What answers: an archive, or several as one (`swath.searchable`)."""

    @property
    def encoder(self) -> Encoder:
        """The encoder that answers."""

    @property
    def search(self) -> Callable[..., Hits]:
        """As `Archive.search`."""

    def show(self, tile: str) -> TileDetails:
        """As `Archive.show`."""

    def heat(self, hits: Hits, text: Any) -> dict[str, NDArray[np.float32]]:
        """As `Archive.heat`."""

    def write(self, hits: Hits, path: Path) -> Path:
        """As `Archive.write`."""

    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes]:
        """JPEG bytes by tile id."""


class Part(Protocol):
    """One archive of those that are served."""

    @property
    def gallery(self) -> ArchiveGallery:
        """What was committed last."""

    def info(self) -> ArchiveInfo:
        """As `Archive.info`."""


class Service:
    """Everything that requests share. Methods without `async` block, and run in `workers`."""

    def __init__(self, searched: Searched, parts: Sequence[Part], limits: Limits) -> None:
        self.searched, self.parts, self.limits = searched, parts, limits
        self.workers = Workers(limits.searches, limits.waiting, limits.seconds)
        self.thumbnails = Thumbnails(searched.thumbnails, self.workers)
        self._scenes: list[Scenes | None] = [None] * len(parts)
        self._locks = [threading.Lock() for _ in parts]
        self._previews: Recent[str, bytes] = Recent(256)

    @property
    def _image_size(self) -> int:
        return self.searched.encoder.image_size if self.searched.encoder.image_size > 0 else _NO_PICTURE

    def warm(self) -> None:
        """Load what the first search would have to wait for: encoder, compiled kernels, columns of all tiles.

        Raises what an archive raises that cannot answer.
        """
        compile_kernels()
        self.searched.encoder.encode_texts(["warm"])
        for part in self.parts:
            _ = part.gallery.bounds, part.gallery.ids
        if any(len(part.gallery) for part in self.parts):
            self.searched.search("warm", k=1)

    def search(self, asked: Asked, files: Sequence[bytes]) -> Hits:
        """Hits, by the library; `files` are pictures as sent. Raises `ProblemError` for bad ones."""
        pictures = [decode(file, self.limits.pixels, self._image_size) for file in files]
        if ":" in asked.pipeline:  # it states a K
            check_pipeline(asked.pipeline, getattr(self.searched.encoder, "presets", None), self.limits)
        return self.searched.search(image=pictures or None, **asked.arguments())

    def answer(self, asked: Asked, files: Sequence[bytes]) -> dict[str, Any]:
        """The document of a search."""
        hits = self.search(asked, files)
        return hits_document(hits, asked.document(len(files)), explain=asked.explain)

    def show(self, tile: str) -> dict[str, Any]:
        """The document of a tile. Raises `ProblemError` 404 for none."""
        return tile_document(self._details(tile))

    def export(self, asked: Asked, files: Sequence[bytes], form: Format) -> bytes:
        """The hits as a file."""
        return exported(form, self.search(asked, files), self.searched.write)

    def browse(self, asked: Asked, k: int) -> dict[str, Any]:
        """Tiles that pass the filters, k of them spread evenly over the archive, unranked."""
        galleries = [part.gallery for part in self.parts]
        rows = [(gallery, _passing(gallery, asked)) for gallery in galleries]
        ends = np.cumsum([len(passing) for _, passing in rows])
        total = int(ends[-1])
        picked = (
            np.unique(np.linspace(0, total - 1, min(k, total)).astype(np.int64))
            if total
            else np.zeros(0, int)
        )
        documents = []
        for place in picked.tolist():
            one = int(np.searchsorted(ends, place, "right"))
            gallery, passing = rows[one]
            tile = gallery.tile(int(passing[place - (ends[one - 1] if one else 0)]))
            documents.append(_plain(tile))
        return {"total": total, "tiles": documents}

    def heat(self, tile: str, text: list[str]) -> bytes:
        """A translucent PNG that shows where in a tile words are. Raises `ProblemError` 404 for no tile."""
        found = self._details(tile).tile
        maps = self.searched.heat(Hits((Hit(1, found, 0.0, None),), ""), text)
        if found.id not in maps:
            raise ProblemError(
                404, "This archive stores no tokens, so it cannot say where in a tile words are"
            )
        window = found.window
        scale = _HEAT_SIDE / max(window.width, window.height, 1)
        size = max(1, round(window.width * scale)), max(1, round(window.height * scale))
        return overlay_png(maps[found.id], size if window.width else (_HEAT_SIDE, _HEAT_SIDE))

    def scenes(self) -> dict[str, Any]:
        """The GeoJSON of all scenes."""
        return scenes_document(self._all_scenes(), self.limits.scenes)

    def preview(self, scene: str) -> bytes:
        """A WebP of a scene. Raises `ProblemError` 404 where there is none."""
        for scenes in self._all_scenes():
            found = scenes.by_id.get(scene)
            if found is not None and len(found.rows) <= PREVIEW_TILES:
                return self._preview(scenes, found)
        raise ProblemError(404, f"No scene has the id {scene[:40]!r}, or it has too many tiles for a preview")

    def info(self) -> list[dict[str, Any]]:
        """The documents of the archives."""
        return [info_document(part.info()) for part in self.parts]

    def close(self) -> None:
        """Wait for what runs."""
        self.workers.close()

    def _details(self, tile: str) -> TileDetails:
        try:
            return self.searched.show(tile)
        except InputError as error:
            raise ProblemError(404, str(error)) from error

    def _all_scenes(self) -> list[Scenes]:
        found = []
        for place, part in enumerate(self.parts):
            with self._locks[place]:
                known, gallery = self._scenes[place], part.gallery
                if known is None or known.gallery is not gallery:
                    known = self._scenes[place] = Scenes(gallery)
                    self._previews = Recent(256)  # those of before may lack what has come since
                found.append(known)
        return found

    def _preview(self, scenes: Scenes, scene: Scene) -> bytes:
        made = self._previews.get(scene.id)
        if made is None:
            tiles = scenes.tiles(scene)
            pictures: Mapping[str, bytes] = self.searched.thumbnails([tile.id for tile in tiles])
            made = mosaic(tiles, pictures)
            self._previews.put(scene.id, made)
        return made


def _passing(gallery: ArchiveGallery, asked: Asked) -> NDArray[np.int64]:
    allowed = mask(gallery, asked.where, asked.bbox, asked.area, asked.near)
    return np.arange(len(gallery)) if allowed is None else np.flatnonzero(allowed)


def _plain(tile: Tile) -> dict[str, Any]:
    document = hit_document(Hit(0, tile, 0.0, None))
    return {key: value for key, value in document.items() if key not in ("rank", "raw", "score")}
