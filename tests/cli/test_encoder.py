"""`encoder check`, `encoder use`, `encoders DIR`, `adapt` and `import` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.archive.imports import tables
from tests.cli.conftest import Run


def test_check_says_what_is_right_and_wrong(run: Run, tiny_home: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_home / "encoders" / "base", tmp_path / "copy")
    (folder / "text.onnx").write_bytes((folder / "text.onnx").read_bytes() + b"\0")
    done = run("encoder", "check", folder, "--json")
    findings = {one["what"]: one for one in json.loads(done.out)["findings"]}
    assert done.code == 1 and findings["image.onnx"]["ok"] and not findings["digests"]["ok"]
    done = run("encoder", "check", tmp_path / "nowhere")
    assert done.code == 1 and "WRONG" in done.out and "1 thing wrong" in done.err


def test_encoders_of_a_folder(run: Run, tiny_home: Path, tmp_path: Path) -> None:
    done = run("encoders", tiny_home / "encoders", "--json")
    (one,) = json.loads(done.out)["encoders"]
    assert done.code == 0 and (one["name"], one["kind"], one["dim"]) == ("base", "onnx", 32)
    assert run("encoders", tiny_home / "encoders" / "base").out.splitlines()[1].startswith("base")
    assert "no encoder is in" in run("encoders", tmp_path).err
    ended = run("encoders", tmp_path / "nowhere")
    assert (ended.code, ended.out) == (2, "") and "there is no folder" in ended.err


def test_import_and_search_by_example(run: Run, tmp_path: Path) -> None:
    tables.duckdb(tmp_path / "t.parquet")
    done = run("import", "a.swath", tmp_path / "t.parquet")
    assert done.code == 0 and "vector embedding; id id; place geom" in done.out
    assert "50 tiles added" in done.out and "vectors of 16 numbers, lengths 1 to 1" in done.out
    assert "50 known" in run("import", "a.swath", tmp_path / "t.parquet").out
    from swath.archive import open_store

    tile = open_store(tmp_path / "a.swath").gallery().tile(7).id
    done = run("search", "a.swath", "--like", tile, "-k", 3, "--json", "--sheet", "s.html")
    hits = json.loads(done.out)["hits"]
    assert len(hits) == 3 and hits[0]["footprint"]["type"] == "Polygon" and Path("s.html").stat().st_size
    done = run("search", "a.swath", "--like", tile, "-k", 1, "--sheet", "s.png")
    assert done.code == 0 and " t.parquet " in done.out and done.out.rstrip()[-1].isdigit()
    done = run("search", "a.swath", "boats")
    assert done.code == 2 and "--encoder" in done.err
    assert run("show", "a.swath", tile, "--out", "x.png").code == 1
    assert run("verify", "a.swath").code == 0


def test_import_says_what_was_left_out(run: Run, tmp_path: Path) -> None:
    made = tables.vectors(3)
    made[1] = 0
    np.save(tmp_path / "v.npy", made)
    done = run("import", "a.swath", tmp_path / "v.npy", "--dry-run")
    assert "2 tiles would be added" in done.out and "1 row: the vector is all zeros" in done.err
    np.save(tmp_path / "v.npy", made * 0)
    done = run("import", "a.swath", tmp_path / "v.npy", "--dry-run")
    assert done.code == 1 and "no row" in done.err and not Path("a.swath").exists()


@pytest.fixture
def labelled(run: Run, tmp_path: Path, tiny_home: Path) -> Path:
    """An archive of forty tiles under the names of other colours."""
    from swath.encoders import OnnxEncoder

    words = ("red", "green", "blue", "yellow")
    vectors = OnnxEncoder(tiny_home / "encoders" / "base").encode_texts(words).embedding
    np.save(tmp_path / "v.npy", vectors[np.arange(40) % 4] + np.arange(40)[:, None] * 1e-4)
    lines = [f"{i},{words[(i + 1) % 4]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["id,crop", *lines]) + "\n")
    done = run("import", "l.swath", tmp_path / "t.csv", "--vectors", tmp_path / "v.npy", "--encoder", "base")
    assert done.code == 0, done.err
    return Path("l.swath")


def test_adapt_use_and_back(run: Run, labelled: Path, tmp_path: Path) -> None:
    def best() -> str:
        hits = json.loads(run("search", labelled, "red", "-k", 1, "--json").out)["hits"]
        return str(hits[0]["attributes"]["crop"])

    assert best() == "green"
    done = run("adapt", labelled, "--label", "crop", "--name", "crops", "--out", "crops")
    assert done.code == 0 and "accuracy 0.00 before" in done.out and "8 pictures held out" in done.out
    assert "swath encoder use l.swath crops" in done.err and best() == "green"
    assert "answers with crops" in run("encoder", "use", labelled, "crops").out and best() == "red"
    assert "answers with base" in run("encoder", "use", labelled).out and best() == "green"


def test_adapt_needs_to_know_what_is_known(run: Run, labelled: Path) -> None:
    assert "--label ATTRIBUTE or --captions" in run("adapt", labelled, "--name", "x").err
    assert "name of a data set with --root" in run("adapt", "ucm", "--name", "x").err


def test_devices_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATH_DEVICE", "auto")
    done = run("encoder", "check", "base", "--device", "quantum")
    assert "no device 'quantum'" in done.out + done.err
