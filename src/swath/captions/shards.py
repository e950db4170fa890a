"""Pairs in tar shards (the webdataset layout), read from front to back and never unpacked.

Members that follow each other and share the name up to its first dot are one sample; the rest of the name
says what a member is. One sample is held at a time, and its members are bounded, so memory does not grow with
the shard.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from swath.errors import CaptionsError

OnSkip: TypeAlias = Callable[[str, str], None]
LARGEST = 1 << 28
"""Bytes of a member at most: more than any picture, and few enough to hold."""


def samples(
    shard: Path, wanted: Callable[[str], bool] = lambda _: True
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The samples of one tar, in its order: name, then content by kind ("jpg", "caption") in lower case.

    Members whose kind is not `wanted` are passed over unread. Raises `CaptionsError` where the tar cannot be
    read to its end.
    """
    name, parts, read = "", dict[str, bytes](), 0
    try:
        with tarfile.open(shard, "r|*") as tar:
            for member in tar:
                # A tar remembers every member that it passed, which in a long shard is what memory goes to.
                tar.members = []  # type: ignore[attr-defined]
                if not member.isfile():
                    continue
                folder, slash, last = member.name.rpartition("/")
                stem, _, kind = last.partition(".")
                key = f"{folder}{slash}{stem}"
                if key != name and parts:
                    yield name, parts
                    parts, read = {}, read + 1
                name = key
                kind = kind.lower()
                if not wanted(kind):
                    parts.setdefault("", b"")
                    continue
                if member.size > LARGEST:
                    raise CaptionsError(
                        f"{shard}: member {member.name} has {member.size:,} bytes, more than {LARGEST:,}: "
                        "that is no picture or caption"
                    )
                content = tar.extractfile(member)
                parts[kind] = content.read() if content else b""
            if parts:
                yield name, parts
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CaptionsError(
            f"{shard} cannot be read beyond {read:,} samples: {error}; fetch it again"
        ) from error
