"""A short run of the fuzzer, and whether it would notice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from swath.errors import InputError
from tests.fuzz import run as fuzz
from tests.fuzz.__main__ import main

INPUTS = 100


@pytest.mark.parametrize("kind", fuzz.TARGETS)
def test_odd_inputs_end_well(kind: str) -> None:
    """By success or an error of our family; a failure is looked at by the command that it prints."""
    found = [fuzz.attempt(*fuzz.kind_of(number, 0, (kind,)), None) for number in range(INPUTS)]
    bad = {number: outcome for number, outcome in enumerate(found) if not outcome.isidentifier()}
    assert not bad, f"python -m tests.fuzz --kinds {kind!r} --only {next(iter(bad))}"
    assert len(set(found)) > 1, "some inputs get through and some do not"


def _with(target: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(fuzz.TARGETS, "x", (1, lambda *_: target() and None))
    return fuzz.attempt("x", Random(0), None)


def test_every_other_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise InputError("no")

    def silent() -> None:
        raise InputError("")

    assert _with(refuse, monkeypatch) == "InputError"
    assert _with(silent, monkeypatch) == "InputError says nothing"
    assert _with(lambda: 1 / 0, monkeypatch).startswith("ZeroDivisionError")
    assert _with(lambda: 1, monkeypatch) == "done"


@pytest.mark.filterwarnings("ignore:lance is not fork-safe", "ignore:.*multi-threaded, use of fork")
def test_hangs_deaths_and_growth_are_noticed_and_outlived(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child of a test is a fork, which knows the targets that were put in here."""
    import multiprocessing

    def act(random: Random, folder: Path, data: Path | None) -> None:
        what = random.choice(("die", "hang", "fine", "fine"))
        if what == "die":
            os._exit(3)
        if what == "hang":
            time.sleep(30)

    monkeypatch.setitem(fuzz.TARGETS, "x", (1, act))
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr("multiprocessing.get_context", lambda _: fork)
    report = fuzz.run(range(12), 0, ("x",), None)
    assert sum(report.outcomes.values()) == 12
    said = " ".join(what for _, _, what in report.failures)
    assert "ended the process with code 3" in said and "took over" in said
    assert report.outcomes["x", "done"] == 12 - len(report.failures) > 0
    monkeypatch.setattr(fuzz, "MEGABYTES", 1)
    (failure,) = fuzz.run(range(1), 0, ("footprint",), None).failures
    assert "took the process to" in failure[2]


def test_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # pytest keeps its own
    monkeypatch.setattr("sys.argv", ["fuzz", "--inputs", "40", "--kinds", "card, footprint"])
    assert main() == 0
    out = capsys.readouterr().out
    assert "40 inputs from 0 to 39 of seed 0, 0 failures" in out and "EncoderError" in out
    kept = tmp_path / "kept"
    monkeypatch.setattr("sys.argv", ["fuzz", "--kinds", "trec", "--only", "1", "--keep", str(kept)])
    with suppress(InputError):
        main()
    assert sorted(path.name for path in kept.iterdir()) == ["input.json", "qrels", "run"]
