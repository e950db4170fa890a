"""`bench scan` and `bench cold`: what they print and write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_scans(run: Run) -> None:
    pytest.importorskip("faiss", reason="the peers are faiss indexes: pip install 'swath[bench]'")
    sizes = ("--tiles", "60,40", "--dim", 16, "-k", 3, "--calls", 1, "--quiet")
    ended = run("bench", "scan", *sizes, "--json", "scan.json")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith("16 numbers per vector, 3 hits")
    assert [line.split()[0] for line in lines[2:10]] == ["40"] * 4 + ["60"] * 4
    assert lines[-1].startswith("memory") and "GB/s" in lines[-1]
    written = json.loads(Path("scan.json").read_text())
    assert written["format"] == "swath.scan/1" and len(written["scans"]) == 8
    ended = run("bench", "scan", *sizes, "--json", "-")
    assert json.loads(ended.out)["k"] == 3
    assert run("bench", "scan", "--tiles", 10).code == 2


def test_new_processes(run: Run, town: Path) -> None:
    ended = run("bench", "cold", town / "town.swath", "--runs", 1, "--pictures", 0, "--json", "cold.json")
    assert ended.code == 0, ended.err
    assert [line.split()[0] for line in ended.out.splitlines()] == ["search", "imports", "ratio", "first"]
    written = json.loads(Path("cold.json").read_text())
    assert written["cold"]["tiles"] == 19 and written["throughput"] is None
    ended = run("bench", "cold", "--tiles", 5, "--runs", 1, "--pictures", 3)
    assert ended.code == 0, ended.err
    assert [line.split()[0] for line in ended.out.splitlines()[-2:]] == ["index", "texts"]
    ended = run("bench", "cold", town, "--runs", 1)
    assert ended.code == 2 and "failed" in ended.err
