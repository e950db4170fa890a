"""The description of the interface (OpenAPI 3.1), from the same values that the routes use."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import msgspec

from swath.serving.http.asked import Asked
from swath.serving.http.exports import FORMATS
from swath.serving.http.limits import Limits
from swath.serving.http.problems import MEDIA_TYPE

_SHOWN = ("k", "candidates", "parts", "text", "body", "pixels", "scenes", "tiles", "seconds")


def limits(of: Limits) -> dict[str, float]:
    """What a client should know of the limits."""
    return {name: value for name, value in asdict(of).items() if name in _SHOWN}


def document(of: Limits) -> dict[str, Any]:
    """The whole description."""
    (asked,), components = msgspec.json.schema_components([Asked], ref_template="#/components/schemas/{name}")
    asked_schema = components["Asked"]
    asked_schema["properties"]["k"]["maximum"] = of.k
    del asked
    search = _parameters(asked_schema)
    filters = [one for one in search if one["name"] in ("where", "bbox", "area", "near", "k")]
    tile = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{1,32}$"},
    }
    scene = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    text = {**next(one for one in search if one["name"] == "text"), "required": True}
    form = {
        "name": "format",
        "in": "query",
        "description": "Kind of file.",
        "schema": {"enum": list(FORMATS), "default": "geojson"},
    }
    files: dict[str, Any] = {made.media_type: {} for made in FORMATS.values()}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "swath",
            "version": version("swath"),
            "description": (
                "Search archives of overhead imagery by words and by example. Everything is read-only. "
                "Errors are problem details (RFC 9457). Coordinates are longitude, latitude (EPSG:4326)."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/": {"get": _operation("page", "The page: map and search.", {"text/html": {}})},
            "/page/{file}": {
                "get": _operation("pageFile", "A file of the page.", {"*/*": {}}, [{**scene, "name": "file"}])
            },
            "/healthz": {
                "get": _operation(
                    "health", "Whether the server answers.", _json({"$ref": _HEALTH}), secure=False
                )
            },
            "/openapi.json": {"get": _operation("openapi", "This description.", _json({"type": "object"}))},
            "/info": {
                "get": _operation("info", "What the archives hold, and the limits.", _json({"$ref": _INFO}))
            },
            "/search": {
                "get": _operation("search", "The tiles that match best.", _json({"$ref": _HITS}), search),
                "post": _operation(
                    "searchBy", "The same with a body, pictures too.", _json({"$ref": _HITS}), body=_body()
                ),
            },
            "/export": {
                "get": _operation("export", "The hits of a search as a file.", files, [*search, form]),
                "post": _operation("exportBy", "The same with a body.", files, [form], _body()),
            },
            "/tiles": {
                "get": _operation(
                    "tiles",
                    "Some of the tiles that pass filters, unranked.",
                    _json({"$ref": _TILES}),
                    filters,
                )
            },
            "/tiles/{id}": {
                "get": _operation("tile", "What is known of a tile.", _json({"$ref": _DETAILS}), [tile])
            },
            "/tiles/{id}/thumbnail": {
                "get": _operation("thumbnail", "A tile as a small picture.", {"image/jpeg": {}}, [tile])
            },
            "/tiles/{id}/heat": {
                "get": _operation("heat", "Where in a tile words are.", {"image/png": {}}, [tile, text])
            },
            "/scenes": {
                "get": _operation(
                    "scenes",
                    f"Outlines of the scenes as GeoJSON; beyond {of.scenes:,}, cells of a grid with counts.",
                    _json({"$ref": _SCENES}),
                )
            },
            "/scenes/{id}/preview": {
                "get": _operation(
                    "preview", "A scene laid together from thumbnails.", {"image/webp": {}}, [scene]
                )
            },
            "/session": {"post": _operation("session", "A cookie for a browser that knows the token.", None)},
        },
        "components": {
            "schemas": {**components, **_SCHEMAS},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "swath-session"},
            },
        },
        "security": [{}, {"token": []}, {"session": []}],
    }


def _operation(
    name: str,
    summary: str,
    content: dict[str, Any] | None,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    *,
    secure: bool = True,
) -> dict[str, Any]:
    done: dict[str, Any] = {"description": summary}
    if content is not None:
        done["content"] = content
    problem = {"description": "A problem.", "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}}}}
    made: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {"204" if content is None else "200": done, "default": problem},
    }
    if parameters:
        made["parameters"] = parameters
    if body:
        made["requestBody"] = body
    if not secure:
        made["security"] = []
    return made


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _body() -> dict[str, Any]:
    form = {
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": _ASKED},
            },
            "image": {"type": "array", "items": {"type": "string", "contentMediaType": "image/*"}},
        },
    }
    return {
        "required": True,
        "content": {**_json({"$ref": _ASKED}), "multipart/form-data": {"schema": form}},
    }


def _parameters(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a search as parameters of a URL: lists repeat or have commas, objects are JSON."""
    made = []
    for name, schema in asked["properties"].items():
        one: dict[str, Any] = {"name": name, "in": "query", "description": schema.get("description", "")}
        kinds = [kind.get("type") for kind in schema.get("anyOf", [schema])]
        if name == "area":
            one["content"] = _json({"type": "object"})
        elif name in ("text", "like", "unlike", "not"):
            one |= {
                "schema": {"type": "array", "items": {"type": "string"}},
                "style": "form",
                "explode": True,
            }
        elif "array" in kinds:
            numbers = next(kind for kind in schema["anyOf"] if kind.get("type") == "array")
            length = numbers["minItems"]
            one |= {
                "schema": {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": length,
                    "maxItems": length,
                },
                "style": "form",
                "explode": False,
            }
        else:
            one["schema"] = {key: value for key, value in schema.items() if key != "description"}
        made.append(one)
    return made


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"


_ASKED, _PROBLEM, _HITS, _TILES, _DETAILS = map(_ref, ("Asked", "Problem", "Hits", "Tiles", "TileDetails"))
_INFO, _SCENES, _HEALTH = map(_ref, ("Info", "Scenes", "Health"))


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


_STRING, _NUMBER, _WHOLE, _ANY = (
    {"type": "string"},
    {"type": "number"},
    {"type": "integer"},
    {"type": "object"},
)
_SHAPE = {"type": ["object", "null"], "description": "A GeoJSON geometry."}
_TILE = {
    "id": _STRING,
    "source": _STRING,
    "window": _object({"column": _WHOLE, "row": _WHOLE, "width": _WHOLE, "height": _WHOLE}),
    "footprint": _SHAPE,
    "time": {"type": ["string", "null"], "format": "date-time"},
    "attributes": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
}
_COUNTS = {"type": "array", "items": _WHOLE}
_TIMES = {"type": ["object", "null"], "properties": {"from": _STRING, "to": _STRING, "counts": _COUNTS}}
_SCHEMAS: dict[str, Any] = {
    "Problem": _object({"type": _STRING, "title": _STRING, "status": _WHOLE, "detail": _STRING}),
    "Health": _object({"status": {"const": "ok"}, "busy": _WHOLE}),
    "Tile": _object(_TILE),
    "Hit": _object(
        {
            "rank": _WHOLE,
            "raw": _NUMBER,
            "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            **_TILE,
        }
    ),
    "Hits": _object(
        {"query": _ANY, "pipeline": _STRING, "hits": {"type": "array", "items": {"$ref": _ref("Hit")}}},
        {"trace": {"type": "array", "items": _ANY}},
    ),
    "Tiles": _object({"total": _WHOLE, "tiles": {"type": "array", "items": {"$ref": _ref("Tile")}}}),
    "TileDetails": _object({**_TILE, "digest": _STRING, "files": {"type": "array", "items": _STRING}}),
    "Info": _object({"archives": {"type": "array", "items": _ANY}, "limits": _ANY}),
    "Scenes": _object(
        {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": _ANY},
            "simplified": {"type": "boolean"},
            "scenes": _WHOLE,
            "tiles": _WHOLE,
            "placed": _WHOLE,
            "bbox": {"type": ["array", "null"], "items": _NUMBER},
            "times": _TIMES,
        }
    ),
}
