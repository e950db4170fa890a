"""The lists of an archive: built from its hot columns, found again, mended."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists.build import Plan, build
from swath.archive.lists.files import (
    FORMAT,
    Layout,
    Manifest,
    Stored,
    Writing,
    layout_name,
    newest,
    read_tuned,
)
from swath.archive.lists.nouns import DamagedListsError, Lists
from swath.encoders import WORD_HEAD, Head, read_heads, read_terms

if TYPE_CHECKING:
    from swath.archive.gallery import ArchiveGallery

_LOG = logging.getLogger(__name__)


def build_lists(
    gallery: ArchiveGallery,
    archive: Path,
    plan: Plan,
    head: Head | None,
    tiles: int | None = None,
    directions: NDArray[np.float32] | None = None,
) -> None:
    """Put tiles into lists; searches go on meanwhile, with the lists they have.

    Args:
        gallery: the tiles.
        archive: the archive's folder.
        plan: how many lists.
        head: the word head of the archive's encoder, if it has one.
        tiles: only the first so many rows; None: all of them.
        directions: of `directions_of`; None: learnt from the tiles.

    Raises `OSError` where the disk refuses.
    """
    dense = gallery.signal("dense")[:tiles]
    writing = Writing(archive)
    try:
        made = build(
            dense,
            plan,
            terms=None if head is None else read_terms(head),
            words_of=gallery.words,
            directions=directions,
            allocate=writing.allocate,
        )
        ids = writing.allocate("ids", made.rows.shape, gallery.ids.dtype)
        ids[:] = gallery.ids[made.rows]
        asked = f"{FORMAT} {gallery.encoder_revision} {plan.count} {plan.seed}"
        name = layout_name(ids, made.directions, head, asked)
        postings = made.postings
        assert postings is not None, "names are words"

        def manifest(arrays: dict[str, Stored]) -> Manifest:
            return Manifest(
                format=FORMAT,
                name=name,
                encoder=gallery.encoder_revision,
                generation=gallery.generation,
                tiles=len(dense),
                count=plan.count,
                seed=plan.seed,
                delta=postings.delta,
                block=postings.block,
                arrays=arrays,
                head=None if head is None else head.card,
            )

        writing.seal(manifest, head)
    except BaseException:
        writing.abandon()
        raise


def open_lists(gallery: ArchiveGallery, archive: Path) -> Lists | None:
    """The newest lists of an archive; None where it has none, or they are of another encoder's vectors.

    Damaged lists are built again first, as they were.
    """
    folder = newest(archive)
    if folder is None or not len(gallery):
        return None
    try:
        layout = Layout(folder)
        return _opened(layout, gallery, archive)
    except DamagedListsError as error:
        return mended(gallery, archive, error)


def mended(gallery: ArchiveGallery, archive: Path, error: DamagedListsError) -> Lists | None:
    """Lists that were damaged, built again from the hot columns, as they were where the manifest tells how.

    In a folder that cannot be written to there are none from now on, and a search is exact.
    """
    _LOG.warning("%s: building the lists again", error)
    plan, tiles, head, directions = Plan(), None, None, None
    folder = newest(archive)
    try:
        if folder is not None:
            manifest, head, directions = Layout.described(folder)
            plan = Plan(manifest.count, manifest.seed)
            tiles = manifest.tiles if manifest.generation == gallery.generation else None
    except DamagedListsError:
        _LOG.warning("how they were built cannot be read: all tiles, by the default plan")
    try:
        words = head or word_head(archive, gallery.encoder_revision)
        build_lists(gallery, archive, plan, words, tiles, directions)
    except OSError as refused:
        _LOG.warning("the lists of %s cannot be built again: %s", archive, refused)
        return None
    folder = newest(archive)
    assert folder is not None, "it was just made"
    return _opened(Layout(folder), gallery, archive)


def word_head(archive: Path, revision: str) -> Head | None:
    """The word head in the archive's copy of its encoder. Raises `EncoderError` for a damaged card."""
    heads = read_heads(archive / "encoder" / revision, revision)
    return next((head for head in heads.values() if head.card.kind == WORD_HEAD), None)


def _opened(layout: Layout, gallery: ArchiveGallery, archive: Path) -> Lists | None:
    if layout.manifest.encoder != gallery.encoder_revision:
        return None
    tuned = read_tuned(archive)
    facts = tuned if tuned.get("layout") == layout.manifest.name else {}
    return layout.lists(_rows(layout, gallery), len(gallery), facts)


def _rows(layout: Layout, gallery: ArchiveGallery) -> NDArray[np.int32]:
    """Which row of the gallery stands at every place, -1 where the tile is gone."""
    if layout.manifest.generation == gallery.generation:
        rows: NDArray[np.int32] = layout.array("rows")
        # Whoever opened the archive before the lists were built sees fewer tiles than they hold.
        return rows if layout.manifest.tiles <= len(gallery) else np.where(rows < len(gallery), rows, -1)
    # Tiles were taken out since, so rows have other numbers: ids tell which is which.
    key = f"lists-{layout.manifest.name}"
    kept = gallery.kept.get(key)
    if kept is None:
        ids = layout.array("ids")
        layout.check_all("ids")
        order = np.argsort(gallery.ids, kind="stable")
        at = np.minimum(np.searchsorted(gallery.ids, ids, sorter=order), len(order) - 1)
        found = order[at]
        kept = np.where(gallery.ids[found] == ids, found, -1).astype(np.int32)
        gallery.kept.put(key, kept)
    return kept
