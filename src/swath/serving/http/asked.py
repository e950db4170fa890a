"""What a request asks, from the parameters of its URL or from its body, within the limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta
from starlette.datastructures import QueryParams
from starlette.requests import Request

from swath.decoding import NOT_JSON
from swath.errors import InputError
from swath.search import parse
from swath.serving.http.limits import Limits
from swath.serving.http.problems import ProblemError
from swath.serving.http.uploads import form_of

Several: TypeAlias = str | list[str]


class Asked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A search. Its names are those of `swath search`, and all of them may be left out."""

    text: Annotated[Several, Meta(description="Words for what to find.")] = ""
    like: Annotated[
        Several, Meta(description="Tiles to find more of: ids, or how they begin; ID:2 counts twice.")
    ] = msgspec.field(default_factory=list)
    unlike: Annotated[Several, Meta(description="Tiles of what not to find.")] = msgspec.field(
        default_factory=list
    )
    unwanted: Annotated[Several, Meta(description="Words for what not to find.")] = msgspec.field(
        name="not", default_factory=list
    )
    where: Annotated[
        str | None, Meta(description="Filter by attributes: time >= 2021-06 and cloud < 10.")
    ] = None
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        Meta(description="Filter by place: west, south, east, north; west > east crosses the antimeridian."),
    ] = None
    area: Annotated[
        dict[str, Any] | None,
        Meta(description="Filter by place: a GeoJSON Polygon or MultiPolygon, or a Feature with one."),
    ] = None
    near: Annotated[
        tuple[float, float, float] | None,
        Meta(description="Filter by place: longitude, latitude, and the distance from there in metres."),
    ] = None
    like_at: Annotated[
        tuple[float, float] | None,
        Meta(description="Find more of what lies at a longitude and latitude inside of an indexed scene."),
    ] = None
    k: Annotated[int, Meta(ge=0, description="Most hits.")] = 20
    pipeline: Annotated[str, Meta(description="How to search.")] = "auto"
    min_score: Annotated[
        float | None, Meta(description="Leave out hits that match with a lower probability.")
    ] = None
    collapse: Annotated[bool, Meta(description="Show once what overlapping or near-equal tiles show.")] = True
    group: Annotated[Literal["scene"] | None, Meta(description="One hit for each scene: its best.")] = None
    explain: Annotated[bool, Meta(description="Also say what every stage cost.")] = False

    def document(self, images: int) -> dict[str, Any]:
        """The query as the answer repeats it; pictures have no names here."""
        texts = several(self.text)
        return {
            "text": texts[0] if len(texts) == 1 else (texts or None),
            "images": [f"upload {number}" for number in range(1, images + 1)],
            "like": several(self.like),
            "unlike": several(self.unlike),
            "not": several(self.unwanted),
            "like_at": [] if self.like_at is None else [list(self.like_at)],
            "k": self.k,
            "where": self.where,
            "bbox": None if self.bbox is None else list(self.bbox),
            "area": self.area,
            "near": None if self.near is None else list(self.near),
            "min_score": self.min_score,
            "collapse": self.collapse,
            "group": self.group,
        }

    def arguments(self) -> dict[str, Any]:
        """For `Archive.search`, without pictures."""
        return {
            "text": several(self.text) or None,
            "like": several(self.like),
            "unlike": several(self.unlike),
            "like_at": self.like_at or (),
            "unwanted": several(self.unwanted) or None,
            "where": self.where,
            "bbox": self.bbox,
            "area": self.area,
            "near": self.near,
            "k": self.k,
            "pipeline": self.pipeline,
            "min_score": self.min_score,
            "collapse": self.collapse,
            "group": self.group,
        }


_MANY = ("text", "like", "unlike", "not")
_NUMBERS = ("bbox", "near", "like_at")


def several(given: Several) -> list[str]:
    """One or many as many; empty words are none."""
    return [one for one in ([given] if isinstance(given, str) else given) if one]


def from_url(parameters: QueryParams, leave: Iterable[str] = ()) -> Asked:
    """A search from the parameters of a URL.

    `text`, `like`, `unlike` and `not` may come several times, numbers have commas between them, `area` is
    JSON. Raises `ProblemError` 400 for what cannot be read.
    """
    given: dict[str, Any] = {}
    for name in parameters.keys() - set(leave):
        values = parameters.getlist(name)
        if name in _MANY:
            given[name] = values
            continue
        if len(values) > 1:
            raise ProblemError(400, f"'{name}' was given {len(values)} times, and it is one value")
        given[name] = (
            values[0].split(",") if name in _NUMBERS else _json(values[0]) if name == "area" else values[0]
        )
    return _converted(given)


def from_json(body: bytes) -> Asked:
    """A search from a JSON object. Raises `ProblemError` 400 for what cannot be read."""
    try:
        return msgspec.json.decode(body, type=Asked)
    except NOT_JSON as error:
        raise ProblemError(400, f"The query is no such JSON object as it should be: {error}") from error


async def asked_of(
    request: Request, body: bytes, limits: Limits, leave: Iterable[str] = ()
) -> tuple[Asked, list[bytes]]:
    """What a request asks, and the files of its pictures, which nobody has looked at; see `from_url`.

    A POST has JSON, or `multipart/form-data` with that JSON as its field `query` and pictures as files named
    `image`. Raises `ProblemError` for what cannot be read or is beyond the limits.
    """
    files: list[bytes] = []
    if request.method != "POST":
        asked = from_url(request.query_params, leave)
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            asked = from_json(body)
        elif kind == "multipart/form-data":
            query, files = await form_of(request, body, limits)
            asked = from_json(query)
        else:
            raise ProblemError(
                415, "Send the query as application/json, or with pictures as multipart/form-data"
            )
    check(asked, limits, len(files))
    return asked, files


def check(asked: Asked, limits: Limits, pictures: int = 0) -> None:
    """Raise `ProblemError` 400 for what is beyond the limits."""
    parts = [*several(asked.text), *several(asked.like), *several(asked.unlike), *several(asked.unwanted)]
    if asked.k > limits.k:
        raise ProblemError(
            400, f"k is {asked.k}, and this server gives at most {limits.k} hits: narrow the search"
        )
    if len(parts) + pictures > limits.parts:
        raise ProblemError(
            400, f"{len(parts) + pictures} texts, pictures and tiles: give at most {limits.parts}"
        )
    for what in (*parts, asked.where or "", asked.pipeline):
        if len(what) > limits.text:
            raise ProblemError(
                400, f"{len(what):,} characters of text or filter: give at most {limits.text:,}"
            )
    for what in (*parts, asked.where or "", asked.pipeline):
        if not what.isascii() and any("\ud800" <= letter <= "\udfff" for letter in what):
            raise ProblemError(400, "There are halves of surrogate pairs in the text: send proper Unicode")


def check_pipeline(spec: str, presets: Any, limits: Limits) -> None:
    """Raise `ProblemError` 400 for a larger K than the limits allow, `SpecError` for a bad spec."""
    for step in parse(spec, presets).steps:
        if step.k is not None and step.k > limits.candidates:
            raise ProblemError(400, f"Stage '{step}': this server allows at most K = {limits.candidates:,}")


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON as error:
        raise ProblemError(400, f"'area' is no JSON: {error}") from error


def _converted(given: dict[str, Any]) -> Asked:
    try:
        return msgspec.convert(given, Asked, strict=False)
    except (msgspec.MsgspecError, InputError) as error:
        raise ProblemError(400, f"The parameters are not as they should be: {error}") from error
