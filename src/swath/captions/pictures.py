"""Finding the picture of a name, and telling by its header whether it is one."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

SUFFIXES = (".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg")
"""What a picture may be called instead; where several exist, the earlier (lossless) one is taken."""


class PictureFolder:
    """The files of a folder and of its subfolders, found by name or by name under another suffix.

    It is listed once, so that thousands of names are looked up without asking the file system for each;
    and a name that leads out of the folder is simply not found.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, Path] = {}
        self._by_stem: dict[str, Path] = {}
        self._deeper: dict[str, Path | None] = {}
        seen = {os.path.realpath(folder)}
        for parent, folders, names in os.walk(folder, followlinks=True):
            # A link may lead to a folder that is above it, or was listed before.
            folders[:] = sorted(name for name in folders if os.path.realpath(Path(parent, name)) not in seen)
            seen.update(os.path.realpath(Path(parent, name)) for name in folders)
            for name in names:
                path = Path(parent, name)
                self._files[path.relative_to(folder).as_posix()] = path
        known = [name for name in self._files if PurePosixPath(name).suffix.lower() in SUFFIXES]
        known.sort(key=lambda name: (SUFFIXES.index(PurePosixPath(name).suffix.lower()), name))
        for name in known:
            self._by_stem.setdefault(_stem(name), self._files[name])
        for name, path in self._by_stem.items():
            bare = PurePosixPath(name).name
            self._deeper[bare] = None if bare in self._deeper else path

    def find(self, name: str) -> Path | None:
        """The picture called `name`, or that with another suffix; else the same without its first folders.

        Last, the one picture of that name in any subfolder: where there are two, neither is taken.
        """
        parts = PurePosixPath(name).parts
        for start in range(len(parts)):
            candidate = "/".join(parts[start:])
            found = self._files.get(candidate) or self._by_stem.get(_stem(candidate))
            if found is not None:
                return found
        return self._deeper.get(_stem(PurePosixPath(name).name))


def defect(path: Path) -> str | None:
    """Why a file cannot be a picture, from its header alone; None where it looks like one."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path):
            return None
    except UnidentifiedImageError:
        return "damaged: the file does not begin like a picture"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"damaged: {error}"


def _stem(name: str) -> str:
    head, dot, tail = name.rpartition(".")
    return head if dot and "/" not in tail else name
