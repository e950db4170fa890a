"""A disk that is full, or fails once, at every call that changes the file system.

`python -m tests.archive.faults FOLDER` tries every point of every operation and prints what came of it; a
test tries some. The archive must answer as before or as afterwards, whoever asked must be told in a sentence,
and the same operation must then end as if nothing had been.
"""

from __future__ import annotations

import argparse
import errno
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from swath import archive
from swath.archive import Store
from swath.errors import ArchiveError
from swath.imagery import Tiling
from tests.archive import nursery
from tests.archive.nursery import Fault, Job, Nursery
from tests.archive.world import content, picture, pictures, raster
from tests.tiny import TinyEncoder

FAULTS = ((Fault.FAIL_FROM, errno.ENOSPC), (Fault.FAIL_ONCE, errno.EIO))
_TILING = Tiling(size=32)


@dataclass
class Outcome:
    """What came of the faults of one operation."""

    points: int = 0
    """Calls that change the file system, in an operation that succeeds."""
    faults: int = 0
    told: int = 0
    """Ended by an error of swath."""
    unharmed: int = 0
    """Succeeded all the same: what failed was tidying up."""
    failures: list[str] = field(default_factory=list)


def make_world(folder: Path) -> dict[str, Job]:
    """Sources, an archive of them that is one step behind, a second archive, and the operations to try."""
    sources = folder / "in"
    raster(pictures(sources, 8) / "scene.tif", 3)
    store = archive.create(folder / "archive", TinyEncoder(), _TILING)
    store.add([sources], TinyEncoder())
    more = folder / "more"
    for index in range(5):
        picture(more / f"{index}.png", 100 + index)
    shutil.copy2(sources / "a/000.png", more / "same.png")
    archive.create(folder / "second", TinyEncoder(), _TILING).add([more], TinyEncoder())
    path = str(folder / "archive")
    return {
        "add": Job("add", path, (str(more),)),
        "remove": Job("remove", path, (str(sources / "a"),)),
        "merge": Job("merge", str(folder / "merged"), (path, str(folder / "second"))),
        "merge into one that is there": Job("merge", path, (str(folder / "second"),)),
        "reencode": Job("reencode", path),
    }


def run(
    folder: Path,
    children: Nursery,
    *,
    only: str | None = None,
    every: int = 1,
    first: int = 1,
    seconds: float = 1e9,
) -> dict[str, Outcome]:
    """Try every `every`-th point of each operation, from the `first` on, as far as the time allows."""
    jobs, deadline = make_world(folder / "world"), time.monotonic() + seconds
    return {
        name: _try(folder, job, children, every, first, deadline)
        for name, job in jobs.items()
        if only in (None, name)
    }


def _try(folder: Path, job: Job, children: Nursery, every: int, first: int, deadline: float) -> Outcome:
    path, kept = Path(job.path), folder / "kept"
    if path.exists():
        shutil.copytree(path, kept)
    before = held(path)
    outcome = Outcome(points=children.run(job).calls)
    after = held(path)
    for at in range(first, outcome.points + 1, every):
        if time.monotonic() > deadline:
            break
        for fault, error in FAULTS:
            _restore(path, kept)
            outcome.faults += 1
            ended = children.run(Job(job.operation, job.path, job.others, fault, at, error))
            outcome.told += ended.how == "told"
            outcome.unharmed += ended.how == "done"
            for what in _wrongs(ended, path, before, after):
                outcome.failures.append(f"{fault.name} at {at}: {what}")
            # Where all was done but tidying up, there may be nothing left to do.
            was_done = held(path) == after
            again = children.run(job)
            if not (again.how == "done" or was_done) or held(path) != after:
                outcome.failures.append(f"{fault.name} at {at}: then {again.how} {again.message}")
    _restore(path, kept)
    shutil.rmtree(kept, ignore_errors=True)
    return outcome


def _wrongs(ended: nursery.Ended, path: Path, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    if ended.how not in ("told", "done") or (ended.how == "told" and len(ended.message.splitlines()) != 1):
        yield f"{ended.how}: {ended.message}"
    found = held(path)
    if found not in (before, after) and not _is_between(found, before, after):
        yield f"{len(found)} tiles that are neither what was nor what was to be"
    if ended.how == "done" and found != after:
        yield "it said that all was well"
    if (path / archive.POINTER).exists() and (problems := Store(path).verify()):
        yield f"{len(problems)} problems, such as: {problems[0]}"


def _is_between(found: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether tiles were added, which takes several commits; everything else must come at once."""
    if len(before) >= len(after):
        return False
    return (
        before.keys() <= found.keys()
        and found.keys() <= after.keys()
        and all(
            (*row[:6], *row[7:]) == (*after[one][:6], *after[one][7:]) and set(row[6]) <= set(after[one][6])
            for one, row in found.items()
        )
    )


def held(path: Path) -> dict[str, Any]:
    """All that an archive holds; nothing where there is none."""
    if not (path / archive.POINTER).exists():
        return {}
    try:
        return content(archive.open_store(path))
    except ArchiveError as error:
        return {"cannot be read": str(error)}


def _restore(path: Path, kept: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if kept.exists():
        shutil.copytree(kept, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="one operation, by its name in the output")
    parser.add_argument("--every", type=int, default=1, help="try every n-th point only")
    parser.add_argument("--first", type=int, default=1, help="begin at this point")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop trying after so long")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    library = nursery.build(options.folder)
    if library is None:
        parser.exit(1, "no C compiler (cc) was found\n")
    with Nursery(library) as children:
        found = run(
            options.folder,
            children,
            only=options.only,
            every=options.every,
            first=options.first,
            seconds=options.seconds,
        )
    print(json.dumps({name: asdict(outcome) for name, outcome in found.items()}, indent=1))  # noqa: T201
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
