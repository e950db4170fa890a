"""Lines where there is no terminal."""

from __future__ import annotations

import pytest

from swath.cli.output import duration, size
from swath.cli.progress import Lines, progress


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
