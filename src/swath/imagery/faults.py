"""What decoders raise and warn, turned into the one error family and into silence."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from swath.errors import ImageryError, SwathError
from swath.imagery.places import Place, Remote, shown

_FILTERS = threading.Lock()


@contextmanager
def reading(path: Place) -> Iterator[None]:
    """Raise `ImageryError`, naming the file, in place of whatever a decoder raises inside."""
    try:
        yield
    except SwathError:
        raise
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror or _first_line(error)}") from error
    except Exception as error:
        # Damaged files make decoders raise nearly every built-in exception there is.
        reason = _first_line(error) or type(error).__name__
        raise _refusal(path, f"cannot be decoded: {reason}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings inside. Keep the body short: one thread at a time may be in it.

    `warnings.catch_warnings` changes the whole process, so two overlapping uses could restore each other's
    filters and leave the process silent.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refusal(path: Place, what: str) -> ImageryError:
    check = "run this again later to go on" if isinstance(path, Remote) else "check the file"
    if "missing codec" in what:
        check = "store it with another compression (deflate)"
    return ImageryError(f"{shown(path)}: {what}; {check} or leave it out")


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0][:200].rstrip(".")
    # Of rasterio; what it refers to is what the decoder said.
    if text.startswith("Read failed") and error.__cause__ is not None:
        return _first_line(error.__cause__)
    return text
