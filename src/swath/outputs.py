"""What leaves an archive: chips, tables, catalogues and heat maps of its scenes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from swath import encoders
from swath.hits import Hits
from swath.imagery import place as as_place
from swath.searchable import Searchable
from swath.serving.asking import PathLike
from swath.serving.making import as_encoder
from swath.types import Encoder, Progress

if TYPE_CHECKING:
    from swath.archive import ArchiveGallery, ArchiveInfo
    from swath.serving.chips import ChipsReport
    from swath.serving.locating import Located


def locate(
    scene: PathLike,
    text: str,
    *,
    encoder: PathLike | Encoder | None = None,
    tile_size: int = 256,
    overlap: float = 0.5,
    levels: int = 1,
    k: int = 5,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Located:
    """Where in a raster or picture the words are: a heat map over all of it, and the `k` hottest places.

    Windows of `tile_size` pixels are encoded by `encoder` (default: `base`), overlapping by a share of their
    side; further `levels` halve them, for smaller objects. See `Archive.locate` for files of an archive.

    >>> import swath
    >>> located = swath.locate("scenes/red.png", "red", tile_size=32, k=1)
    >>> located.heat.shape, len(located.spots)
    ((64, 64), 1)

    Raises `ImageryError` where the scene cannot be read, `InputError` for an empty text, `EncoderError`.
    """
    from swath.imagery import Tiling
    from swath.serving import locating

    model = as_encoder(encoders.DEFAULT if encoder is None else encoder, threads)
    place, tiling = as_place(scene), Tiling()
    sizes = [max(1, tile_size >> level) for level in range(levels)]
    windows = locating.encode_scene(place, model, tiling, sizes=sizes, overlap=overlap, progress=progress)
    return locating.locate(place, text, windows, model, tiling, k=k)


class Outputs(Searchable):
    """The half of an archive that writes."""

    @property
    @abstractmethod
    def gallery(self) -> ArchiveGallery:
        """The tiles as a search sees them, of what was committed last."""

    @abstractmethod
    def info(self) -> ArchiveInfo:
        """What it holds."""

    def locate(self, scene: PathLike, text: str, *, k: int = 5) -> Located:
        """Where in one of the archive's files the words are: a heat map over all of it, the hottest places.

        >>> import swath
        >>> located = swath.open("town.swath").locate("scenes/red.png", "red", k=1)
        >>> located.heat.shape, located.spots[0].rank
        ((32, 32), 1)

        Raises `InputError` for a file that the archive does not know and an empty text, `ImageryError` where
        the file cannot be read.
        """
        from swath.serving import locating

        place = as_place(scene)
        windows = locating.stored_windows(self.gallery, place)
        return locating.locate(place, text, windows, self.encoder, self.info().tiling, k=k)

    def chips(
        self,
        hits: Hits | Sequence[tuple[int, str]],
        folder: PathLike,
        *,
        kind: Literal["tif", "png"] | None = None,
        progress: Progress | None = None,
    ) -> ChipsReport:
        """Cut hits (or pairs of rank and id) out of their files into a folder; chips that are there are kept.

        `kind` None writes `.tif` of rasters and `.png` of pictures.

        >>> import swath
        >>> archive = swath.open("town.swath")
        >>> archive.chips(archive.search("red", k=2), "chips")
        ChipsReport(written=2, kept=0, skipped=())

        Hits whose file is gone or changed are listed in the report. Raises `InputError` where the folder
        cannot be written to.
        """
        from swath.serving.chips import cut_chips

        pairs = [(hit.rank, hit.tile.id) for hit in hits] if isinstance(hits, Hits) else hits
        return cut_chips(pairs, self.show, Path(folder), self.info().tiling, kind=kind, progress=progress)

    def stac(self, folder: PathLike, *, progress: Progress | None = None) -> int:
        """Write a STAC 1.1 Collection, an Item for each scene, and the embeddings; the number of Items.

        >>> import swath
        >>> swath.open("town.swath").stac("catalogue")
        7

        Raises `InputError` where it cannot be written.
        """
        from swath.serving.stac import write_catalogue

        return write_catalogue(self.gallery, self.info(), Path(folder), progress=progress)

    def dump(self, path: PathLike, *, embeddings: bool = False, progress: Progress | None = None) -> int:
        """Write all tiles as GeoParquet 1.1, a group of rows at a time; the number of tiles.

        With `embeddings` the file has a column of them (float32[D]), and `swath import` reads it.

        >>> import swath
        >>> swath.open("town.swath").dump("tiles.parquet", embeddings=True)
        7

        Raises `InputError` for another suffix than `.parquet` or `.geoparquet`, and where it cannot be
        written.
        """
        from swath.serving import geoparquet

        gallery, info = self.gallery, self.info()
        return geoparquet.dump(
            gallery,
            Path(path),
            kinds=info.attributes,
            model=info.encoder.name,
            revision=info.encoder.revision,
            embeddings=embeddings,
            progress=progress,
        )
