"""`sample`."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swath.imagery.sample import render
from tests.cli.conftest import Run


def test_sample_hands_on_folder_and_seed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def rendered(folder: Path, seed: int) -> SimpleNamespace:
        seen.extend([folder, seed])
        return SimpleNamespace(folder=folder, scenes=(1, 2), truth=folder / "truth.geojson")

    monkeypatch.setattr("swath.imagery.sample.render", rendered)
    ended = run("sample", "world", "--seed", 5)
    assert ended.out == "2 scenes and truth.geojson in world\n"
    assert "swath index world --archive world.swath" in ended.err
    assert seen == [Path("world"), 5]
    assert run("sample", "world", "-q").err == ""


def test_library_takes_what_the_command_gives() -> None:
    inspect.signature(render).bind(Path("world"), 5)
