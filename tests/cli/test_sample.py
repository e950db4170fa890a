"""`sample`, and from there to the first hit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Run


def test_sample_hands_on_folder_and_seed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def render(folder: Path, seed: int) -> SimpleNamespace:
        seen.extend([folder, seed])
        return SimpleNamespace(folder=folder, scenes=(1, 2), truth=folder / "truth.geojson")

    monkeypatch.setattr("swath.imagery.sample.render", render)
    ended = run("sample", "world", "--seed", 5)
    assert ended.out == "2 scenes and truth.geojson in world\n"
    assert "swath index world --archive world.swath" in ended.err
    assert seen == [Path("world"), 5]
    assert run("sample", "world", "-q").err == ""


@pytest.mark.slow
def test_first_run(run: Run) -> None:
    assert run("sample", "world", "-q").code == 0
    assert run("index", "world", "--archive", "world.swath", "-q").code == 0
    ended = run("search", "world.swath", "blue", "-k", 5, "--sheet", "hits.html")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 6
