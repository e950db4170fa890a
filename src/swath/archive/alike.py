"""Whether archives go together: what one search, or one archive, can hold of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from swath.archive import pointer
from swath.archive.pointer import Pointer
from swath.errors import ArchiveError


def check_alike(paths: Sequence[Path]) -> list[Pointer]:
    """What was committed to the archives last.

    Raises `ArchiveError` where their vectors cannot be compared, or an attribute has two kinds.
    """
    states = [pointer.read(path) for path in paths]
    first = states[0]
    kinds: dict[str, tuple[str, Path]] = {}
    for path, state in zip(paths, states, strict=True):
        if (state.encoder.revision, state.geometry) != (first.encoder.revision, first.geometry):
            raise ArchiveError(
                f"{path} was made with encoder {state.encoder.name} (revision {state.encoder.revision[:12]}) "
                f"and {paths[0]} with {first.encoder.name} (revision {first.encoder.revision[:12]}): their "
                "vectors cannot be compared; `swath reencode` one of them with the other's encoder first"
            )
        for name, kind in state.attributes.items():
            known, where = kinds.setdefault(name, (kind, path))
            if kind != known:
                raise ArchiveError(
                    f"attribute {name!r} is a {kind} in {path} and a {known} in {where}: index the sources "
                    "of one of them again, with another name for it"
                )
    return states
