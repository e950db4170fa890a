"""Clean splits and unions: what is left out, what is refused, and that the files are read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from swath.captions import Annotations, load, read
from swath.errors import CaptionsError, InputError
from swath.evaluation import clean_split, find_leaks, union, write_split, write_union
from swath.evaluation.splits import Sets, leaking
from tests.captions import lookalike
from tests.evaluation.test_leaks import noted
from tests.evaluation.test_phash import scene


def two_sets(folder: Path) -> Sets:
    """Set b's training images: tied to a's test, a copied picture of a's test, tied to a's train, clean."""
    a = noted(
        folder / "a",
        train={"1.png": ["a long road", "two boats"]},
        test={"2.png": ["a red field", "many trees"], "3.png": ["c"]},
    )
    b = noted(
        folder / "b",
        train={
            "tied.png": ["A red field.", "many trees!", "x"],
            "copy.png": ["y"],
            "road.png": ["a long road", "two boats"],
            "clean.png": ["a red field", "z"],
        },
        test={"own.png": ["a red field", "z"]},
    )
    for name, seed in (("a/1", 1), ("a/2", 2), ("a/3", 3), ("b/tied", 4), ("b/copy", 3), ("b/road", 5)):
        picture(folder / f"{name}.png", seed)
    for name, seed in (("b/clean", 6), ("b/own", 7)):
        picture(folder / f"{name}.png", seed)
    return [("a", "a", a), ("b", "b", b)]


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(scene(seed)).save(path)


def test_what_leaks_into_which_part(tmp_path: Path) -> None:
    report = find_leaks(two_sets(tmp_path))

    assert leaking(report, "b train", ["a test"]) == {"tied.png", "copy.png"}
    assert leaking(report, "b train", ["a train"]) == {"road.png"}
    assert leaking(report, "a test", ["b train"]) == {"2.png", "3.png"}
    # words that repeat within one set are no leak, though the images share two of them
    assert leaking(report, "b train", ["b test"]) == frozenset()


def test_a_clean_split_is_written_named_and_read_again(tmp_path: Path) -> None:
    root = lookalike.rsitmd(tmp_path / "rsitmd")
    official = noted(tmp_path, test={"c.jpg": ["A GREY field", "the land here is grey"]})
    sets = [("rsitmd", "rsitmd", read("rsitmd", root)), ("rsicd", "rsicd", official)]
    report = find_leaks(sets, pictures=False)
    made = clean_split(report, sets, "rsitmd train", name="train-clean")
    write_split(made, root / "clean.json", "rsitmd")

    assert (made.dropped, made.against) == (("bridge_942.tif",), ("rsitmd test", "rsicd test"))
    again = load("rsitmd", root / "clean.json", "train-clean")
    assert [(image.name, image.label) for image in again.images] == [("park_7.tif", "park")]
    assert again.split_hash == made.content
    assert json.loads((root / "clean.json").read_text())["made"]["leaks"] == report.digest
    with pytest.raises(CaptionsError, match="cannot write the split"):
        write_split(made, root / "no" / "clean.json", "rsitmd")


def test_what_cannot_be_cleaned(tmp_path: Path) -> None:
    sets = two_sets(tmp_path)
    report = find_leaks(sets)
    with pytest.raises(InputError, match="does not look at b val; it looks at a train, a test, b train"):
        clean_split(report, sets, "b val", name="v")
    with pytest.raises(InputError, match="all 2 images of a test are in b train: nothing is left"):
        clean_split(report, sets, "a test", name="t", against=["b train"])
    with pytest.raises(InputError, match="name other parts"):
        clean_split(report, sets, "a test", name="t", against=["a test"])
    changed = noted(tmp_path / "a", train={"1.png": ["other words"]})
    with pytest.raises(InputError, match="the report was made of another a train"):
        clean_split(report, [("a", "a", changed)], "a train", name="t")


def test_a_union_that_holds_test_images_is_refused_unless_told(tmp_path: Path) -> None:
    sets = two_sets(tmp_path)
    report = find_leaks(sets)
    with pytest.raises(InputError, match="would train on test images: 2 images of b train are in a test"):
        union(report, sets)
    dropped, kept = union(report, sets, tied="drop"), union(report, sets, tied="keep")

    assert [record.name for record in dropped.records] == ["a/1.png", "b/road.png", "b/clean.png"]
    assert (dropped.dropped, dropped.kept) == (("b/copy.png", "b/tied.png"), ())
    assert len(kept.records) == 5 and kept.kept == dropped.dropped and kept.dropped == ()
    assert dropped.leaks == kept.leaks == report.digest
    with pytest.raises(InputError, match="a union is for training"):
        union(report, sets, split="test")


def test_a_union_is_a_data_set(tmp_path: Path) -> None:
    sets = two_sets(tmp_path)
    made = union(find_leaks(sets), sets, tied="drop")
    folders = {name: annotations.folder for name, _, annotations in sets}
    for _ in range(2):  # made again, its links are renewed
        write_union(made, tmp_path / "both", "a+b", folders)
    both = load("captions", tmp_path / "both", "train")

    assert [image.name for image in both.images] == ["a/1.png", "b/road.png", "b/clean.png"]
    assert both.skipped == () and both.split_hash == made.content
    facts = json.loads((tmp_path / "both" / "dataset.json").read_text())["made"]
    assert (facts["dropped"], facts["against"]) == (["b/copy.png", "b/tied.png"], ["a test", "b test"])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make the union"):
        write_union(made, tmp_path / "file", "a+b", folders)


def test_layouts_that_disagree_are_cleaned_by_names(tmp_path: Path) -> None:
    official = noted(tmp_path, train={"a": ["1"], "b": ["2"]}, val={"c": ["3"]})
    other = noted(tmp_path, val={"a": ["1"], "c": ["3"]})
    sets: list[tuple[str, str, Annotations]] = [("it", "it", official), ("it#2", "it", other)]
    made = clean_split(
        find_leaks(sets, pictures=False), sets, "it#2 val", name="val-clean", against=["it train"]
    )
    assert [record.name for record in made.records] == ["c"]


def test_the_real_union_of_rsicd_and_rsitmd(data: Path) -> None:
    folder = data / "annotations"
    sets = [(name, name, read(name, folder / name)) for name in ("rsicd", "rsitmd")]
    report = find_leaks(sets, pictures=False)
    with pytest.raises(
        InputError,
        match="56 images of rsicd train are in rsitmd test; 229 images of rsitmd train are in rsicd test",
    ):
        union(report, sets)
    made = union(report, sets, tied="drop")
    assert (len(made.records), len(made.dropped)) == (8734 + 4291 - 56 - 229, 56 + 229)
