"""Taking files and tiles out, and telling an archive where its files went: plans, from what is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from swath import imagery
from swath.archive.catalogue import Catalogue, Roots, absolute
from swath.archive.pointer import Pointer
from swath.archive.rows import Key, Source, original
from swath.archive.table import Table
from swath.archive.writer import Facts
from swath.errors import InputError
from swath.imagery import Place, Remote

Report = TypeVar("Report")


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What a removal takes, or would take."""

    files: int
    tiles: int
    """Tiles that leave; fewer than the files had where other files have the same content."""


@dataclass(frozen=True, slots=True)
class RelocateReport:
    """What is somewhere else now."""

    files: int
    missing: int
    """Those of them that are not at the new place."""


@dataclass(frozen=True, slots=True)
class Edit(Generic[Report]):
    """A change that is ready to be committed."""

    changes: Mapping[str, Sequence[Source]]
    removed: Sequence[str]
    facts: Facts
    report: Report


def plan_removal(
    table: Table, state: Pointer, sources: Sequence[Place], ids: Collection[str] | None
) -> Edit[RemoveReport]:
    """See `Store.remove`."""
    known = list(table.known())
    catalogue, roots = Catalogue(known, state.partial), Roots(state.roots)
    keys = [key for group in _below(catalogue, roots, sources).values() for key in group]
    if ids is None:
        if not sources:
            raise InputError("say what to remove: files, folders, or tiles by an expression")
        for key in keys:
            catalogue.forget(key)
        return _removal(state, catalogue, [])
    wanted, outside = set(ids), _contents_outside(catalogue, set(keys)) if sources else set()
    chosen = [(one, digest) for one, digest, _ in known if one in wanted and digest not in outside]
    count = Counter(digest for _, digest in chosen)
    whole = {digest for digest, tiles in count.items() if tiles == catalogue.tiles[digest]}
    for digest in whole:
        for source in catalogue.sources(digest):
            catalogue.detach(digest, source.key)
    # A file that keeps some of its tiles is not complete: indexing it again brings the others back.
    catalogue.partial.update(count.keys() - whole)
    return _removal(state, catalogue, [one for one, digest in chosen if digest not in whole])


def plan_pruning(table: Table, state: Pointer, sources: Sequence[Place]) -> Edit[RemoveReport]:
    """See `Store.prune`."""
    catalogue, roots = Catalogue(table.known(), state.partial), Roots(state.roots)
    for source in sources:
        keys = _keys_below(catalogue, roots, absolute(source))
        if not keys and isinstance(source, Path) and not source.is_dir() and imagery.is_catalogue(source):
            raise InputError(
                f"{imagery.shown(source)}: what a catalogue lists lies elsewhere; name the folders or "
                'addresses to prune, or take tiles out by `swath remove --where "item = ..."`'
            )
        gone = [key for key in keys if _is_gone(roots.path(key))]
        if gone and len(gone) == len(keys):
            raise InputError(
                f"{imagery.shown(source)}: none of the {len(keys)} known files is there any more; "
                "if that is no mistake (such as a disk that is not mounted), take them out by `swath remove`"
            )
        for key in gone:
            catalogue.forget(key)
    return _removal(state, catalogue, [])


def plan_move(table: Table, state: Pointer, old: Place, new: Place) -> Edit[RelocateReport]:
    """See `Store.relocate`."""
    if isinstance(old, Remote) or isinstance(new, Remote):
        raise InputError(
            "what lies on a server is known by what the server says of it: index it at its new address (what "
            "has the same checksum there keeps its tiles), then take the old one out by `swath remove`"
        )
    before, after = absolute(old), absolute(new)
    catalogue, roots = Catalogue(table.known(), state.partial), Roots(state.roots)
    keys = set(_below(catalogue, roots, [old])[old])
    is_file = any(roots.stored_path(key) == before for key in keys)
    if not (new.is_file() if is_file else new.is_dir()):
        kind = "file" if is_file else "folder"
        raise InputError(
            f"{imagery.shown(new)} is no {kind}: name the {kind} that {imagery.shown(old)} is now"
        )
    base = absolute(new.parent) if is_file else after
    moved_roots = [_moved(root, before, after) for root in roots.paths]
    twice = [root for root, number in Counter(moved_roots).items() if number > 1]
    if twice:
        raise InputError(
            f"{imagery.shown(original(twice[0]))} is indexed already: index it again with --prune instead"
        )
    # Files whose root moves keep their keys; those below a root that stays get new ones.
    places = Roots(moved_roots)
    new_keys = {
        key: key
        if moved_roots[key.root] != roots.paths[key.root]
        else places.key(_moved(roots.stored_path(key), before, after), base)
        for key in sorted(keys)
    }
    for digest in catalogue.digests:
        for source in catalogue.sources(digest):
            key = new_keys.get(source.key, source.key)
            if key != source.key:
                catalogue.detach(digest, source.key)
                catalogue.attach(digest, Source(*key, source.size, source.mtime_ns))
    missing = sum(_is_gone(places.path(key)) for key in new_keys.values())
    facts = Facts(tuple(places.paths), catalogue.files, state.partial)
    return Edit(catalogue.changes(), (), facts, RelocateReport(len(keys), missing))


def _removal(state: Pointer, catalogue: Catalogue, removed: Sequence[str]) -> Edit[RemoveReport]:
    changes = catalogue.changes()
    gone = [digest for digest, left in changes.items() if not left]
    catalogue.partial.difference_update(gone)
    tiles = sum(catalogue.tiles[digest] for digest in gone) + len(removed)
    facts = Facts(state.roots, catalogue.files, tuple(sorted(catalogue.partial)))
    return Edit(changes, removed, facts, RemoveReport(state.files - catalogue.files, tiles))


def _below(catalogue: Catalogue, roots: Roots, sources: Sequence[Place]) -> dict[Place, list[Key]]:
    """The files at and below each source. Raises `InputError` for a source that has none."""
    found = {source: _keys_below(catalogue, roots, absolute(source)) for source in sources}
    for source, keys in found.items():
        if not keys:
            indexed = ", ".join(imagery.shown(original(root)) for root in roots.paths[:3]) or "nothing"
            raise InputError(
                f"{imagery.shown(source)}: the archive knows no file there (it was made from {indexed}); "
                "check the path"
            )
    return found


def _keys_below(catalogue: Catalogue, roots: Roots, path: str) -> list[Key]:
    return [key for key in catalogue.keys if _is_below(roots.stored_path(key), path)]


def _contents_outside(catalogue: Catalogue, keys: set[Key]) -> set[str]:
    return {
        digest
        for digest in catalogue.digests
        if any(source.key not in keys for source in catalogue.sources(digest))
    }


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _moved(path: str, before: str, after: str) -> str:
    return after.rstrip("/") + path[len(before.rstrip("/")) :] if _is_below(path, before) else path


def _is_gone(path: Place) -> bool:
    if isinstance(path, Remote):
        return imagery.is_gone(path)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # it cannot be looked at, which is no proof
    return False
