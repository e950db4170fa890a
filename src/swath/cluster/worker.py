"""What runs on the workers of a cluster."""

from __future__ import annotations

import socket
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from swath.archive import Unit
from swath.errors import ClusterError
from swath.types import Encoder


def encode(unit: Unit, threads: int, swath: str) -> None:
    """Encode a unit, with the encoder that this process keeps from one to the next.

    Raises `ClusterError` where this worker has another swath or does not see the archive.
    """
    from swath.archive import encode_unit

    here = socket.gethostname()
    own = version("swath")
    if own != swath:
        raise ClusterError(
            f"the workers on {here} have swath {own}, and this is swath {swath}: install the same version"
        )
    if not unit.path.parent.is_dir():
        raise ClusterError(
            f"the workers on {here} do not see {unit.path.parent}: archive and sources must be on a file "
            "system that all machines share, at the same paths"
        )
    encode_unit(unit, _encoder(unit.encoder, threads), threads=threads)


@lru_cache(1)
def _encoder(folder: Path, threads: int) -> Encoder:
    """By its folder, which is named by what is in it."""
    from swath import encoders

    return encoders.load(folder, threads)
