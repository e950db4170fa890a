"""Running commands: in this process, or as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swath.cli import main
from tests.tiny import paint


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(
    tmp_path: Path, tiny_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run `swath` in this process, in an empty folder, with the tiny encoder as `base`."""
    monkeypatch.setenv("SWATH_HOME", str(tiny_home))
    monkeypatch.delenv("SWATH_DEBUG", raising=False)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "2"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def scenes(run: Run) -> Path:
    """Seven flat colours, in the folder that commands run in."""
    return paint(Path("scenes"))


def start(code: str, home: Path, folder: Path, **more: Any) -> subprocess.Popen[str]:
    """A new process that runs Python code, with pipes as stdout and stderr."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "SWATH_HOME": str(home), **more.pop("env", {})},
        **more,
    )


def as_program(*arguments: object) -> str:
    """Python code that runs `swath` the way its script does."""
    words = [str(argument) for argument in arguments]
    return f"import sys\nfrom swath.cli import main\nsys.exit(main({words!r}))"
