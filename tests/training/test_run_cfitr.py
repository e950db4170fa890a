"""From captions over an encoder to heads to a search: the whole way of CFITR, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import swath
from swath.encoders import OnnxEncoder
from swath.errors import InputError
from swath.search import parse
from swath.training import run_dual as running
from swath.training.run import export_run, train
from tests.captions import lookalike
from tests.training import test_run

HEADS = {
    "hash.bits": [16, 128],
    "hash.hidden": 8,
    "joint.width": 8,
    "joint.blocks": 1,
    "joint.heads": 2,
    "joint.lfem": 4,
    "negatives.images": 4,
    "negatives.mined_with": 16,
    "negatives.pool": 3,
    "optimiser.epochs": 2,
    "optimiser.batch": 4,
}


def test_train_heads_install_them_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running, "load_trunks", test_run.trunks)
    roots = {"rsicd": lookalike.rsicd(tmp_path / "rsicd"), "ucm": lookalike.ucm(tmp_path / "ucm")}
    dual = train("base", roots, changes={**test_run.CHANGES, "data.rendered": 0, "optimiser.epochs": 1})
    with pytest.raises(InputError, match="name the encoder folder to make"):
        export_run(dual.folder, None)
    folder = export_run(dual.folder, tmp_path / "mine")
    before = OnnxEncoder(folder)

    changes = {**HEADS, "encoder": str(folder)}
    told: list[str] = []
    run = train("cfitr", roots, changes=changes, progress=lambda done, total, what: told.append(what))
    assert set(run.figures) == {
        f"{name} {part} mr" for name in ("rsicd", "ucm") for part in ("hash", "cross")
    }
    assert {"encoding rsicd:train", "encoding texts"} <= set(told)
    facts = json.loads((run.folder / "facts.json").read_text())
    assert facts["encoder"] == before.revision and [one["name"] for one in facts["data"]] == ["rsicd", "ucm"]
    again: list[str] = []
    assert train("cfitr", roots, changes=changes, progress=lambda *told: again.append(told[2])) == run
    assert not [what for what in again if what.startswith("encoding")], "kept from before"
    with pytest.raises(InputError, match="trains heads of one encoder"):
        train("cfitr", roots, changes=changes, processes=2)

    assert export_run(run.folder, None) == folder / "heads" / "cfitr"
    archive = swath.index(roots["rsicd"] / "RSICD_images", tmp_path / "a.swath", folder)
    assert archive.encoder.revision == before.revision
    spec = "hash128(bias=ppsr):140 > exact(bias=csls):20 > cross(blend=0.3)"
    assert str(parse("cfitr", OnnxEncoder(folder).presets)) == spec
    assert len(archive.search("a red field", k=3, pipeline="cfitr", collapse=False)) == 3
