"""What an archive has already: which files with which content, and which tiles."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from swath.archive.rows import Key, Source, original, storable
from swath.imagery import Place, Remote, SourceFile, place


def absolute(path: Place) -> str:
    """A path from the root of the file system, or an address, as it is stored; links are where they are."""
    if isinstance(path, Remote):
        return storable(path.url)
    return storable(os.path.abspath(path))  # noqa: PTH100


class Roots:
    """The folders that paths are relative to. A file belongs to the nearest root above it."""

    def __init__(self, roots: Iterable[str]) -> None:
        self.paths = list(roots)
        self._index = {path: index for index, path in enumerate(self.paths)}

    def place(self, file: SourceFile) -> Key:
        """Key of a file; its root is added where no root contains it yet."""
        return self.key(absolute(file.path), absolute(file.root))

    def key(self, path: str, base: str) -> Key:
        """Key of a file by its stored absolute path; `base` is added where no root contains it yet."""
        below, parent = [os.path.basename(path)], os.path.dirname(path)  # noqa: PTH119, PTH120
        while parent not in self._index:
            step = os.path.dirname(parent)  # noqa: PTH120
            if step == parent:
                return self._add(base, path)
            below.append(os.path.basename(parent))  # noqa: PTH119
            parent = step
        return Key(self._index[parent], "/".join(reversed(below)))

    def path(self, key: Key) -> Place:
        """Where a file was."""
        return place(original(self.stored_path(key)))

    def stored_path(self, key: Key) -> str:
        """Where a file was, as stored."""
        return f"{self.paths[key.root].rstrip('/')}/{key.path}"

    def _add(self, root: str, path: str) -> Key:
        self._index[root] = len(self.paths)
        self.paths.append(root)
        return Key(self._index[root], path[len(root.rstrip("/")) + 1 :])


class Catalogue:
    """Files, digests and ids of an archive. Only the thread that runs an `add` changes it."""

    def __init__(
        self,
        known: Iterable[tuple[str, str, Sequence[Source]]],
        partial: Iterable[str] = (),
    ) -> None:
        """From id, digest and sources of every tile, and the digests of incomplete files."""
        self.tiles: Counter[str] = Counter()
        """Number of tiles by digest."""
        self.partial = set(partial)
        self._sources: dict[str, dict[Key, Source]] = {}
        self._digests: dict[Key, list[str]] = {}
        self._dirty: set[str] = set()
        ids = []
        for tile_id, digest, sources in known:
            ids.append(tile_id)
            self.tiles[digest] += 1
            if digest not in self._sources:
                self._sources[digest] = {source.key: source for source in sources}
                for source in sources:
                    self._digests.setdefault(source.key, []).append(digest)
        self._ids = np.sort(np.array(ids, "S32"))

    @property
    def files(self) -> int:
        """Number of files that have tiles."""
        return len(self._digests)

    @property
    def changed(self) -> int:
        """Number of files that were seen with more than one content."""
        return sum(len(digests) > 1 for digests in self._digests.values())

    @property
    def keys(self) -> list[Key]:
        """Every file that has tiles."""
        return list(self._digests)

    @property
    def digests(self) -> list[str]:
        """Every content that files have."""
        return list(self._sources)

    def is_complete(self, digest: str) -> bool:
        """Whether all tiles of a content are there."""
        return self.tiles[digest] > 0 and digest not in self.partial

    def contains(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """bool[n]: which ids were there before this `add`."""
        wanted = np.array(ids, "S32")
        place = np.searchsorted(self._ids, wanted)
        found = np.zeros(len(wanted), np.bool_)
        inside = place < len(self._ids)
        found[inside] = self._ids[place[inside]] == wanted[inside]
        return found

    def current(self, key: Key, size: int, mtime_ns: int) -> str | None:
        """Digest of a file that looks as it did when it was read, None where it must be read again."""
        for digest in self._digests.get(key, ()):
            source = self._sources[digest][key]
            if (source.size, source.mtime_ns) == (size, mtime_ns) and self.is_complete(digest):
                return digest
        return None

    def sources(self, digest: str) -> tuple[Source, ...]:
        """The files with a content, in order."""
        return tuple(sorted(self._sources.get(digest, {}).values()))

    def attach(self, digest: str, source: Source) -> bool:
        """Note that a file has this content; True where it is new among the files with this content."""
        files = self._sources.setdefault(digest, {})
        before = files.get(source.key)
        if before == source:
            return False
        files[source.key] = source
        if before is None:
            self._digests.setdefault(source.key, []).append(digest)
        self._touch(digest)
        return before is None

    def detach(self, digest: str, key: Key) -> None:
        """Note that a file no longer has this content."""
        if self._sources.get(digest, {}).pop(key, None) is None:
            return
        digests = self._digests[key]
        digests.remove(digest)
        if not digests:
            del self._digests[key]
        self._touch(digest)

    def forget(self, key: Key) -> None:
        """Note that a file is no longer there."""
        for digest in list(self._digests.get(key, ())):
            self.detach(digest, key)

    def detach_others(self, digest: str, key: Key) -> None:
        """Note that a file has this content and no other."""
        for other in [other for other in self._digests.get(key, ()) if other != digest]:
            self.detach(other, key)

    def changes(self) -> dict[str, tuple[Source, ...]]:
        """New sources of the contents whose stored tiles do not show them yet."""
        return {digest: self.sources(digest) for digest in sorted(self._dirty)}

    def _touch(self, digest: str) -> None:
        if self.tiles[digest]:
            self._dirty.add(digest)
