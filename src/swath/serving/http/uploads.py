"""Pictures that are sent: unpacked and decoded within limits."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from swath.errors import ImageryError
from swath.imagery import fit, open_picture
from swath.imagery.faults import quiet
from swath.serving.http.limits import Limits
from swath.serving.http.problems import ProblemError

if TYPE_CHECKING:
    from starlette.types import Message

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")


async def form_of(request: Request, body: bytes, limits: Limits) -> tuple[bytes, list[bytes]]:
    """The field `query` of a form (an empty JSON object where it is missing) and the files `image`.

    Raises `ProblemError` 400 for what is no such form.
    """
    sent = False

    async def receive() -> Message:
        nonlocal sent
        assert not sent, "the whole body is one message"
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    query, files = b"{}", []
    try:
        async with Request(request.scope, receive).form(
            max_files=limits.parts, max_fields=1, max_part_size=1024 * 1024
        ) as form:
            for name, value in form.multi_items():
                if name == "image" and isinstance(value, UploadFile):
                    files.append(await value.read())
                elif name == "query" and isinstance(value, str):
                    query = value.encode("utf-8", "replace")
                else:
                    raise ProblemError(400, "A form has the field 'query', as JSON, and files named 'image'")
    except HTTPException as error:
        raise ProblemError(400, f"The form cannot be read: {error.detail}") from error
    return query, files


def decode(data: bytes, pixels: int, side: int) -> NDArray[np.uint8]:
    """A picture as `swath search --image` gives it to the encoder, uint8[side, side, 3].

    Its size is known from its header before anything is decoded, and no more of it is kept than the encoder
    looks at. Raises `ProblemError`: 413 for one of more pixels, 415 for what is no picture, 400 for one that
    is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with quiet(), Image.open(BytesIO(data), formats=_FORMATS) as image:
            size = image.width * image.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ProblemError(413, f"A picture has too many pixels: send at most {pixels:,}") from error
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        TypeError,
        LookupError,
        EOFError,
    ) as error:
        raise ProblemError(
            415, "What was sent is no JPEG, PNG, WebP or TIFF, or its beginning is damaged"
        ) from error
    if size > pixels:
        raise ProblemError(413, f"A picture has {size:,} pixels: send at most {pixels:,}")
    with tempfile.TemporaryDirectory(prefix="swath-") as folder:
        file = Path(folder) / "picture"
        file.write_bytes(data)
        try:
            return fit(open_picture(file), side)
        except ImageryError as error:
            raise ProblemError(400, f"A picture {str(error).replace(str(file), '').lstrip(': ')}") from error
