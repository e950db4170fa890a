"""Which files there are, and the names that their content gives them."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from swath.errors import ImageryError, InputError
from swath.imagery.places import Place, Remote, shown
from swath.types import Scalar, Window

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes, in lower case, of the files that `scan` picks from folders."""

OnSkip = Callable[[os.PathLike[str] | str, str], None]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was found, how it looked then, and what a catalogue says of it."""

    root: Place
    """The folder that was named (absolute), or the parent of the file that was named."""
    name: str
    """Path relative to `root`, with "/". Bytes that are not UTF-8 are kept as surrogates (`os.fsdecode`)."""
    path: Place
    """Absolute path, or the address."""
    size: int
    """0 of what is remote, as is `mtime_ns`: its server is asked when it is read."""
    mtime_ns: int
    time: datetime | None = None
    """When a catalogue says that it was taken; timezone-aware, UTC."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict, hash=False)
    """What a catalogue says beside that."""

    @property
    def is_remote(self) -> bool:
        """Whether it is read where it is."""
        return isinstance(self.path, Remote)


def scan(
    sources: Sequence[Place], on_skip: OnSkip | None = None, *, assets: Sequence[str] = ()
) -> Iterator[SourceFile]:
    """List the imagery in folders, among files, at addresses and in catalogues, source by source.

    Folders are walked with their subfolders and links, in the order of the sorted names; hidden entries
    (".name") are skipped, and each folder is walked once, however many links or sources lead to it, so
    circles end. A file that is named itself is listed whatever its suffix, unless it is a catalogue: a
    document of STAC (item, collection, catalogue, collection of items) or a stac-geoparquet. Then the assets
    of its items are listed, those with the names or roles `assets`, or the one that shows the scene.

    What cannot be looked at inside a folder (no permission, a link to nothing, not a regular file), and items
    without such an asset, go to `on_skip(path, reason)`. Raises `InputError` for a source that does not exist
    or cannot be looked at, before anything is listed, for a catalogue that cannot be read, and, without
    `on_skip`, for whatever would have gone there.
    """
    report = on_skip or _refuse
    walked: set[tuple[int, int]] = set()
    for root, status in [_looked_at(source) for source in sources]:
        if isinstance(root, Remote):
            yield from _remote(root, tuple(assets), report)
        elif stat.S_ISDIR(status.st_mode):
            yield from _walk(root, walked, report)
        elif is_catalogue(root):
            from swath.imagery.catalogues import listed

            yield from listed(root, tuple(assets), report)
        else:
            yield _source(root.parent, root, root.name, status)


def is_catalogue(source: Place) -> bool:
    """Whether a source that is no folder is a file, or a document at an address, that lists others.

    Raises `ImageryError` where a server does not answer; a file that cannot be read is none.
    """
    from swath.imagery import catalogues

    if source.suffix.lower() in SUFFIXES:
        return False
    if isinstance(source, Remote):
        from swath.imagery import remote

        return catalogues.is_catalogue(remote.look(source).start)
    try:
        with open_regular(source) as file:
            return catalogues.is_catalogue(file.read(32))
    except OSError:
        return False


def digest(path: Place) -> str:
    """BLAKE2b-128 of the whole file, 32 hexadecimal digits; of a remote one, of what its server says of it.

    Raises `ImageryError` if it cannot be read.
    """
    if isinstance(path, Remote):
        from swath.imagery import remote

        return remote.fingerprint(path)
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise ImageryError(f"{shown(path)}: cannot be read: {error.strerror}; check the file") from error


def is_gone(path: Place) -> bool:
    """Whether there is nothing at a path or address. Raises `ImageryError` where a server does not say."""
    if isinstance(path, Path):
        return not path.exists()
    from swath.imagery import remote

    try:
        remote.look(path)
    except remote.NotThereError:
        return True
    return False


def tile_id(digest: str, window: Window) -> str:
    """Name a tile by what it is: 32 hexadecimal digits from the file's digest and the window."""
    text = f"{digest}:{window.column},{window.row},{window.width},{window.height}"
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes. Raises `OSError`, also for anything but a regular file."""
    # A named pipe would block its opener for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "not a regular file", os.fspath(path))
    return path.open("rb")


def _looked_at(source: Place) -> tuple[Place, os.stat_result]:
    if isinstance(source, Remote):
        return source, os.stat_result([0] * 10)
    path = Path(os.path.abspath(source))  # noqa: PTH100
    return path, _status(path)


def _remote(place: Remote, assets: tuple[str, ...], report: OnSkip) -> Iterator[SourceFile]:
    from swath.imagery.catalogues import listed

    try:
        lists = is_catalogue(place)
    except ImageryError as error:
        report(place, str(error))
        return
    if lists:
        yield from listed(place, assets, report)
    else:
        root = place.parent
        yield SourceFile(root, place.url[len(root.url) + 1 :], place, 0, 0)


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{shown(path)}: {reason}; check the path of the source") from error


def _refuse(path: os.PathLike[str] | str, reason: str) -> None:
    raise InputError(f"{shown(path)}: {reason}; make it readable or name other sources")


def _source(root: Path, path: Path, name: str, status: os.stat_result) -> SourceFile:
    return SourceFile(root, name, path, status.st_size, status.st_mtime_ns)


def _walk(root: Path, walked: set[tuple[int, int]], report: OnSkip) -> Iterator[SourceFile]:
    """Depth first with a stack of its own: folders nest deeper than Python's recursion does."""
    stack = [("", iter([""]))]
    while stack:
        prefix, names = stack[-1]
        name = next(names, None)
        if name is None:
            stack.pop()
            continue
        path = root / (prefix + name)
        try:
            status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                place = (status.st_dev, status.st_ino)
                if place not in walked:
                    walked.add(place)
                    stack.append((f"{prefix}{name}/" if name else "", iter(_names(path))))
            elif stat.S_ISREG(status.st_mode):
                yield _source(root, path, prefix + name, status)
            else:
                report(path, "not a regular file")
        except OSError as error:
            report(path, error.strerror or str(error))


def _names(folder: Path) -> list[str]:
    """Sorted names of a folder's entries that are imagery by suffix, or folders."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".")
            # Unlike DirEntry.is_dir, os.path.isdir is simply false for a link that leads to itself.
            and (_suffix(entry.name) in SUFFIXES or os.path.isdir(entry.path))  # noqa: PTH112
        )


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122
