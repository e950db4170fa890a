"""Processes that change an archive and suffer for it: killed, or refused by the disk, at a named point.

One process imports everything and forks a child for each job, so that a child costs milliseconds. A small C
library (`faults.c`) is loaded before all others and counts the calls that change the file system: writes,
truncations, syncs, renames, links, new files and folders, removals, of Python and of Lance alike.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType

from swath import archive
from swath.errors import SwathError
from tests.archive.world import SlowEncoder
from tests.tiny import TinyEncoder

_REPOSITORY = Path(__file__).parents[2]


class Fault(IntEnum):
    """What happens at the point; the numbers are those of `faults.c`."""

    NONE = 0
    FAIL_FROM = 1
    """This call and all later ones fail: a disk that is full."""
    FAIL_ONCE = 2
    KILL_BEFORE = 3
    KILL_AFTER = 4


@dataclass(frozen=True)
class Job:
    """An operation on `path`, and the fault that it meets below `path`."""

    operation: str
    path: str
    others: tuple[str, ...] = ()
    """Sources to add or remove, archives to merge."""
    fault: int = Fault.NONE
    point: int = 0
    error: int = errno.ENOSPC
    kill_after: float | None = None
    """Seconds after which the child is killed, wherever it is."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: `done`, `told` (by an error of swath), `crashed` (by any other), `killed`."""

    how: str
    message: str
    calls: int
    """Calls that changed the file system; only of a child that was not killed."""


class OtherEncoder(TinyEncoder):
    """Vectors of another length, from other weights."""

    name = "other"
    dim = 48

    def __init__(self) -> None:
        super().__init__(seed=1)


def _add(path: Path, others: list[Path]) -> None:
    archive.open_store(path).add(others, SlowEncoder(0.002), batch=8, commit_every=0.03)


def _remove(path: Path, others: list[Path]) -> None:
    archive.open_store(path).remove(others)


def _merge(path: Path, others: list[Path]) -> None:
    archive.merge(path, others)


def _reencode(path: Path, _others: list[Path]) -> None:
    archive.open_store(path).reencode(OtherEncoder(), batch=8, commit_every=0.03)


OPERATIONS: dict[str, Callable[[Path, list[Path]], None]] = {
    "add": _add,
    "remove": _remove,
    "merge": _merge,
    "reencode": _reencode,
}


def perform(job: Job) -> None:
    """Do what a job says, in this process and in peace."""
    OPERATIONS[job.operation](Path(job.path), [Path(other) for other in job.others])


def build(folder: Path) -> Path | None:
    """The compiled library, None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


class Nursery:
    """Context manager over the process that forks."""

    def __init__(self, library: Path) -> None:
        self._environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "LANCE_LOG": "error",  # it warns of what cannot be tidied up
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": str(_REPOSITORY),
        }

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.archive.nursery"],
            cwd=_REPOSITORY,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def start(self, job: Job) -> None:
        """Begin a job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()

    def wait(self, seconds: float | None = None) -> Ended | None:
        """How the job that was started last ended; None where it has not, after so many seconds."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return None
        line = self._process.stdout.readline()
        assert line, "the nursery ended early"
        return Ended(**json.loads(line))

    def run(self, job: Job) -> Ended:
        """Start a job and wait for it."""
        self.start(job)
        ended = self.wait()
        assert ended is not None
        return ended


def _serve() -> None:
    # Lance warns of forks because its threads would be missing; here it has none before.
    warnings.filterwarnings("ignore", "lance is not fork-safe")
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for name in ("builder", "edit", "merging", "reencode", "verify"):
        __import__(f"swath.archive.{name}")
    __import__("rasterio")
    for line in sys.stdin:
        job = Job(**json.loads(line))
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            ended = _live(job, library)
            os.write(write, json.dumps(asdict(ended)).encode())
            os._exit(0)
        os.close(write)
        if not select.select([read], [], [], job.kill_after)[0]:
            os.kill(child, signal.SIGKILL)
        with os.fdopen(read, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            how = "killed" if os.WTERMSIG(status) == signal.SIGKILL else "crashed"
            answer = json.dumps(asdict(Ended(how, f"signal {os.WTERMSIG(status)}", 0))).encode()
        print(answer.decode(), flush=True)  # noqa: T201  this is how it answers


def _live(job: Job, library: ctypes.CDLL) -> Ended:
    library.swath_arm(os.fsencode(job.path), ctypes.c_long(job.point), job.fault, job.error)
    how, message = "done", ""
    try:
        perform(job)
    except SwathError as error:
        how, message = "told", str(error)
    except BaseException:  # noqa: BLE001  reported as what it is: a crash
        how, message = "crashed", traceback.format_exc()
    calls = library.swath_count()
    library.swath_arm(b"", 0, 0, 0)
    return Ended(how, message, calls)


if __name__ == "__main__":
    _serve()
