"""`swath bench ann`: a table at one recall, a result file and a plot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run


def test_a_small_benchmark(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(tmp_path / "images.npy", rows[:450])
    np.save(tmp_path / "texts.npy", rows[450:])
    given = (
        "--images",
        tmp_path / "images.npy",
        "--texts",
        tmp_path / "texts.npy",
        "--out",
        tmp_path / "out",
    )
    done = run("bench", "ann", *given, "--tiles", "1000", "--peer", "swath dense", "--quiet")
    assert done.code == 0, done.err
    assert "1,000 vectors of 16 numbers" in done.out and "local dimension" in done.out
    assert "swath dense" in done.out and "1.0000" in done.out
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["format"] == "swath.ann/1" and result["peers"][0]["settings"][0]["texts"] == 1.0
    assert (tmp_path / "out" / "pareto.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("content", [b"no array", None])
def test_what_is_no_array(run: Run, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "images.npy").write_bytes(content)
    done = run("bench", "ann", "--images", tmp_path / "images.npy", "--texts", "t.npy", "--out", "o")
    assert done.code == 2 and "cannot be read as an array" in done.err
