"""What can be asked: searches and what is made of their answers, over one archive or several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swath import search as searching
from swath.hits import Hits
from swath.serving.asking import Area, PathLike, Picture, make_query
from swath.types import Bounds, Encoder, Gallery, Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from swath.search import Pipeline
    from swath.serving import TileDetails


class Searchable(ABC):
    """Tiles that can be searched: `Archive` is one, and `Archives` are several as one."""

    _threads: int | None

    @property
    @abstractmethod
    def encoder(self) -> Encoder:
        """The encoder that answers."""

    @abstractmethod
    def show(self, tile: str) -> TileDetails:
        """What is known of a tile: its id, or how it begins."""

    @abstractmethod
    def _gallery(self) -> Gallery:
        """What was committed last."""

    @abstractmethod
    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes]:
        """JPEG bytes by tile id, of those ids that are there."""

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self._gallery())

    def search(
        self,
        text: str | Sequence[str] | None = None,
        *,
        image: Picture | Sequence[Picture] | None = None,
        like: str | Sequence[str] = (),
        unlike: str | Sequence[str] = (),
        like_at: Sequence[float] | Sequence[Sequence[float]] = (),
        unwanted: str | Sequence[str] | None = None,
        k: int = 20,
        where: str | None = None,
        bbox: Bounds | None = None,
        area: Area | None = None,
        near: Sequence[float] | None = None,
        pipeline: Pipeline | str = "auto",
        min_score: float | None = None,
        collapse: bool = True,
        group: str | None = None,
    ) -> Hits:
        """The `k` tiles that match best: words, pictures and tiles of the archive, all wanted at once.

        `like` and `unlike` take ids, or how they begin; what `unlike` names counts against, and so do the
        words `unwanted`. A weight may follow an id: `3f2a:2` counts twice as much as the others. `like_at`
        names tiles by a longitude and a latitude in them, one or several.

        Filters act before anything is ranked: `where` over attributes, `bbox` (west, south, east, north),
        `area` (a GeoJSON file or object with polygons) and `near` (longitude, latitude, metres). Degrees are
        those of WGS 84 (EPSG:4326).

        `pipeline` says how to search. `min_score` leaves out hits that match with a lower probability, and
        `collapse` those that show the same as a better one: tiles that overlap it by more than half, and of
        tiles without an area near-equal pictures. `group` "scene" gives the best tile of each file instead.

        >>> import swath
        >>> archive = swath.open("town.swath")
        >>> [hit.tile.source.split("/")[-1] for hit in archive.search(["red", "green"], k=1)]
        ['yellow.png']
        >>> archive.search("red", where="width > 64 or not source < z").hits
        ()

        Raises `InputError` (with `SpecError` and `ExpressionError`) for what cannot be asked, and for
        `min_score` where the encoder's scores are not calibrated.
        """
        query = make_query(
            text,
            image=image,
            like=like,
            unlike=unlike,
            like_at=like_at,
            unwanted=unwanted,
            where=where,
            bbox=bbox,
            area=area,
            near=near,
        )
        return self.search_many(
            [query], k=k, pipeline=pipeline, min_score=min_score, collapse=collapse, group=group
        )[0]

    def search_many(
        self,
        queries: Sequence[Query],
        *,
        k: int = 20,
        pipeline: Pipeline | str = "auto",
        min_score: float | None = None,
        collapse: bool = True,
        group: str | None = None,
    ) -> list[Hits]:
        """`search` for many queries, which share the reading of the archive where they can.

        >>> import swath
        >>> archive = swath.open("town.swath")
        >>> queries = [swath.Query(("red",)), swath.Query(("blue",), where="width > 32")]
        >>> many = archive.search_many(queries, k=1)
        >>> [hits[0].tile.source.split("/")[-1] for hits in many]
        ['red.png', 'blue.png']
        """
        return searching.search_many(
            self._gallery(),
            queries,
            self.encoder,
            pipeline=pipeline,
            k=k,
            min_score=min_score,
            collapse=collapse,
            group=group,
            threads=self._threads,
        )

    def heat(self, hits: Hits, text: str | Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Where in the hits the words are: by tile id, float32[G, G] over the tile's grid, summing to 1.

        Empty where the archive stores no tokens.

        >>> import swath
        >>> archive = swath.open("town.swath")
        >>> hits = archive.search("red", k=1)
        >>> archive.heat(hits, "red")[hits[0].tile.id].shape
        (2, 2)
        """
        texts = [text] if isinstance(text, str) else list(text)
        ids = [hit.tile.id for hit in hits]
        return searching.heat_maps(self._gallery(), self.encoder, texts, ids)

    def words(self, hits: Hits, text: str | Sequence[str]) -> list[dict[str, float]]:
        """The words that the query and each hit share, with what they bring to the sparse score.

        Empty where the archive was not tuned.

        >>> import swath
        >>> archive = swath.open("town.swath")
        >>> archive.words(archive.search("red", k=1), "red")
        [{}]
        """
        texts = [text] if isinstance(text, str) else list(text)
        gallery = self._gallery()
        query = searching.encode(Query(tuple(texts)), self.encoder, gallery)
        rows = [searching.find(hit.tile.id, gallery.ids) for hit in hits]
        return [searching.matched_words(gallery, query, row) for row in rows]

    def sheet(
        self, hits: Hits, path: PathLike, *, title: str = "", explain: str | Sequence[str] = ()
    ) -> Path:
        """Write a contact sheet of hits: one self-contained `.html`, or a `.png`.

        The words `explain` are shown where they are in each tile (see `heat`).

        Raises `InputError` for another suffix, and where it cannot be written.
        """
        from swath.serving import write_sheet

        heat = self.heat(hits, explain) if explain else None
        return write_sheet(hits, Path(path), self.thumbnails, title=title, heat=heat)

    def write(self, hits: Hits, path: PathLike) -> Path:
        """Write hits as `.geojson`, `.parquet` or `.geoparquet` (GeoParquet 1.1) or `.csv`.

        >>> import swath
        >>> archive = swath.open("town.swath")
        >>> archive.write(archive.search("red", k=2), "red.parquet").name
        'red.parquet'

        Raises `InputError` for another suffix, and where it cannot be written.
        """
        from swath.serving import write_hits

        encoder = self.encoder
        return write_hits(hits, Path(path), model=encoder.name, revision=encoder.revision)

    def geojson(self, hits: Hits, path: PathLike) -> Path:
        """Write hits as a GeoJSON FeatureCollection. Raises `InputError` where it cannot be written."""
        from swath.serving import write_geojson

        return write_geojson(hits, Path(path))
