"""The application: routes to functions, each a few lines."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from swath.errors import SwathError
from swath.serving.http import exports, openapi, problems
from swath.serving.http.asked import asked_of, check, from_url
from swath.serving.http.guard import Guard
from swath.serving.http.problems import ProblemError
from swath.serving.http.service import Service

PAGE = Path(__file__).with_name("page")
_FOR_A_DAY = {"Cache-Control": "private, max-age=86400, immutable"}
_NOT_KEPT = {"Cache-Control": "no-store"}


def make_app(service: Service, *, token: str | None = None, hosts: frozenset[str] | None = None) -> Starlette:
    """The ASGI application.

    `token` None asks nobody who they are; `hosts` are the names that it answers to (None: any).
    """
    limits = service.limits

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/healthz", _health),
            Route("/openapi.json", _openapi),
            Route("/info", _info),
            Route("/search", _search, methods=["GET", "POST"]),
            Route("/export", _export, methods=["GET", "POST"]),
            Route("/tiles", _tiles),
            Route("/tiles/{id}", _tile),
            Route("/tiles/{id}/thumbnail", _thumbnail),
            Route("/tiles/{id}/heat", _heat),
            Route("/scenes", _scenes),
            Route("/scenes/{id}/preview", _preview),
            Route("/session", _session, methods=["POST"]),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        middleware=[Middleware(Guard, limits=limits, token=token, hosts=hosts)],
        exception_handlers={
            ProblemError: problems.on_problem,
            SwathError: problems.on_swath_error,
            HTTPException: problems.on_http_error,
            Exception: problems.on_bug,
        },
        lifespan=lifespan,
    )
    app.state.service = service
    return app


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _json(document: Any, headers: Mapping[str, str] = _NOT_KEPT) -> Response:
    return Response(json.dumps(document, allow_nan=False), 200, headers, "application/json")


async def _page(_request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})


async def _session(_request: Request) -> Response:
    """Where there is no token, everybody is logged in."""
    return Response(None, 204)


async def _health(request: Request) -> Response:
    return _json({"status": "ok", "busy": _service(request).workers.taken})


async def _openapi(request: Request) -> Response:
    return _json(openapi.document(_service(request).limits))


async def _info(request: Request) -> Response:
    service = _service(request)
    return _json(
        {"archives": await service.workers.run(service.info), "limits": openapi.limits(service.limits)}
    )


async def _search(request: Request) -> Response:
    service = _service(request)
    asked, files = await asked_of(request, await request.body(), service.limits)
    started = time.perf_counter()
    answer = await service.workers.run(service.answer, asked, files)
    took = 1e3 * (time.perf_counter() - started)
    return _json(answer, {**_NOT_KEPT, "Server-Timing": f"search;dur={took:.1f}"})


async def _export(request: Request) -> Response:
    service = _service(request)
    form = request.query_params.get("format", "geojson")
    if form not in exports.FORMATS:
        raise ProblemError(400, f"format is one of {', '.join(exports.FORMATS)}, not {form[:40]!r}")
    asked, files = await asked_of(request, await request.body(), service.limits, leave=["format"])
    made = exports.FORMATS[form]
    body = await service.workers.run(service.export, asked, files, made)
    name = f'attachment; filename="swath.{made.suffix}"'
    return Response(body, 200, {**_NOT_KEPT, "Content-Disposition": name}, made.media_type)


async def _tiles(request: Request) -> Response:
    service = _service(request)
    asked = from_url(request.query_params)
    check(asked, service.limits)
    k = min(asked.k, service.limits.tiles)
    return _json(await service.workers.run(service.browse, asked, k))


async def _tile(request: Request) -> Response:
    service = _service(request)
    return _json(await service.workers.run(service.show, _id(request)))


async def _thumbnail(request: Request) -> Response:
    picture = await _service(request).thumbnails.get(_id(request))
    if picture is None:
        raise ProblemError(404, "No tile has that id: give the whole of it, 32 hexadecimal digits")
    return Response(picture, 200, _FOR_A_DAY, "image/jpeg")


async def _heat(request: Request) -> Response:
    service = _service(request)
    asked = from_url(request.query_params)
    check(asked, service.limits)
    texts = [one for one in ([asked.text] if isinstance(asked.text, str) else asked.text) if one]
    if not texts:
        raise ProblemError(400, "Say by text= what to look for in the tile")
    return Response(
        await service.workers.run(service.heat, _id(request), texts), 200, _FOR_A_DAY, "image/png"
    )


async def _scenes(request: Request) -> Response:
    service = _service(request)
    return _json(await service.workers.run(service.scenes))


async def _preview(request: Request) -> Response:
    service = _service(request)
    picture = await service.workers.run(service.preview, str(request.path_params["id"]))
    return Response(picture, 200, {"Cache-Control": "private, max-age=60"}, "image/webp")


def _id(request: Request) -> str:
    """The id of a tile, at most as long as ids are: they are hexadecimal, so no path can be meant by it."""
    found = str(request.path_params["id"])
    if not 1 <= len(found) <= 32 or not all(letter in "0123456789abcdef" for letter in found):
        raise ProblemError(404, "An id of a tile has up to 32 hexadecimal digits: give that of a hit")
    return found
