"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from swath.errors import ArchiveError, ImageryError, InputError, SwathError

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that is answered with an error: its status, and a sentence that says what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def document(status: int, detail: str) -> dict[str, Any]:
    """A problem of no type of its own: its title is that of the status."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says it."""
    return Response(
        json.dumps(document(status, detail)),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        MEDIA_TYPE,
    )


def status_of(error: SwathError) -> int:
    """Who is at fault: 400 for what was asked, 500 for an archive that does not answer."""
    if isinstance(error, InputError | ImageryError):
        return 400
    return 503 if isinstance(error, ArchiveError) else 500


async def on_problem(_request: Request, error: Exception) -> Response:
    """Answer a `ProblemError`."""
    assert isinstance(error, ProblemError)
    return response(error.status, error.detail, error.headers)


async def on_swath_error(_request: Request, error: Exception) -> Response:
    """Answer what the library refuses."""
    assert isinstance(error, SwathError)
    return response(status_of(error), str(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router refuses; who asks for the methods of a route is told them."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(None, 204, error.headers)
    detail = {
        404: f"There is nothing at {request.url.path}: /openapi.json lists what there is",
        405: f"{request.method} is not for {request.url.path}: /openapi.json lists what is",
    }.get(error.status_code, str(error.detail))
    return response(error.status_code, detail, error.headers)


async def on_bug(_request: Request, error: Exception) -> Response:
    """Answer what should not happen. The log has the rest; a client learns the kind of error alone."""
    return response(
        500, f"Unexpected {type(error).__name__}: the server's log has the rest; please report it"
    )
