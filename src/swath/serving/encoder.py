"""Which encoder answers for an archive, which others may, and switching between them."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from swath import encoders
from swath.archive import ANSWERS_WITH, Store
from swath.encoders import LoadedEncoder, Space
from swath.errors import ArchiveError, EncoderError
from swath.types import Encoder

Checked = TypeVar("Checked", bound=Encoder)

_FOLDER = "encoder"


def encoder_of(store: Store, threads: int | None = None) -> LoadedEncoder | Space:
    """The encoder that an archive is asked with: the one that was switched to, or its own.

    Its own is the copy in it; without a copy, the encoder of that name, or (for imported vectors that came
    without an encoder) a `Space`, which knows examples alone.

    Raises `ArchiveError` where it is not here any more, `EncoderError` where its folder is damaged.
    """
    made_by = store.made_by
    switched = store.path / ANSWERS_WITH
    if switched.is_file():
        return checked(encoders.load(store.path / _FOLDER / switched.read_text().strip(), threads), store)
    copy = store.path / _FOLDER / made_by.revision
    if copy.is_dir():
        return encoders.load(store.encoder_folder, threads)
    if made_by.image_size == encoders.NO_PICTURES:
        return Space(made_by.name, made_by.dim)
    try:
        return checked(encoders.load(made_by.name, threads), store)
    except EncoderError as error:
        raise ArchiveError(
            f"the archive {store.path} holds no copy of its encoder {made_by.name}, and {error} "
            "Name the encoder with --encoder."
        ) from error


def checked(encoder: Checked, store: Store) -> Checked:
    """The encoder, if its words and pictures can be compared with the vectors of the archive.

    That is the revision that made them, or one that was adapted from it. Whether it is the encoder of vectors
    that were imported without one, only whoever names it can know: the dimension is all that is compared.

    Raises `EncoderError` otherwise.
    """
    made_by = store.made_by
    if made_by.image_size == encoders.NO_PICTURES:
        if encoder.dim != made_by.dim:
            raise EncoderError(
                f"the archive {store.path} holds vectors of {made_by.dim} numbers ({made_by.name}) and "
                f"{encoder.name} gives {encoder.dim}: it is not the encoder that made them"
            )
    elif made_by.revision not in (encoder.revision, getattr(encoder, "base_revision", "")):
        raise EncoderError(
            f"the archive {store.path} was made with encoder {made_by.name} "
            f"(revision {made_by.revision[:12]}), not with {encoder.name} "
            f"(revision {encoder.revision[:12]}): leave the encoder out to use the copy in the archive, "
            "or index into another archive"
        )
    return encoder


def switch(store: Store, name: str | Path | None) -> Encoder:
    """Let another encoder answer from now on: one that was adapted from the archive's own. None: its own.

    The adapted encoder is copied into the archive, nothing is encoded anew, and searches that have begun end
    as they began. Raises `EncoderError` for an encoder that does not fit, or has no folder.
    """
    path = store.path / ANSWERS_WITH
    if name is None:
        path.unlink(missing_ok=True)
        return encoder_of(store)
    encoder = encoders.load(name)
    checked(encoder, store)
    if encoder.folder is None:
        raise EncoderError(f"{encoder.name} has no folder that could be copied: export it first")
    encoders.copy_folder(encoder.folder, store.path / _FOLDER / encoder.revision)
    temporary = path.with_name(f".{ANSWERS_WITH}.new")
    temporary.write_text(encoder.revision)
    temporary.replace(path)
    return encoder
