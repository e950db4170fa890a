"""Lines where there is no terminal, bars and tables where there is one."""

from __future__ import annotations

import sys

import pytest

from swath.cli.output import duration, say_table, size
from swath.cli.progress import Bars, Lines, progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("swath.cli.progress.time.monotonic", lambda: now[0])
    return now


def test_lines_come_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for second in range(35):
        clock[0] = 100.0 + second
        lines(10 * second, 1000 if second > 15 else None, "tiles")
    assert capsys.readouterr().err.splitlines() == [
        "tiles 100, 10/s",
        "tiles 200 of 1,000, 10/s, 80 s left",
        "tiles 300 of 1,000, 10/s, 70 s left",
    ]


def test_every_kind_of_work_has_its_own_rate(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines(0, 10, "images")
    clock[0] += 9
    lines(5, 10, "epochs, loss 2")
    clock[0] += 10
    lines(6, 10, "epochs, loss 1")
    assert capsys.readouterr().err.splitlines() == ["epochs 6 of 10, 0.1/s, 40 s left, loss 1"]


def test_quiet() -> None:
    with progress(True) as shown:
        assert shown is None


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress(False) as shown:
        assert isinstance(shown, Bars)
        for done in range(3):
            shown(done, 4, "images, [b]one[/b]")
        shown(1_000, None, "tiles")
        assert [(task.description, task.fields["done"]) for task in shown._bar.tasks] == [("tiles", "1,000")]
        shown(1_000, 2_000, "tiles")
        assert shown._bar.tasks[0].fields["done"] == "1,000 of 2,000"
    assert capsys.readouterr().out == ""


def test_tables_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    say_table(("rank", "source"), [("1", "[bold]a/very/long/path/that/wraps.tif")], right=("rank",))
    out = capsys.readouterr().out
    assert "rank" in out and "[bold]a/very" in out
    assert out.count("\n") >= 3 and "".join(out.split()).endswith("wraps.tif")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (100, "100 s"), (1800, "30 min"), (9000, "2 h 30 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (123456789, "123 MB"), (5e12, "5000 GB")],
)
def test_size(count: float, text: str) -> None:
    assert size(count) == text
