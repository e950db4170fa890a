"""What lies on servers: the one module of this room that asks the network, for addresses that were named.

Of a raster only the parts that are needed are read, by GDAL. What stands for its content is what the server
says of it, never a digest of the whole.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit

from swath.errors import ImageryError
from swath.imagery.places import Remote, shown

MOST_BYTES = 2**28
"""Of a document that is read whole."""
_TIMEOUT = 30.0
_DELAYS = (0.5, 2.0)
"""Seconds before a request is tried again that failed for a reason that may pass."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_START = 32
_MD5 = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_YES = frozenset({"yes", "true", "1", "on"})

Got = TypeVar("Got")


class NotThereError(ImageryError):
    """The server says that there is nothing at an address."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server says of a file."""

    start: bytes
    """Its first bytes."""
    size: int | None
    etag: str
    modified: str
    """Last-Modified, as it is written; empty where it is not told."""
    has_ranges: bool
    """Whether parts of it can be asked for."""


def look(place: Remote) -> Seen:
    """Ask for the first bytes. Raises `ImageryError`."""
    return _look_http(place) if place.url.lower().startswith("http") else _look_store(place)


def fingerprint(place: Remote) -> str:
    """32 hexadecimal digits that stand for the content of a raster that can be read in parts.

    An ETag that is an MD5 stands for it wherever it lies; any other ETag, or time and size, only for what is
    at this address, for servers make them of a time and a size. Raises `ImageryError`.
    """
    seen = look(place)
    if not seen.has_ranges:
        raise ImageryError(
            f"{shown(place)}: its server gives whole files only (it does not know ranges); download it, and "
            "index the file"
        )
    if _MD5.fullmatch(seen.etag):
        text = f"md5:{seen.etag.lower()}"
    elif seen.etag:
        # What follows a question mark is often a signature that is another one tomorrow.
        text = f"{place.path}:{seen.etag}:{seen.size}"
    elif seen.modified and seen.size is not None:
        text = f"{place.url}:{seen.modified}:{seen.size}"
    else:
        raise ImageryError(
            f"{shown(place)}: its server tells neither an ETag nor time and size, so that no change could be "
            "noticed; download it, and index the file"
        )
    return hashlib.blake2b(os.fsencode(text), digest_size=16).hexdigest()


def content(place: Remote) -> bytes:
    """All of a document. Raises `ImageryError`, also for more than `MOST_BYTES`."""
    if place.url.lower().startswith("http"):
        data = _tried(place, lambda: _get(place, {})[0])
    else:
        data = _stored(place, lambda store, path: _first(store, path, MOST_BYTES + 1))
    if len(data) > MOST_BYTES:
        raise ImageryError(f"{shown(place)}: is larger than {MOST_BYTES >> 20} MiB; download it")
    return data


def gdal_name(place: Remote) -> str:
    """The name by which GDAL reads it in parts."""
    kind, _, rest = place.url.partition("://")
    if kind.lower() in ("s3", "gs"):
        return f"/vsi{kind.lower()}/{rest}"
    return f"/vsicurl/{place.url}"


def gdal_options(place: Remote) -> dict[str, str]:
    """How GDAL reads it: nothing beside it is looked for, and what fails is tried again."""
    options = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_CONNECTTIMEOUT": "15",
        "GDAL_HTTP_TIMEOUT": "60",
        "GDAL_HTTP_MAX_RETRY": str(len(_DELAYS)),
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        # What a closed file was read from is not what the next one is: it may have changed meanwhile.
        "CPL_VSIL_CURL_NON_CACHED": gdal_name(place),
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if place.url.lower().startswith("s3:") and endpoint:
        parts = urlsplit(endpoint)
        options |= {
            "AWS_S3_ENDPOINT": parts.netloc,
            "AWS_HTTPS": "NO" if parts.scheme == "http" else "YES",
            "AWS_VIRTUAL_HOSTING": "FALSE",
        }
    return options


# By HTTP


class _PassingError(Exception):
    """A failure that the next try may not meet."""


def _look_http(place: Remote) -> Seen:
    data, answer = _tried(place, lambda: _get(place, {"Range": f"bytes=0-{_START - 1}"}, _START))
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    has_ranges = answer.status == http.client.PARTIAL_CONTENT
    length = total if has_ranges else answer.headers.get("Content-Length", "")
    return Seen(
        data,
        int(length) if length.isdecimal() else None,
        answer.headers.get("ETag", "").removeprefix("W/").strip('"'),
        answer.headers.get("Last-Modified", ""),
        has_ranges,
    )


def _get(place: Remote, headers: dict[str, str], most: int = MOST_BYTES + 1) -> tuple[bytes, Any]:
    agent = {"User-Agent": f"swath/{version('swath')}", **headers}
    request = urllib.request.Request(place.url, headers=agent)
    try:
        with _opener().open(request, timeout=_TIMEOUT) as answer:
            data = answer.read(most)
            length = answer.headers.get("Content-Length", "")
            if length.isdecimal() and len(data) < min(int(length), most):
                raise _PassingError("its server broke off")
            return data, answer
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _PASSING:
            raise _PassingError(f"its server answers {error.code} {error.reason}") from error
        kind = NotThereError if error.code in (404, 410) else ImageryError
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise kind(f"{shown(place)}: is empty; leave it out") from error
        raise kind(
            f"{shown(place)}: its server answers {error.code} {error.reason}; check the address, and whether "
            "it is for everybody"
        ) from error
    except urllib.error.URLError as error:
        raise _PassingError(f"its server cannot be reached ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(f"its server broke off ({error or type(error).__name__})") from error


@cache
def _opener() -> urllib.request.OpenerDirector:
    """What follows redirects to other servers, and never to files or other kinds of addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _tried(place: Remote, call: Callable[[], Got]) -> Got:
    for delay in (*_DELAYS, None):
        try:
            return call()
        except _PassingError as error:
            if delay is None:
                raise ImageryError(
                    f"{shown(place)}: {error}, {len(_DELAYS) + 1} times; run this again later to go on"
                ) from error
            time.sleep(delay)
        except ValueError as error:
            raise ImageryError(f"{shown(place)}: is no address ({error}); check it") from error
    raise AssertionError("the last try returns or raises")


# By the interface of an object store


def _look_store(place: Remote) -> Seen:
    def ask(store: Any, path: str) -> Seen:
        info = store.get_file_info(path)
        if not info.is_file:
            raise NotThereError(f"{shown(place)}: there is no such object; check the address")
        with store.open_input_stream(path) as stream:
            told = {str(k).lower(): v for k, v in (stream.metadata() or {}).items()}
            start = stream.read(_START)
        etag = told.get("etag", b"")
        text = etag.decode("ascii", "replace") if isinstance(etag, bytes) else str(etag)
        modified = "" if info.mtime_ns is None else str(info.mtime_ns)
        return Seen(bytes(start), info.size, text.strip('"'), modified, True)

    return _stored(place, ask)


def _first(store: Any, path: str, most: int) -> bytes:
    with store.open_input_stream(path) as stream:
        return bytes(stream.read(most))


def _stored(place: Remote, call: Callable[[Any, str], Got]) -> Got:
    kind, _, path = place.url.partition("://")
    try:
        return call(_store(kind.lower(), path.partition("/")[0]), path)
    except FileNotFoundError as error:
        raise NotThereError(f"{shown(place)}: there is no such object; check the address") from error
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ImageryError(
            f"{shown(place)}: its store refuses it ({reason}); check the address and the credentials in the "
            "environment (AWS_NO_SIGN_REQUEST=YES reads what is public)"
        ) from error


@cache
def _store(kind: str, bucket: str) -> Any:
    from pyarrow import fs

    environment = os.environ
    if kind == "gs":
        is_public = environment.get("GS_NO_SIGN_REQUEST", "").lower() in _YES
        return fs.GcsFileSystem(anonymous=is_public)
    options: dict[str, Any] = {"anonymous": environment.get("AWS_NO_SIGN_REQUEST", "").lower() in _YES}
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    endpoint = urlsplit(environment.get("AWS_ENDPOINT_URL", ""))
    if endpoint.netloc:
        options |= {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
    elif region is None:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(region=region, **options)
