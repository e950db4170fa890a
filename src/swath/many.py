"""Several archives as one, for searching."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swath import archive as archives
from swath import search as searching
from swath.api import Archive
from swath.errors import InputError
from swath.hits import Hits
from swath.searchable import Searchable
from swath.serving.asking import PathLike
from swath.serving.making import as_encoder
from swath.types import Encoder, Query

if TYPE_CHECKING:
    from swath.serving import TileDetails


def open_many(
    paths: Sequence[PathLike], *, encoder: PathLike | Encoder | None = None, threads: int | None = None
) -> Archives:
    """Open archives that one encoder made, to search them as one.

    They answer as the archive would that `swath merge` makes of them in this order; a tile that several hold
    is the first one's. The first archive's encoder answers, or `encoder` (a name, a folder, an object).
    `threads` None takes what the machine has. Pipelines that read lists (`lists`, `ivf`, `sparse`) need a
    merged archive.

    >>> import swath
    >>> both = swath.open_many(["town.swath", "village.swath"])
    >>> both
    Archives('town.swath', 'village.swath', 8 tiles)
    >>> [hit.tile.source.split("/")[-1] for hit in both.search("red", k=2)]
    ['red.png', 'barn.png']

    Raises `InputError` for no paths; `ArchiveError` where there is no archive that this version reads, or
    where encoders or kinds of attributes differ; `EncoderError` for an encoder that did not make them.
    """
    if not paths:
        raise InputError("say which archives to open")
    stores = [archives.open_store(Path(path)) for path in paths]
    return Archives(stores, None if encoder is None else as_encoder(encoder, threads), threads)


class Archives(Searchable):
    """Several archives, open for searching as one. Every search sees what was committed to them last."""

    def __init__(
        self, stores: Sequence[archives.Store], encoder: Encoder | None = None, threads: int | None = None
    ) -> None:
        """Made by `open_many`, which says what it raises."""
        archives.check_alike([store.path for store in stores])
        self._stores = tuple(stores)
        self._archives = [Archive(store, encoder, threads) for store in stores]
        self._threads = threads
        self._opened: searching.Shards | None = None

    def __repr__(self) -> str:
        return f"Archives({', '.join(repr(str(path)) for path in self.paths)}, {len(self):,} tiles)"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folders."""
        return tuple(store.path for store in self._stores)

    @property
    def encoder(self) -> Encoder:
        """The encoder that answers: the one given, or the first archive's. Raises as `Archive.encoder`."""
        return self._archives[0].encoder

    def show(self, tile: str) -> TileDetails:
        """What is known of a tile, by its id or how it begins, with its files in every archive.

        Raises `InputError` where no tile, or more than one, has such an id.
        """
        from swath.serving import TileDetails

        gallery = self._gallery()
        found = gallery.tile(searching.find(tile, gallery.ids))
        origins = [origin for store in self._stores if (origin := store.origin(found.id)) is not None]
        if not origins:
            raise InputError(f"tile {found.id} has just been removed from the archives")
        files = dict.fromkeys(file for _, several in origins for file in several)
        return TileDetails(found, origins[0][0], tuple(files))

    def words(self, hits: Hits, text: str | Sequence[str]) -> list[dict[str, float]]:
        """The words that the query and each hit share, as the archive of the hit weighs them.

        Empty where that archive was not tuned.
        """
        gallery = self._gallery()
        query = searching.encode(
            Query((text,) if isinstance(text, str) else tuple(text)), self.encoder, gallery
        )
        homes = [gallery.home(searching.find(hit.tile.id, gallery.ids)) for hit in hits]
        return [searching.matched_words(own, query, row) for own, row in homes]

    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes]:
        """JPEG bytes by tile id, of those ids that are there."""
        found: dict[str, bytes] = {}
        for store in self._stores:
            found |= store.thumbnails(set(ids) - found.keys())
        return found

    def _gallery(self) -> searching.Shards:
        parts = tuple(archive._gallery() for archive in self._archives)
        if self._opened is None or any(
            new is not old for new, old in zip(parts, self._opened.parts, strict=True)
        ):
            archives.check_alike(self.paths)  # one may have been encoded anew since
            self._opened = searching.Shards(parts)
        return self._opened
