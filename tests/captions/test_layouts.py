from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import Record, load, normalise, read
from swath.errors import CaptionsError
from tests.captions import lookalike


def by_split(root: Path, name: str = "rsitmd") -> dict[str, list[Record]]:
    annotations = read(name, root)
    return {split: list(annotations.split(split)) for split in annotations.splits}


def test_all_layouts_of_a_data_set_say_the_same_in_one_order(tmp_path: Path) -> None:
    expected = by_split(lookalike.rsitmd(tmp_path / "official"))

    assert list(expected) == ["train", "test"]
    assert [record.name for record in expected["train"]] == ["bridge_942.tif", "park_7.tif"]
    assert [record.label for record in expected["train"]] == ["bridge", "park"]
    assert expected["test"][0].captions == tuple(lookalike.five("blue"))
    for layout in (lookalike.precomp, lookalike.pairs, lookalike.tables):
        assert by_split(layout(tmp_path / layout.__name__)) == expected
    once = lookalike.precomp(tmp_path / "rsitmd_precomp", names_once=True)
    assert by_split(once) == expected
    assert by_split(tmp_path) == expected  # found by the folder's name


def test_the_official_file_may_be_written_in_another_case(tmp_path: Path) -> None:
    root = lookalike.rsitmd(tmp_path)
    (root / "dataset_RSITMD.json").rename(root / "dataset_rsitmd.json")
    assert list(by_split(root)) == ["train", "test"]


@pytest.mark.parametrize(
    ("separator", "header"), [("\t", ("filepath", "title")), (",", ("caption", "image", "title"))]
)
def test_tables_with_other_columns(tmp_path: Path, separator: str, header: tuple[str, ...]) -> None:
    if header[0] == "caption":
        (tmp_path / "all.csv").write_text('Caption,n,Image\r\n"red, and\nblue",1,/x/a.png\r\n,2,b.png\r\n')
        records = read("rsitmd", tmp_path).records
        assert [(r.name, r.split, r.captions) for r in records] == [
            ("a.png", "all", ("red, and\nblue",)),
            ("b.png", "all", ("",)),
        ]
    else:
        lookalike.tables(tmp_path, separator, header)
        assert list(by_split(tmp_path)) == ["train", "test"]


def test_pictures_are_found_beside_or_above_the_annotations(tmp_path: Path) -> None:
    root = lookalike.rsitmd(tmp_path)
    for layout in (lookalike.precomp(root / "precomp"), lookalike.tables(root / "csv")):
        dataset = load("rsitmd", layout, "train")
        assert [image.path for image in dataset.images] == [
            root / "images" / "bridge_942.tif",
            root / "images" / "park_7.tif",
        ]
        assert dataset.split_hash == load("rsitmd", root, "train").split_hash


def test_one_file_may_be_named_as_the_root(tmp_path: Path) -> None:
    root = lookalike.rsitmd(tmp_path)
    for file in (
        lookalike.precomp(root / "precomp") / "test_caps.txt",
        lookalike.pairs(root / "finetune") / "rsitmd_test.json",
        lookalike.tables(root / "csv") / "rsitmd_test.csv",
    ):
        assert by_split(file) == {"test": by_split(root)["test"]}
        assert len(load("rsitmd", file, "test").images) == 1


def test_an_empty_line_is_an_empty_caption_and_keeps_its_place(tmp_path: Path) -> None:
    lookalike.precomp(tmp_path)
    captions = ["one", "", "three", "four", "", "\u2028six\x0b", "7", "8", "9", "10"]
    (tmp_path / "train_caps.txt").write_bytes("\r\n".join([*captions, ""]).encode())
    records = read("rsitmd", tmp_path).split("train")

    assert records[0].captions == ("one", "", "three", "four", "")
    assert records[1].captions == ("\u2028six\x0b", "7", "8", "9", "10")


def test_folds_are_splits_of_their_own(tmp_path: Path) -> None:
    lookalike.precomp(tmp_path)
    (tmp_path / "val_caps_verify.txt").write_text("a\nb\n")
    (tmp_path / "val_filename_verify.txt").write_text("park_7.tif\npark_7.tif\n")

    assert dict(read("rsitmd", tmp_path).splits) == {"train": 2, "test": 1, "val_verify": 1}


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("train_caps.txt", "a\nb\nc\n", r"3 captions and train_filename\.txt 10 names"),
        ("train_filename.txt", "", r"10 captions and train_filename\.txt 0 names"),
        ("train_filename.txt", "\na.tif\n\n", "1 empty lines, the first of them 1"),
        ("train_filename.txt", None, "cannot read .*train_filename"),
        ("train_caps.txt", b"\xff", "not text in UTF-8"),
    ],
)
def test_text_files_that_do_not_fit(
    tmp_path: Path, file: str, content: str | bytes | None, complaint: str
) -> None:
    path = lookalike.precomp(tmp_path) / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CaptionsError, match=complaint):
        read("rsitmd", tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("rsitmd_test.json", '[{"image": "a"}]', "not a list of images and captions"),
        ("rsitmd_test.json", "[", "not a list of images and captions"),
        ("t.csv", "a,b\n1,2\n", "has the columns a, b; one of filepath, filename"),
        ("t.csv", "", "the columns of an empty file"),
        ("t.csv", "filename,title\na.jpg\n", "line 2: expected a path and a caption"),
        ("t.csv", "filename,title\n ,words\n", "line 2: expected a path and a caption"),
        ("t.csv", "filename,title\na.jpg," + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_other_files_that_do_not_fit(tmp_path: Path, file: str, content: str, complaint: str) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(CaptionsError, match=complaint):
        read("rsitmd", tmp_path)


def test_a_folder_without_any_layout(tmp_path: Path) -> None:
    with pytest.raises(CaptionsError, match=r"cannot read .*dataset_RSITMD\.json.* SPLIT_caps\.txt"):
        read("rsitmd", tmp_path)


def test_a_name_that_two_subfolders_have_is_not_guessed(tmp_path: Path) -> None:
    root = lookalike.nwpu(tmp_path)
    assert load("nwpu", root, "test").images[0].path.parent.name == "airplane"
    lookalike.picture(root / "NWPU_images" / "other" / "airplane_700.jpg", "red")
    with pytest.raises(CaptionsError, match=r"1 not found, such as airplane_700\.jpg"):
        load("nwpu", root, "test")


# Layouts of the real files that hold the same images: the first is the official one.
@pytest.mark.parametrize(
    ("name", "split", "layouts"),
    [
        ("rsicd", "test", ["rsicd", "rsicd/precomp", "rsicd/finetune"]),
        ("rsitmd", "test", ["rsitmd/precomp", "rsitmd/finetune"]),
        ("ucm", "test", ["ucm", "ucm/precomp"]),
        ("nwpu", "test", ["nwpu/precomp", "nwpu/csv"]),
    ],
)
def test_the_real_layouts_agree(data: Path, name: str, split: str, layouts: list[str]) -> None:
    said = [
        {
            record.name: sorted(map(normalise, record.captions))
            for record in read(name, data / "annotations" / each).split(split)
        }
        for each in layouts
    ]
    assert all(each == said[0] for each in said)
