"""Archives, the way one opens, fills and asks them. `swath` re-exports what is public."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath import archive as archives
from swath import encoders
from swath import search as searching
from swath.errors import EncoderError, InputError
from swath.outputs import Outputs
from swath.serving.asking import PathLike
from swath.serving.encoder import checked, encoder_of
from swath.serving.making import as_encoder, check, paths, places, prepare, several
from swath.types import Encoder, Gallery, Progress, Scalar

if TYPE_CHECKING:
    from swath.archive import (
        AddReport,
        ArchiveInfo,
        Problem,
        ReencodeReport,
        RelocateReport,
        RemoveReport,
        Store,
        UpgradeReport,
    )
    from swath.serving import TileDetails


def open(path: PathLike, *, encoder: PathLike | Encoder | None = None, threads: int | None = None) -> Archive:  # noqa: A001
    """Open an archive.

    It brings its encoder along; `encoder` (a name, a folder, an object) is for archives without one.
    `threads` None takes what the machine has. Raises `ArchiveError` where there is no archive that this
    version reads, and `EncoderError` for another encoder than the one that made it.
    """
    store = archives.open_store(Path(path))
    return Archive(store, None if encoder is None else as_encoder(encoder, threads), threads)


def index(
    sources: PathLike | Sequence[PathLike],
    path: PathLike,
    encoder: PathLike | Encoder | None = None,
    *,
    tile_size: int | None = None,
    overlap: int | None = None,
    min_valid: float | None = None,
    bands: Sequence[int] | None = None,
    levels: int | None = None,
    stretch: tuple[float, float] | None = None,
    assets: str | Sequence[str] = (),
    attributes: Mapping[str, Scalar] | None = None,
    prune: bool = False,
    on: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Archive:
    """Index files and folders into the archive at `path`, which is made, or continued where it exists.

    Only what is new or changed is encoded. `encoder`, `tile_size` and `overlap` (pixels), `min_valid` (least
    share of valid pixels), `bands` (one, or red, green, blue; counted from 1), `levels` (of a pyramid: each
    has windows of twice the side) and `stretch` (the values of rasters that become black and white) are
    settled when the archive is made, by default as `base`, 256, 0, 0.5, the colours, 1 and the percentiles of
    each scene; later they may be left out and not changed.
    `attributes` are given to every new tile. Files that cannot be read are listed in `report.skipped`.
    Sources may also be addresses of GeoTIFFs (`https://`, `s3://`, `gs://`), documents of STAC and
    stac-geoparquet; of their items the `assets` with these names or roles are indexed, by default the one
    that shows the scene. `prune` takes out the files below the sources that are not there any more; they are
    counted in `report.tiles_removed`.

    `on` is a cluster that decodes and encodes: `ray`, or `ray://HOST:PORT` (see `Archive.add`).

    Raises `InputError` for sources that are missing and for settings that do not fit, `ArchiveError` where
    the archive cannot be written, `EncoderError` for an encoder that is missing or not the archive's.
    """
    check(sources, several(assets))  # before an archive is made for them
    store, made_by = prepare(path, encoder, tile_size, overlap, min_valid, bands, levels, stretch, threads)
    archive = Archive(store, made_by, threads)
    archive.add(sources, assets=assets, attributes=attributes, prune=prune, on=on, progress=progress)
    return archive


def merge(path: PathLike, archives: Sequence[PathLike], *, progress: Progress | None = None) -> Archive:
    """Bring archives together in the one at `path`, which is made, or continued where it exists.

    They must have been made by one encoder and cut alike; they are only read, and no picture is. Equal tiles
    become one with the files of all, and what the first archive says of them counts.

    Raises `ArchiveError` where they do not fit or are damaged, while another process writes, or where the
    disk refuses; `InputError` for none, or one of itself.
    """
    from swath.archive import merge as bring_together

    bring_together(Path(path), paths(archives), progress)
    return open(path)


class Archive(Outputs):
    """An archive, open for searching and adding. Every search sees what was committed last.

    >>> archive = open("town.swath")
    >>> archive.search("green").pipeline                           # what ran
    'dense'
    >>> hit = archive.search("green", k=1)[0]
    >>> hit.tile.window.width, hit.tile.footprint, hit.tile.id[:2].isalnum()
    (64, None, True)
    """

    def __init__(self, store: Store, encoder: Encoder | None = None, threads: int | None = None) -> None:
        """Made by `open` and `index`. Raises `EncoderError` for an encoder that is not the archive's."""
        if encoder is not None:
            checked(encoder, store)
        self._store = store
        self._given = encoder
        self._threads = threads
        self._opened: tuple[tuple[int, ...] | None, archives.ArchiveGallery] | None = None
        self.report: AddReport | None = None
        """What the last `add` did: files, tiles, and what was skipped with the reasons."""

    def __repr__(self) -> str:
        return f"Archive({str(self.path)!r}, {len(self):,} tiles)"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.path

    @property
    def encoder(self) -> Encoder:
        """The encoder that answers: the one given, switched to, or kept in the archive.

        Raises `ArchiveError` where the archive lacks it and none was given.
        """
        self._gallery()  # sees whether the archive was encoded anew
        return self._loaded

    @cached_property
    def _loaded(self) -> Encoder:
        return self._given or encoder_of(self._store, self._threads)

    def add(
        self,
        sources: PathLike | Sequence[PathLike],
        *,
        assets: str | Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
        prune: bool = False,
        on: str | None = None,
        progress: Progress | None = None,
    ) -> AddReport:
        """Index more files and folders, encoding only what is new or changed; continues what was interrupted.

        >>> report = open("town.swath").add("scenes")
        >>> report.tiles_added, report.tiles_known, report.skipped
        (0, 7, ())

        Of the items of catalogues, the `assets` with these names or roles are indexed. `prune` takes out the
        files below the sources that are not there any more. `on` is a cluster whose
        workers decode and encode: `ray` (the one that RAY_ADDRESS names or that runs here) or
        `ray://HOST:PORT`. The archive comes out the same; it and the sources must be where all workers see
        them. `ClusterError` says what is wrong with a cluster.

        Raises `InputError` for sources that are missing, and to prune where none of the known files is left;
        `ArchiveError` while another process writes.
        """
        if self.encoder.image_size == encoders.NO_PICTURES:
            raise EncoderError(
                f"the archive {self.path} was imported without an encoder, so no picture can be added: "
                "index into another archive"
            )
        how: Any = {"attributes": attributes, "progress": progress, "threads": self._threads}
        if on is None:
            self.report = self._store.add(places(sources), self.encoder, assets=several(assets), **how)
        elif assets:
            raise InputError("assets are chosen on one machine only: name the files themselves on a cluster")
        else:
            from swath import cluster

            self.report = cluster.add(self._store, places(sources), self.encoder, on, **how)
        if prune:
            gone = self._store.prune(places(sources)).tiles
            self.report = replace(self.report, tiles_removed=self.report.tiles_removed + gone)
        return self.report

    def remove(
        self,
        sources: PathLike | Sequence[PathLike] = (),
        *,
        where: str | None = None,
        dry_run: bool = False,
    ) -> RemoveReport:
        """Take out files, folders, or the tiles that pass a filter; with both, what passes in those files.

        It is one commit. Nothing but the archive is touched, and indexing a file again brings it back; tiles
        stay while another file has the same content. `dry_run` only counts.

        >>> archive = open("town.swath")
        >>> archive.remove("scenes/red.png", dry_run=True)
        RemoveReport(files=1, tiles=1)
        >>> archive.remove(where="width >= 64", dry_run=True).tiles
        7

        Raises `InputError` for a source that the archive does not know and an expression that does not fit,
        `ArchiveError` while another process writes.
        """
        ids = None
        if where is not None:
            gallery = self._gallery()
            allowed = searching.mask(gallery, where)
            ids = {one.decode() for one in gallery.ids[allowed].tolist()}
        return self._store.remove(places(sources), ids=ids, dry_run=dry_run)

    def relocate(self, old: PathLike, new: PathLike, *, dry_run: bool = False) -> RelocateReport:
        """Tell the archive that what was at and below `old` is at `new` now. No file is moved or read.

        Raises `InputError` where the archive knows nothing there, and where `new` is not there or is known.
        """
        return self._store.relocate(*places([old, new]), dry_run=dry_run)

    def reencode(
        self,
        encoder: PathLike | Encoder,
        *,
        drop_missing: bool = False,
        progress: Progress | None = None,
    ) -> ReencodeReport:
        """Make the signals of another encoder from the original pixels, and switch to them in one commit.

        Until then the old ones answer; what ends it early loses nothing, and the same call goes on. Where
        files are gone or changed, it does not switch and the report lists them; `drop_missing` switches
        without their tiles.

        Raises `ArchiveError` while another process writes or where the disk refuses, `EncoderError` for an
        encoder that is missing, `InputError` for `drop_missing` where no tile would be left.
        """
        made_by = as_encoder(encoder, self._threads)
        report = self._store.reencode(
            made_by, drop_missing=drop_missing, progress=progress, threads=self._threads
        )
        if report.switched:
            self._given = made_by
            self.__dict__.pop("_loaded", None)
        return report

    def upgrade(self) -> UpgradeReport:
        """Bring an archive of an older format to the present one, in one commit; it can be changed then.

        Raises `ArchiveError` while another process writes or where the disk refuses.
        """
        return self._store.upgrade()

    def show(self, tile: str) -> TileDetails:
        """What is known of a tile: its id, or how it begins.

        >>> archive = open("town.swath")
        >>> details = archive.show(archive.search("red", k=1)[0].tile.id[:12])
        >>> details.files[0].name, details.tile.window.width
        ('red.png', 64)

        Raises `InputError` where no tile, or more than one, has such an id.
        """
        from swath.serving import TileDetails

        gallery = self._gallery()
        found = gallery.tile(searching.find(tile, gallery.ids))
        origin = self._store.origin(found.id)
        if origin is None:  # removed since the gallery was opened
            raise InputError(f"tile {found.id} has just been removed from the archive")
        return TileDetails(found, *origin)

    def cut(self, tile: str, path: PathLike) -> Path:
        """Write a tile at the full resolution of its file: `.png` as it is shown, or `.tif`.

        A `.tif` of a raster keeps its bands, values and georeference.

        Raises `InputError` for a tile that is not there and for another suffix, and `ImageryError` where
        none of its files is what it was when it was indexed.
        """
        from swath.imagery import cut
        from swath.serving import unchanged

        details = self.show(tile)
        cut(unchanged(details), details.tile.window, Path(path), self.info().tiling)
        return Path(path)

    def info(self) -> ArchiveInfo:
        """What it holds: tiles, signals, the encoder with its card, how files were cut, bytes.

        >>> info = open("town.swath").info()
        >>> info.tiles, sorted(info.signals), info.tiling.size
        (7, ['dense', 'tokens'], 256)
        """
        return self._store.info()

    def verify(self) -> list[Problem]:
        """Check every byte and every tile; an empty list is a sound archive.

        >>> open("town.swath").verify()
        []
        """
        return self._store.verify()

    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes]:
        """JPEG bytes by tile id, of those ids that are there."""
        return self._store.thumbnails(ids)

    @property
    def gallery(self) -> archives.ArchiveGallery:
        """The tiles as a search sees them, of what was committed last."""
        self._gallery()
        assert self._opened is not None, "it has just been opened"
        return self._opened[1]

    def _gallery(self) -> Gallery:
        # Every commit renames a new pointer into place: while the file is the same, so are the tiles, and the
        # columns that are mapped and checked already can be searched again.
        stamp = self._stamp()
        if self._opened is None or self._opened[0] != stamp:
            gallery = self._store.gallery()
            if self._opened is not None and gallery.encoder_revision != self._opened[1].encoder_revision:
                self.__dict__.pop("_loaded", None)  # the archive was encoded anew since
                if self._given is not None:
                    checked(self._given, self._store)
            self._opened = stamp, gallery
        return self._opened[1]

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            status = (self.path / archives.POINTER).stat()
        except OSError:
            return None  # opening the gallery tells what is wrong
        # Tuning changes the lists and not what was committed.
        lists = self.path / "lists"
        built = lists.stat().st_mtime_ns if lists.is_dir() else 0
        return status.st_ino, status.st_mtime_ns, built
