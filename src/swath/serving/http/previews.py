"""Small pictures: thumbnails of tiles, read together and kept a while, and scenes laid together from them."""

from __future__ import annotations

import asyncio
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

from swath.serving.http.work import Workers
from swath.types import Tile

_SIDE = 1024
"""Pixels of the longer side of a preview."""
_GATHER = 0.004
"""Seconds during which thumbnails are gathered: a page asks for dozens at once, and reading the table once
for all of them costs as much as for one."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The values that were used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """One value, which counts as used now."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, and forget the one that was not used for longest."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class Thumbnails:
    """Thumbnails by tile id. Lives in the event loop."""

    def __init__(
        self, read: Callable[[Collection[str]], Mapping[str, bytes]], workers: Workers, most: int = 4096
    ) -> None:
        self._read, self._workers = read, workers
        self._recent: Recent[str, bytes] = Recent(most)
        self._asked: set[str] = set()
        self._task: asyncio.Task[Mapping[str, bytes]] | None = None

    async def get(self, tile: str) -> bytes | None:
        """A JPEG; None for no tile."""
        found = self._recent.get(tile)
        if found is not None:
            return found
        self._asked.add(tile)
        if self._task is None:
            self._task = asyncio.create_task(self._gather())
        return (await asyncio.shield(self._task)).get(tile)

    async def _gather(self) -> Mapping[str, bytes]:
        await asyncio.sleep(_GATHER)
        asked, self._asked, self._task = self._asked, set(), None
        found = await self._workers.run(self._read, asked)
        for tile, picture in found.items():
            self._recent.put(tile, picture)
        return found


def mosaic(tiles: Collection[Tile], thumbnails: Mapping[str, bytes]) -> bytes:
    """A WebP of a scene, its thumbnails at the places of their windows; transparent where there is none."""
    from PIL import Image

    left, top = min(tile.window.column for tile in tiles), min(tile.window.row for tile in tiles)
    width = max(tile.window.column + tile.window.width for tile in tiles) - left
    height = max(tile.window.row + tile.window.height for tile in tiles) - top
    scale = min(1.0, _SIDE / max(width, height))
    canvas = Image.new("RGBA", (max(1, round(width * scale)), max(1, round(height * scale))))
    for tile in tiles:
        if tile.id not in thumbnails:
            continue
        window = tile.window
        x0, y0 = round((window.column - left) * scale), round((window.row - top) * scale)
        x1 = max(x0 + 1, round((window.column + window.width - left) * scale))
        y1 = max(y0 + 1, round((window.row + window.height - top) * scale))
        with Image.open(io.BytesIO(thumbnails[tile.id]), formats=("JPEG",)) as picture:
            picture.draft("RGB", (x1 - x0, y1 - y0))
            canvas.paste(picture.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR), (x0, y0))
    file = io.BytesIO()
    canvas.save(file, "WEBP", quality=82, method=2)
    return file.getvalue()
