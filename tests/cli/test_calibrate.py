"""`calibrate`: from a captioned split to scores that a search can be cut by."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from swath.encoders import read_card
from tests.cli.conftest import Run
from tests.tiny import COLOURS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A captioned data set in the Karpathy layout: six pictures of every colour."""
    rng = np.random.default_rng(2)
    folder = tmp_path / "paint"
    (folder / "imgs").mkdir(parents=True)
    images = []
    for name, colour in COLOURS.items():
        for number in range(6):
            noisy: NDArray[np.float64] = np.array(colour) + rng.normal(0, 40, (32, 32, 3))
            file = f"{name}_{number}.png"
            Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / "imgs" / file)
            captions = (f"a {name} field", f"{name} number {number}")
            sentences = [{"raw": raw, "tokens": raw.split()} for raw in captions]
            images.append({"filename": file, "split": "val", "sentences": sentences})
    (folder / "dataset.json").write_text(json.dumps({"dataset": "paint", "images": images}))
    return folder


@pytest.fixture
def encoder(tiny_home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_home / "encoders" / "base", tmp_path / "mine")


def test_fits_are_shown_drawn_and_written(run: Run, encoder: Path, data: Path, tmp_path: Path) -> None:
    before = read_card(encoder)
    linked = tmp_path / "linked.json"  # as an archive keeps it
    linked.hardlink_to(encoder / "card.json")
    ended = run("calibrate", encoder, "--data", f"captions:val:{data}", "--prior", 0.1, "--plot", "c.svg")
    assert ended.code == 0, ended.err
    assert ended.out.split("\n")[0].split() == [
        *("pipeline", "query", "queries", "intercept", "raw", "dense", "prior", "error")
    ]
    assert ended.out.split("\n")[1].split()[:3] == ["dense", "words", "49"]
    assert Path("c.svg").read_text().startswith("<svg")
    assert read_card(encoder) == before

    ended = run("calibrate", encoder, "--data", f"captions:val:{data}", "--prior", 0.1, "--write")
    assert (ended.code, ended.err.splitlines()[-1]) == (0, f"written into {encoder / 'card.json'}")
    fit = read_card(encoder).calibration["dense"]["words"]
    assert (fit.prior, fit.queries, fit.data) == (0.1, 49, ("captions val",))
    assert fit != before.calibration["dense"]["words"]
    assert "captions val" not in linked.read_text()

    assert run("index", data / "imgs", "--archive", "a", "--encoder", encoder).code == 0
    hits = json.loads(run("search", "a", "a red field", "--min-score", 0.2, "-k", 42, "--json").out)["hits"]
    assert 0 < len(hits) < 42 and all(hit["score"] >= 0.2 for hit in hits)
    nothing = run("search", "a", "a red field", "--min-score", 1)
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err == "nothing was found with a score of 1 or more\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing option '--data'"),
        (["--data", "captions"], "'captions' is not NAME:SPLIT:DIR"),
        (["--data", "nowhere:val:."], "no captioned data set is called 'nowhere'"),
        (["--data", "captions:val:{data}", "--prior", "2"], "between 0 and 1"),
        (["--data", "captions:val:{data}", "--pipeline", "dens"], "unknown stage"),
    ],
)
def test_what_cannot_be_fitted(run: Run, encoder: Path, data: Path, arguments: list[str], says: str) -> None:
    ended = run("calibrate", encoder, *(argument.format(data=data) for argument in arguments))
    assert ended.code == 2 and says in ended.err
