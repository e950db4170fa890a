"""Catalogues: documents of STAC, and tables of their items, become the files that they list."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from swath.decoding import NOT_JSON
from swath.errors import ImageryError, InputError
from swath.imagery.faults import reading
from swath.imagery.places import Place, Remote, shown
from swath.imagery.scan import OnSkip, SourceFile, open_regular
from swath.imagery.stac import Context, Item, files_of, resolved

_FOLLOWED = ("item", "child", "items", "next")
_PARQUET = b"PAR1"
_MOST_BYTES = 2**30


def is_catalogue(start: bytes) -> bool:
    """Whether a file with these first bytes may list others: a document of STAC, or a Parquet table."""
    return start.startswith(_PARQUET) or start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def listed(place: Place, assets: tuple[str, ...], report: OnSkip) -> Iterator[SourceFile]:
    """The files of a catalogue and of all that it links to, in the order in which they are listed.

    Items that cannot be understood, links that lead nowhere and those that lead back go to `report`. Raises
    `InputError` where the catalogue itself cannot be read or is none.
    """
    context = Context(place, place.parent, assets)
    try:
        data = _bytes(place)
        if data.startswith(_PARQUET):
            from swath.imagery.tables import items

            yield from _files(items(place, data), context, report)
            return
        first = _document(data)
    except ImageryError as error:
        raise InputError(_named(place, error)) from error
    yield from _crawled(first, context, report)


class _Link(msgspec.Struct, frozen=True):
    rel: str
    href: str
    method: str = "GET"


class _Document(msgspec.Struct, frozen=True):
    type: str
    links: list[msgspec.Raw] = []
    features: list[msgspec.Raw] = []


def _crawled(first: _Document, context: Context, report: OnSkip) -> Iterator[SourceFile]:
    """Depth first with a stack of its own: hostile catalogues nest deeper than Python's recursion does."""
    seen = {os.fspath(context.base)}
    above = [os.fspath(context.base)]
    yield from _files(_items(first, context.base), context, report)
    stack = [iter(_links(first, context, report))]
    while stack:
        place = next(stack[-1], None)
        if place is None:
            stack.pop()
            above.pop()
            continue
        name = os.fspath(place)
        if name in seen:
            if name in above:
                report(place, "is linked to by a catalogue that is a part of it; it is read once")
            continue
        seen.add(name)
        here = Context(place, context.root, context.assets)
        try:
            document = _document(_bytes(place))
        except ImageryError as error:
            report(place, _named(place, error).removeprefix(f"{shown(place)}: "))
            continue
        yield from _files(_items(document, place), here, report)
        above.append(name)
        stack.append(iter(_links(document, here, report)))


def _document(data: bytes) -> _Document:
    try:
        document = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Document)
    except NOT_JSON as error:
        raise ImageryError(f"is no document of STAC ({error}); check the file or leave it out") from error
    if document.type not in ("Feature", "FeatureCollection", "Collection", "Catalog"):
        raise ImageryError(f"is no document of STAC, but of type {document.type!r}; leave it out")
    if document.type == "Feature":
        return msgspec.structs.replace(document, features=[msgspec.Raw(data)], links=[])
    return document


def _links(document: _Document, context: Context, report: OnSkip) -> Iterator[Place]:
    for raw in document.links:
        try:
            link = msgspec.json.decode(raw, type=_Link)
            if link.rel in _FOLLOWED and link.method.upper() == "GET":
                yield resolved(link.href, context.base)
        except NOT_JSON as error:
            report(context.base, f"has a link that is none ({error}); the others are followed")
        except ImageryError as error:
            report(context.base, str(error))


def _items(document: _Document, place: Place) -> Iterator[tuple[str, Item | ImageryError]]:
    """The items in a document, each with its name in messages."""
    for number, raw in enumerate(document.features):
        try:
            item = msgspec.json.decode(bytes(raw).removeprefix(b"\xef\xbb\xbf"), type=Item)
        except NOT_JSON as error:
            name = f"{place}#{number + 1}" if document.type == "FeatureCollection" else str(place)
            yield name, ImageryError(f"is no item of STAC ({error})")
        else:
            yield f"{place}#{item.id}" if document.type == "FeatureCollection" else str(place), item


def _files(
    items: Iterator[tuple[str, Item | ImageryError]], context: Context, report: OnSkip
) -> Iterator[SourceFile]:
    for name, item in items:
        try:
            if isinstance(item, ImageryError):
                raise item
            found = files_of(item, context)
        except ImageryError as error:
            report(name, str(error))
            continue
        yield from found


def _bytes(place: Place) -> bytes:
    if isinstance(place, Remote):
        from swath.imagery import remote

        return remote.content(place)
    with reading(place), open_regular(place) as file:
        start = file.read(4)
        if start == _PARQUET:
            return start  # it is read in parts
        data = start + file.read(_MOST_BYTES)
    if len(data) > _MOST_BYTES:
        raise ImageryError(f"{shown(place)}: is larger than {_MOST_BYTES >> 20} MiB; make it a table")
    return data


def _named(place: Place, error: Exception) -> str:
    text = str(error)
    return text if text.startswith(shown(place)) else f"{shown(place)}: {text}"
