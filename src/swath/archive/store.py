"""An archive on disk: made, opened, added to, described, checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from swath.archive import pointer
from swath.archive.files import is_as, size_of
from swath.archive.gallery import ArchiveGallery
from swath.archive.hot import DamagedHotError, Hot
from swath.archive.pointer import EncoderRef, Pointer
from swath.archive.rows import original
from swath.decoding import NOT_JSON
from swath.errors import ArchiveError
from swath.types import Encoder, Progress, Scalar

if TYPE_CHECKING:
    from swath.archive.builder import AddReport
    from swath.archive.edit import Edit, RelocateReport, RemoveReport
    from swath.archive.gathering import Encode
    from swath.archive.merging import MergeReport
    from swath.archive.reencode import ReencodeReport
    from swath.archive.table import Table
    from swath.archive.upgrade import UpgradeReport
    from swath.archive.verify import Problem
    from swath.imagery import Place, Tiling

Report = TypeVar("Report")

# A search opens a store and reads its gallery: whatever needs the table (Lance, PyArrow) is imported where
# it is used.


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """The encoder that made the signals."""

    name: str
    revision: str
    dim: int
    card: Mapping[str, Any] | None
    """Content of its card.json, None where the archive holds no copy of it."""


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """What an archive holds."""

    path: Path
    format: int
    software: str
    """What made it."""
    committed: datetime
    tiles: int
    files: int
    incomplete: int
    """Files of which tiles may be missing: adding their folder again completes them."""
    encoder: EncoderInfo
    signals: Mapping[str, str]
    """Name to type and shape of one tile's part, such as "float16[512]"."""
    tiling: Tiling
    roots: tuple[str, ...]
    """Folders that were indexed."""
    attributes: Mapping[str, str]
    """Name to kind: number, text or flag."""
    bytes_on_disk: int
    bytes_by_part: Mapping[str, int]
    """Of the table, the hot columns and the encoder's copy."""
    bytes_per_tile: float | None
    """Of table and hot columns; None where there is no tile."""


class Store:
    """An archive. Every method looks at what was committed last, by whichever process."""

    def __init__(self, path: Path) -> None:
        """Open an archive. Raises `ArchiveError` where there is none, or one that this swath cannot read."""
        self.path = path
        self._pointer()

    @property
    def encoder_name(self) -> str:
        """Name of the encoder that made it."""
        return self._pointer().encoder.name

    @property
    def encoder_revision(self) -> str:
        """Digest of the encoder that made it."""
        return self._pointer().encoder.revision

    @property
    def made_by(self) -> EncoderRef:
        """The encoder that made it: name, revision, dimension and image size."""
        return self._pointer().encoder

    @property
    def encoder_folder(self) -> Path:
        """The copy of the encoder in the archive. Raises `ArchiveError` for none, or a damaged one."""
        state = self._pointer()
        name = f"encoder/{state.encoder.revision}"
        folder = self.path / name
        if not folder.is_dir():
            raise ArchiveError(
                f"the archive {self.path} holds no copy of its encoder: name it ({state.encoder.name})"
            )
        # A damaged encoder would give other vectors without a word. It is read whole in a moment anyway.
        for path, expected in state.sums.items():
            if path.startswith(f"{name}/") and not is_as(self.path / path, expected):
                raise ArchiveError(
                    f"{self.path / path} is damaged or missing: put back a copy of the encoder's folder, or "
                    f"name the encoder ({state.encoder.name})"
                )
        return folder

    def add(
        self,
        sources: Sequence[Place],
        encoder: Encoder,
        *,
        assets: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
        batch: int = 32,
        progress: Progress | None = None,
        threads: int | None = None,
        commit_every: float | None = None,
        most: int | None = None,
    ) -> AddReport:
        """Index files and folders, encoding only what is new or changed; continues what was interrupted.

        Sources may be addresses and catalogues of STAC, of whose items the `assets` with these names or roles
        are indexed. `attributes` are given to every new tile; `threads` decode (default: one for each
        processor); `commit_every` is the longest time in seconds for which a tile stays uncommitted (default:
        4); after `most` new tiles it ends, and the next call goes on.

        Files that cannot be read are skipped and listed in the report. Raises `InputError` for sources that
        do not exist, `EncoderError` for another encoder than the one that made the archive, `ArchiveError`
        while another process writes or where the disk refuses. Whatever ends it, what was committed stays.
        """
        from swath.archive.builder import COMMIT_EVERY, Builder
        from swath.archive.writer import Writer

        with Writer(self.path) as writer:
            builder = Builder(
                writer,
                encoder,
                attributes=attributes,
                batch=batch,
                progress=progress,
                threads=threads,
                commit_every=COMMIT_EVERY if commit_every is None else commit_every,
                most=most,
            )
            return builder.run(sources, assets)

    def add_encoded(
        self,
        sources: Sequence[Place],
        encoder: Encoder,
        encode: Encode,
        workers: int,
        *,
        attributes: Mapping[str, Scalar] | None = None,
        progress: Progress | None = None,
    ) -> AddReport:
        """`add`, with tiles that `encode` has decoded and encoded by so many workers.

        They load the encoder from the archive. What they have done is kept in the archive until it is
        committed. Raises what `add` raises, and what `encode` raises; `ArchiveError` where the archive holds
        no copy of its encoder.
        """
        from swath.archive.gathering import Gatherer
        from swath.archive.writer import Writer

        self.encoder_folder  # noqa: B018  raises where it is not there
        with Writer(self.path) as writer:
            options = {"attributes": attributes, "progress": progress}
            return Gatherer(writer, encoder, encode, workers, **options).run(sources)

    def remove(
        self, sources: Sequence[Place] = (), *, ids: Collection[str] | None = None, dry_run: bool = False
    ) -> RemoveReport:
        """Take files and tiles out, in one commit; whoever searches meanwhile keeps what was opened.

        `sources` alone: those files, and all below those folders; tiles that no other file has go with them.
        `ids` alone: those tiles, whatever files they have. Both: those of the tiles that no file outside of
        the sources has. Nothing on disk is touched but the archive, and indexing a file again brings it back.
        `dry_run` only counts.

        Raises `InputError` for a source that the archive does not know, `ArchiveError` while another process
        writes.
        """
        from swath.archive.edit import plan_removal

        return self._edit(lambda table, state: plan_removal(table, state, sources, ids), dry_run).report

    def prune(self, sources: Sequence[Place], *, dry_run: bool = False) -> RemoveReport:
        """Take out the files at and below the sources that are not on disk any more.

        Raises `InputError` where none of the files that are known below a source is there: that looks like
        a disk that is not mounted.
        """
        from swath.archive.edit import plan_pruning

        return self._edit(lambda table, state: plan_pruning(table, state, sources), dry_run).report

    def relocate(self, old: Place, new: Place, *, dry_run: bool = False) -> RelocateReport:
        """Tell the archive that what was at and below `old` is at `new` now; no file is read or moved.

        Raises `InputError` where nothing of the archive was there, or `new` is not there or is known already.
        """
        from swath.archive.edit import plan_move

        return self._edit(lambda table, state: plan_move(table, state, old, new), dry_run).report

    def reencode(
        self,
        encoder: Encoder,
        *,
        drop_missing: bool = False,
        batch: int = 32,
        progress: Progress | None = None,
        threads: int | None = None,
        commit_every: float | None = None,
    ) -> ReencodeReport:
        """Make the signals of another encoder from the original pixels, and switch to them in one commit.

        Until then the old signals answer, and others may search and add. What ends it early loses nothing
        that was committed: the same call goes on. Files that are gone, changed or unreadable are listed, and
        the switch waits for them; `drop_missing` switches without their tiles. The other options are as for
        `add`.

        Raises `ArchiveError` while another process writes or where the disk refuses, `InputError` for
        `drop_missing` where no tile would be left.
        """
        from swath.archive.reencode import reencode

        return reencode(
            self.path,
            encoder,
            drop_missing=drop_missing,
            batch=batch,
            progress=progress,
            threads=threads,
            commit_every=commit_every,
        )

    def upgrade(self) -> UpgradeReport:
        """Bring an archive of an older format to the present one, in one commit.

        Raises `ArchiveError` while another process writes or where the disk refuses.
        """
        from swath.archive.upgrade import upgrade

        return upgrade(self.path)

    def origin(self, tile_id: str) -> tuple[str, tuple[Place, ...]] | None:
        """Digest of the file that a tile was read from, and every file that had it; None for no tile."""
        from swath.archive.catalogue import Roots
        from swath.archive.table import Table

        state = self._pointer()
        found = Table(self.path, state.version, state.geometry).origin(tile_id)
        if found is None:
            return None
        roots = Roots(state.roots)
        return found[0], tuple(roots.path(source.key) for source in found[1])

    def info(self) -> ArchiveInfo:
        """Describe the archive without opening its table."""
        from swath.imagery import Tiling

        state = self._pointer()
        parts = {name: size_of(self.path / name) for name in ("tiles.lance", "hot", "encoder")}
        own = parts["tiles.lance"] + parts["hot"]
        names = {"dense": f"float16[{state.geometry.dense}]"}
        if state.geometry.tokens is not None:
            names["tokens"] = "int8[{}, {}]".format(*state.geometry.tokens)
        return ArchiveInfo(
            path=self.path,
            format=state.format,
            software=state.software,
            committed=datetime.fromisoformat(state.committed),
            tiles=state.tiles,
            files=state.files,
            incomplete=len(state.partial),
            encoder=EncoderInfo(
                state.encoder.name, state.encoder.revision, state.encoder.dim, self._card(state)
            ),
            signals=names,
            tiling=msgspec.convert(state.tiling, Tiling),
            roots=tuple(original(root) for root in state.roots),
            attributes=state.attributes,
            bytes_on_disk=size_of(self.path),
            bytes_by_part=parts,
            bytes_per_tile=own / state.tiles if state.tiles else None,
        )

    def verify(self, *, quick: bool = False) -> list[Problem]:
        """Check every byte and every tile; an empty list is a sound archive. Changes nothing.

        `quick` reads nothing: it only looks whether all files are there and as long as they should be.
        """
        from swath.archive.verify import glance, verify

        return (glance if quick else verify)(self.path, self._pointer())

    def gallery(self) -> ArchiveGallery:
        """What was committed last, as a search sees it; it stays as it is while others add."""
        hot, state = self._open_hot()
        return ArchiveGallery(hot, state, lambda: self._rebuild(state), self.path)

    def thumbnails(self, ids: Collection[str]) -> dict[str, bytes]:
        """JPEG bytes by tile id, of those ids that are there."""
        from swath.archive.table import Table

        state = self._pointer()
        return Table(self.path, state.version, state.geometry).thumbnails(ids)

    def _pointer(self) -> Pointer:
        return pointer.read(self.path)

    def _edit(self, plan: Callable[[Table, Pointer], Edit[Report]], dry_run: bool) -> Edit[Report]:
        from swath.archive.table import Table
        from swath.archive.writer import Writer

        if dry_run:
            state = self._pointer()
            return plan(Table(self.path, state.version, state.geometry), state)
        with Writer(self.path) as writer:
            made = plan(writer.table, writer.pointer)
            writer.finish(made.changes, made.facts, made.removed)
        return made

    def _open_hot(self) -> tuple[Hot, Pointer]:
        while True:
            state = self._pointer()
            try:
                return Hot(self.path, state.hot), state
            except DamagedHotError:
                # A writer may have replaced the generation in between: then the pointer changed too.
                if self._pointer().hot.generation == state.hot.generation:
                    return self._rebuild(state), state

    def _rebuild(self, state: Pointer) -> Hot:
        from swath.archive.recover import rebuild

        return rebuild(self.path, state)

    def _card(self, state: Pointer) -> Mapping[str, Any] | None:
        path = self.path / "encoder" / state.encoder.revision / "card.json"
        if not path.is_file():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except NOT_JSON as error:
            raise ArchiveError(
                f"{path} is damaged ({error}): put back a copy of the encoder's folder"
            ) from error


def create(path: str | Path, encoder: Encoder, tiling: Tiling | None = None) -> Store:
    """Make an empty archive in a folder that is missing or empty; a copy of the encoder goes into it.

    Raises `ArchiveError` where something is there already or the folder cannot be written to.
    """
    from swath.archive.found import found
    from swath.imagery import Tiling

    folder = Path(path)
    found(folder, encoder, tiling or Tiling())
    return Store(folder)


def merge(path: str | Path, archives: Sequence[Path], progress: Progress | None = None) -> MergeReport:
    """Bring archives together in one, which is made, or continued where it exists; no pixel is read.

    Equal tiles become one with the files of all; what the first archive says of them counts. What ends it
    early loses nothing that was committed: the same call goes on. The archives are only read.

    Raises `ArchiveError` where they were made by different encoders or cut differently, where they are
    damaged, while another process writes, or where the disk refuses; `InputError` for none, or one of itself.
    """
    from swath.archive.merging import merge

    return merge(Path(path), archives, progress)


def open_store(path: str | Path) -> Store:
    """Open an archive. Raises `ArchiveError` where there is none, or one that this swath cannot read."""
    return Store(Path(path))
