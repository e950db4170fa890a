"""Making an archive, or opening the one there is to go on with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from swath import archive, encoders
from swath.errors import InputError
from swath.imagery import Place, Tiling, place, scan
from swath.serving.asking import PathLike
from swath.serving.encoder import checked
from swath.types import Encoder

if TYPE_CHECKING:
    from swath.archive import Store


def prepare(
    path: PathLike,
    encoder: PathLike | Encoder | None,
    tile_size: int | None,
    overlap: int | None,
    min_valid: float | None,
    bands: Sequence[int] | None,
    levels: int | None,
    stretch: Sequence[float] | None,
    threads: int | None,
) -> tuple[Store, Encoder | None]:
    """The archive at `path`, made empty where there is none, and the encoder that was given or chosen.

    What is None is as it was, or as by default. Raises `InputError` for settings that do not fit,
    `ArchiveError` where the archive cannot be opened or made, `EncoderError` for an encoder that is missing
    or not the archive's.
    """
    exists = (Path(path) / archive.POINTER).exists()
    given = None if encoder is None else as_encoder(encoder, threads)
    before = Tiling()
    if exists:
        store = archive.open_store(Path(path))
        if given is not None:
            checked(given, store)
        before = store.info().tiling
    tiling = _tiling(before, tile_size, overlap, min_valid, bands, levels, stretch)
    if not exists:
        given = given or as_encoder(encoders.DEFAULT, threads)
        return archive.create(Path(path), given, tiling), given
    if tiling != before:
        raise InputError(
            f"the archive {path} was made with {_described(before)}, not with {_described(tiling)}: "
            "leave these options out, or index into another archive"
        )
    return store, given


def as_encoder(encoder: PathLike | Encoder, threads: int | None) -> Encoder:
    """The encoder itself, or the one of that name or folder."""
    if isinstance(encoder, str | os.PathLike):
        return encoders.load(encoder if isinstance(encoder, str) else Path(encoder), threads)
    return encoder


def paths(sources: PathLike | Sequence[PathLike]) -> list[Path]:
    """One source or several, as paths."""
    return [Path(source) for source in ([sources] if isinstance(sources, str | os.PathLike) else sources)]


def several(names: str | Sequence[str]) -> list[str]:
    """One name or several."""
    return [names] if isinstance(names, str) else list(names)


def places(sources: PathLike | Sequence[PathLike]) -> list[Place]:
    """One source or several, as paths and addresses."""
    return [place(source) for source in ([sources] if isinstance(sources, str | os.PathLike) else sources)]


def check(sources: PathLike | Sequence[PathLike], assets: Sequence[str] = ()) -> None:
    """Raise `InputError` for sources that do not exist: a scan looks at all of them before it begins."""
    next(scan(places(sources), on_skip=lambda _path, _reason: None, assets=assets), None)


def _tiling(
    before: Tiling,
    tile_size: int | None,
    overlap: int | None,
    min_valid: float | None,
    bands: Sequence[int] | None,
    levels: int | None,
    stretch: Sequence[float] | None,
) -> Tiling:
    size = before.size if tile_size is None else tile_size
    stride = before.stride if tile_size is None else None
    if overlap is not None:
        if not 0 <= overlap < size:
            raise InputError(f"overlap {overlap}: give 0 to {size - 1} pixels, less than the size of a tile")
        stride = size - overlap
    return replace(
        before,
        size=size,
        stride=None if stride == size else stride,
        min_valid=before.min_valid if min_valid is None else min_valid,
        bands=before.bands if bands is None else tuple(bands),
        levels=before.levels if levels is None else levels,
        stretch=before.stretch if stretch is None else _limits(stretch),
    )


def _limits(stretch: Sequence[float]) -> tuple[float, float]:
    if len(stretch) != 2:
        raise InputError(f"stretch {stretch}: give two values, the one shown black and the one shown white")
    return float(stretch[0]), float(stretch[1])


def _described(tiling: Tiling) -> str:
    overlap = 0 if tiling.stride is None else tiling.size - tiling.stride
    bands = "" if tiling.bands is None else f", bands {','.join(map(str, tiling.bands))}"
    levels = "" if tiling.levels == 1 else f", {tiling.levels} levels"
    stretch = "" if tiling.stretch is None else ", stretched from {:g} to {:g}".format(*tiling.stretch)
    return (
        f"tiles of {tiling.size} pixels, overlap {overlap}{levels}, least valid share "
        f"{tiling.min_valid}{bands}{stretch}"
    )
