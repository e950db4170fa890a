"""Pictures by Pillow: JPEG, PNG, WebP, GIF, BMP and plain 8-bit TIFF, upright, as RGB, their first frame."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError
from swath.imagery import exif
from swath.imagery.faults import quiet, reading
from swath.imagery.places import shown
from swath.imagery.scan import open_regular
from swath.imagery.tiling import TileImage, Tiling, is_inside, is_kept, is_picture, outside, plan, shrunk
from swath.types import Footprint, Window

if TYPE_CHECKING:
    from PIL import Image

LIMIT = 178_956_970
"""Most pixels of a picture, for it is decoded whole: half a gigabyte as RGB (Pillow's own limit)."""

_SILENCE = logging.NullHandler()
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP")


@dataclass(frozen=True, slots=True)
class _Facts:
    orientation: int
    position: Footprint | None
    time: datetime | None


@contextmanager
def header(path: Path) -> Iterator[Image.Image]:
    """Open a picture without decoding it. Raises `ImageryError`, also for what its user's body raises."""
    # With a list of formats Pillow loads every plugin it has, unless those of the list are there already.
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        Image,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        UnidentifiedImageError,
        WebPImagePlugin,
    )

    # Without a handler of its own, what Pillow logs of damaged files ends on the standard error stream.
    logging.getLogger("PIL").addHandler(_SILENCE)
    with reading(path), open_regular(path) as file:
        try:
            with quiet():
                image = Image.open(file, formats=_FORMATS)
        except Image.DecompressionBombError as error:
            raise _too_large(path) from error
        except UnidentifiedImageError as error:
            raise ImageryError(
                f"{shown(path)}: is no picture, or its beginning is damaged; check the file or leave it out"
            ) from error
        with image:
            if image.width * image.height > LIMIT:
                raise _too_large(path)
            yield image


class Picture:
    """Context manager over a picture that is cut into windows; its methods raise `ImageryError`."""

    is_divisible = False
    """It is decoded whole, so several handles would all do the same."""
    look = None

    def __init__(self, path: Path, tiling: Tiling) -> None:
        self._path = path
        self._tiling = tiling

    def __enter__(self) -> Picture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, from its header alone."""
        with header(self._path) as image:
            width, height = image.size
            turned = _turns(image) and _facts(image).orientation > 4
            return (height, width) if turned else (width, height)

    def windows(self) -> list[Window]:
        """Windows of the upright picture, from its header alone."""
        return list(plan(*self.size, self._tiling, georeferenced=False))

    def read(self, windows: Sequence[Window]) -> Iterator[TileImage]:
        """Windows of the upright picture in the order given, less those that are mostly transparent."""
        from PIL import Image

        with header(self._path) as image:
            facts = _facts(image)
            picture = _upright(image, facts)
            whole = is_picture(*picture.size, self._tiling, georeferenced=False)
            for window in windows:
                if not is_inside(window, *picture.size):
                    raise outside(self._path, window, picture.size)
                box = window.column, window.row, window.column + window.width, window.row + window.height
                size = shrunk(window, self._tiling, whole_picture=whole)
                piece = picture.crop(box)
                if piece.size != size:
                    piece = piece.resize(size, Image.Resampling.BOX)
                if piece.mode == "RGBA":
                    valid = np.asarray(piece.getchannel("A")) > 0
                    if not is_kept(valid, self._tiling, whole_picture=whole):
                        continue
                yield TileImage(window, _rgb(piece), facts.position, facts.time)


def whole(path: Path) -> NDArray[np.uint8]:
    """The upright picture, uint8[h, w, 3]. Raises `ImageryError`."""
    with header(path) as image:
        return _rgb(_upright(image, _facts(image)))


def _turns(image: Image.Image) -> bool:
    """Whether its EXIF orientation is still to be applied: Pillow turns TIFFs itself."""
    return image.format != "TIFF"


def _facts(image: Image.Image) -> _Facts:
    """What the EXIF before the pixels says; damaged EXIF says nothing, but the picture can still be seen."""
    # Pillow would decode a PNG to look for EXIF behind its pixels, where hardly any writer puts it.
    if image.format == "PNG" and not image.info.keys() & {"exif", "Raw profile type exif"}:
        return _Facts(1, None, None)
    try:
        with quiet():
            tags = image.getexif()
            part, gps = tags.get_ifd(exif.EXIF_PART), tags.get_ifd(exif.GPS_PART)
    except (ValueError, TypeError, LookupError, AttributeError, SyntaxError, struct.error, OSError, EOFError):
        return _Facts(1, None, None)
    return _Facts(exif.orientation(tags), exif.position(gps), exif.taken(tags, part, gps))


def _upright(image: Image.Image, facts: _Facts) -> Image.Image:
    """Decode it, as RGB, or as RGBA where it has transparency, and turn it."""
    from PIL import Image

    transparent = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    picture: Image.Image = image.convert("RGBA" if transparent else "RGB")
    turn = Image.Transpose
    turns = (
        *(None, None, turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM),
        *(turn.TRANSPOSE, turn.ROTATE_270, turn.TRANSVERSE, turn.ROTATE_90),
    )
    method = turns[facts.orientation] if _turns(image) else None
    return picture if method is None else picture.transpose(method)


def _rgb(picture: Image.Image) -> NDArray[np.uint8]:
    """As RGB, over black: what hides under transparent pixels is not for anyone to find."""
    from PIL import Image

    if picture.mode == "RGBA":
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture).convert("RGB")
    return np.array(picture)


def _too_large(path: Path) -> ImageryError:
    return ImageryError(
        f"{shown(path)}: has more than {LIMIT // 1_000_000} million pixels, and pictures are decoded whole; "
        "if it is meant to be that large, convert it to a tiled GeoTIFF, which is read in windows"
    )
