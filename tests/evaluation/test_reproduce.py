"""The table of reproduced figures: its rows can be read, and the short ones come out on the real data."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    module = ModuleType("reproduce")
    path = str(ROOT / "scripts" / "reproduce")
    module.__dict__["__file__"] = path
    exec(compile(SourceFileLoader("reproduce", path).get_data(path), path, "exec"), module.__dict__)
    return module


def test_every_row_of_the_table_is_read(script: ModuleType) -> None:
    document = (ROOT / "docs" / "evaluation.md").read_text()
    rows = script.rows(document)
    assert len(rows) == sum(line.startswith("| `swath ") for line in document.splitlines())
    assert {row.long for row in rows} == {True, False}
    assert all(row.tolerance >= 0 and "--json -" in row.command for row in rows)


def test_figures_are_picked_out_of_a_document(script: ModuleType) -> None:
    document = {"a": [{"x": "one", "y": {"z": 3}}, {"x": "two words", "y": {"z": 4}}]}
    assert script.pick(document, "a[x=two words].y.z") == 4
    assert script.pick(document, "a.#") == 2


def test_a_figure_that_is_not_there_is_wrong(
    script: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "table.md"
    command = "swath leaks sydney=SYDNEY --no-pictures --json -"
    table.write_text(f"| `{command}` | `parts[split=val].images` | 58 | 0 | short |\n")
    monkeypatch.setitem(script.__dict__, "DOCUMENT", table)
    monkeypatch.setenv("SWATH_DATA", str(data))
    assert script.main([]) == 0
    table.write_text(f"| `{command}` | `parts[split=val].images` | 59 | 0 | short |\n")
    assert script.main([]) == 1
    table.write_text("| `swath leaks nothing=SYDNEY` | `parts.#` | 1 | 0 | short |\n")
    assert script.main([]) == 1


@pytest.mark.slow
def test_the_short_rows_come_out(
    script: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWATH_DATA", str(data))
    code = script.main([])
    assert code == 0, capsys.readouterr().out
