"""The layouts in which one data set was published, and which of them a folder holds.

The official file comes first, then the text files of the AMFMN line (`precomp`), the JSON files of the PIR
and HarMA line (`pairs`), and CSV tables (`tables`). Whoever wants another one than the first names its folder
or file as the root. Pictures are found by file name, so that names, and with them the hashes of splits, are
the same in all layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from swath.captions import karpathy, pairs, precomp, tables
from swath.captions.nouns import Annotations
from swath.captions.rows import Row, gather
from swath.errors import CaptionsError


@dataclass(frozen=True, slots=True)
class Published:
    """How one data set was published."""

    name: str
    official: str
    """Name of its own annotation file."""
    pictures: tuple[str, ...]
    """Folders that its pictures may lie in, beside the annotations or one level up."""
    label: Callable[[str], str | None] = lambda _: None
    """The class of an image by its name."""
    rows: Callable[[Path], Iterable[Row]] = karpathy.rows
    """Reads the official file."""

    def read(self, root: Path) -> Annotations:
        """Read the first layout that `root` holds, or `root` itself where it is a file.

        Raises `CaptionsError` where there is none, or its files cannot be used.
        """
        source, parts = self._one(root) if root.is_file() else self._first(root)
        records = gather(chain.from_iterable(parts), self.label)
        return Annotations(source, self._pictures(root, source.parent), records)

    def _one(self, file: Path) -> tuple[Path, Sequence[Iterable[Row]]]:
        if file.suffix.lower() in (".csv", ".tsv"):
            return file, [tables.rows(file)]
        if precomp.CAPTIONS in file.stem and file.suffix == ".txt":
            return file, [precomp.rows(file)]
        with file.open("rb") as stream:
            head = stream.read(64).lstrip()
        if head.startswith(b"["):
            return file, [pairs.rows(file)]
        return file, [karpathy.rows(file) if karpathy.is_layout(head) else self.rows(file)]

    def _first(self, root: Path) -> tuple[Path, Sequence[Iterable[Row]]]:
        official = root / self.official
        # Mirrors write the same name in other cases.
        for file in (official, *sorted(root.glob("*.json"))):
            if file.name.lower() == self.official.lower() and file.exists():
                return file, [self.rows(file)]
        for folder in (root, root / "precomp", root / f"{self.name}_precomp"):
            if found := precomp.files(folder):
                return found[0], [precomp.rows(file) for file in found]
        for folder in (root, root / "finetune"):
            if found := pairs.files(folder, self.name):
                return found[0], [pairs.rows(file) for file in found]
        for folder in (root, root / "csv"):
            if found := tables.files(folder):
                return found[0], [tables.rows(file) for file in found]
        raise CaptionsError(
            f"cannot read {official}: there is no such file; nor are there SPLIT_caps.txt beside "
            f"SPLIT_filename.txt, {self.name}_SPLIT.json or a CSV table there or in precomp/, finetune/, csv/"
        )

    def _pictures(self, root: Path, beside: Path) -> Path:
        places = (root if root.is_dir() else beside, beside, beside.parent)
        found = (place / name for place in dict.fromkeys(places) for name in self.pictures)
        return next((folder for folder in found if folder.is_dir()), places[0] / self.pictures[0])
