"""Answers: hits that other tools take as they are, as GeoJSON, an Arrow table or a GeoDataFrame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from swath.columns import attribute_columns, kinds_of, readable, table
from swath.errors import InputError
from swath.geojson import geometry, to_wkb
from swath.types import Query, StageTrace, Tile

if TYPE_CHECKING:
    import geopandas
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer."""

    rank: int
    """1 is the best."""
    tile: Tile
    raw: float
    """Score of the last stage."""
    score: float | None
    """Probability that it matches; None where the encoder's card has no calibration for the pipeline and the
    kind of query."""

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """A GeoJSON Feature; its geometry is None where the tile has no footprint."""
        tile = self.tile
        columns = attribute_columns(tile.attributes)
        properties = {
            **_facts(self),
            **{columns[name]: value for name, value in tile.attributes.items()},
            "time": None if tile.time is None else tile.time.isoformat(),
        }
        return {
            "type": "Feature",
            "id": tile.id,
            "geometry": geometry(tile.footprint),
            "properties": properties,
        }


@dataclass(frozen=True, slots=True)
class Hits:
    """The answer to a query, best first; a sequence of `Hit`.

    >>> import swath
    >>> hits = swath.open("town.swath").search("red", k=2)
    >>> len(hits), hits[0].rank, [hit.tile.window.width for hit in hits]
    (2, 1, [64, 64])
    """

    hits: tuple[Hit, ...]
    pipeline: str
    """The spec that ran, in canonical form."""
    trace: tuple[StageTrace, ...] = ()
    query: Query | None = None
    """What was asked."""

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """A GeoJSON FeatureCollection, which GeoPandas, Shapely, folium and others take.

        The properties are `rank`, `id`, `raw`, `score`, `source`, `window`, `time` and the attributes.

        >>> import swath
        >>> hits = swath.open("town.swath").search("red", k=2)
        >>> [feature["properties"]["rank"] for feature in hits.__geo_interface__["features"]]
        [1, 2]
        """
        return {"type": "FeatureCollection", "features": [hit.__geo_interface__ for hit in self.hits]}

    def to_arrow(self) -> pa.Table:
        """A `pyarrow.Table` with a row for each hit, laid out as in the GeoParquet files that swath writes.

        `id`, `rank` (int32), `score` and `raw` (float64), `source`, `window` (struct of int32), `datetime`
        (UTC), the attributes, `bbox` and `geometry` (WKB, OGC:CRS84, with the metadata of GeoArrow).

        >>> import swath
        >>> found = swath.open("town.swath").search("red", k=2).to_arrow()
        >>> found.num_rows, found.column_names[:4]
        (2, ['id', 'rank', 'score', 'raw'])
        """
        import pyarrow as pa

        tiles = [hit.tile for hit in self.hits]
        first = {
            "rank": pa.array([hit.rank for hit in self.hits], pa.int32()),
            "score": pa.array([hit.score for hit in self.hits], pa.float64()),
            "raw": pa.array([hit.raw for hit in self.hits], pa.float64()),
        }
        return table(tiles, kinds_of(tiles), first=first)

    def to_geopandas(self) -> geopandas.GeoDataFrame:
        """A `geopandas.GeoDataFrame` with a row for each hit, in longitude and latitude (EPSG:4326).

        `id`, `rank`, `score`, `raw`, `source`, `window` (a dictionary), `time` (UTC), the attributes and
        `geometry`, which is None where a tile has no footprint. Raises `InputError` without GeoPandas.

        >>> import swath
        >>> frame = swath.open("town.swath").search("red", k=2).to_geopandas()
        >>> frame["rank"].tolist(), frame.crs.to_string()
        ([1, 2], 'EPSG:4326')
        """
        try:
            import geopandas
            import pandas as pd
        except ImportError as error:
            raise InputError(
                "a GeoDataFrame needs GeoPandas, which is not installed: pip install 'swath[geo]' "
                "(hits.to_arrow() and hits.__geo_interface__ do without it)"
            ) from error
        tiles = [hit.tile for hit in self.hits]
        facts = [_facts(hit) for hit in self.hits]
        columns = {
            name: [one[name] for one in facts] for name in ("id", "rank", "score", "raw", "source", "window")
        }
        columns["score"] = pd.array(columns["score"], "float64")
        columns["time"] = pd.to_datetime(pd.Series([tile.time for tile in tiles], dtype=object), utc=True)
        for name, column in attribute_columns(kinds_of(tiles)).items():
            columns[column] = [tile.attributes.get(name) for tile in tiles]
        shapes = [geometry(tile.footprint) for tile in tiles]
        places = geopandas.GeoSeries.from_wkb(
            [None if shape is None else to_wkb(shape) for shape in shapes], crs="EPSG:4326"
        )
        return geopandas.GeoDataFrame(columns, geometry=places)


def _facts(hit: Hit) -> dict[str, Any]:
    tile = hit.tile
    return {
        "rank": hit.rank,
        "id": tile.id,
        "raw": hit.raw,
        "score": hit.score,
        "source": readable(tile.source),
        "window": asdict(tile.window),
    }
