"""Anybody's captions: JSON, JSON lines, CSV, TSV and Parquet, with the paths and quotes that people write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swath.captions import Record, load, read
from swath.errors import CaptionsError
from tests.captions import lookalike

ENTRIES: list[dict[str, Any]] = [
    {"image": "a.png", "captions": ["red roofs", "a red town"], "split": "train", "class": "town"},
    {"image": "b.png", "captions": ["a green field"], "split": "validation", "class": None},
    {"image": "c.png", "captions": [], "split": "test", "class": "sea"},
]
RECORDS = [
    Record("a.png", "train", ("red roofs", "a red town"), "town"),
    Record("b.png", "val", ("a green field",), None),
    Record("c.png", "test", (), "sea"),
]


def write(file: Path, entries: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".json":
        file.write_text(json.dumps(entries))
    elif file.suffix == ".jsonl":
        file.write_text("".join(f"{json.dumps(entry)}\r\n\n" for entry in entries))
    else:
        pq.write_table(pa.Table.from_pylist(entries), file)
    return file


def records(root: Path) -> list[Record]:
    return list(read("captions", root).records)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_lists_of_captions(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"all{suffix}", ENTRIES)
    assert records(file) == records(tmp_path) == RECORDS


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_tables_with_split_and_class_and_several_columns_of_captions(tmp_path: Path, separator: str) -> None:
    lines = [
        ("Image_Path", "caption_1", "Caption_2", "split", "label", "note"),
        ("a.png", "red roofs", "a red town", "train", "town", ""),
        ("b.png", "a green field", "", "VAL", "", "x"),
    ]
    (tmp_path / "x.csv").write_text("\n".join(separator.join(line) for line in lines) + separator)
    assert records(tmp_path) == [
        Record("a.png", "train", ("red roofs", "a red town"), "town"),
        Record("b.png", "val", ("a green field", ""), None),
    ]


def test_files_are_splits_where_lines_say_none(tmp_path: Path) -> None:
    for name in ("train-00000-of-00001", "my_validation", "Test", "fold7"):
        write(tmp_path / f"{name}.parquet", [{"file_name": f"{name}.png", "text": "words"}])
    assert [(record.name, record.split) for record in records(tmp_path)] == [
        ("train-00000-of-00001.png", "train"),
        ("my_validation.png", "val"),
        ("Test.png", "test"),
        ("fold7.png", "fold7"),
    ]


def test_absolute_paths_of_somebody_elses_machine(tmp_path: Path) -> None:
    """Names keep the folders that tell pictures apart, and the pictures are found in those folders."""
    for home in ("/home/someone/data/", "D:\\data\\", "\\\\server\\share\\data\\"):
        names = [
            f"{home}{'/' if '/' in home else chr(92)}".rstrip("/\\") + end
            for end in ("/red/1.jpg", "/blue/1.jpg")
        ]
        if "\\" in home:
            names = [name.replace("/", "\\") for name in names]
        file = write(
            tmp_path / "x.jsonl", [{"filepath": name, "title": "words", "split": "test"} for name in names]
        )
        for colour in ("red", "blue"):
            lookalike.picture(tmp_path / "images" / colour / "1.png", colour)
        dataset = load("captions", file, "test")
        assert [image.name for image in dataset.images] == ["red/1.jpg", "blue/1.jpg"]
        assert [image.path.parent.name for image in dataset.images] == ["red", "blue"]
        assert not dataset.missing


def test_pictures_lie_in_a_folder_or_beside(tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", [{"file_name": "deep/a.jpg", "text": "words", "split": "test"}])
    lookalike.picture(tmp_path / "pictures" / "deep" / "a.png", "red")
    assert load("captions", file, "test").images[0].path == tmp_path / "pictures" / "deep" / "a.png"
    lookalike.picture(tmp_path / "imgs" / "deep" / "a.png", "red")
    assert load("captions", file, "test").images[0].path == tmp_path / "imgs" / "deep" / "a.png"


def test_odd_quotes_and_letters_survive(tmp_path: Path) -> None:
    texts = ['the "old" town', "a “curly” one", "commas, too", "two\nlines", "Дом 家 🏠", " \u2028 ", "it's"]
    (tmp_path / "x.csv").write_bytes(
        b"\xef\xbb\xbffilename,caption\r\n"
        + "".join(f'a.png,"{text.replace(chr(34), chr(34) * 2)}"\r\n' for text in texts).encode()
    )
    assert records(tmp_path)[0].captions == tuple(texts)
    (tmp_path / "x.csv").unlink()
    write(tmp_path / "x.jsonl", [{"image": "a.png", "caption": text} for text in texts])
    assert records(tmp_path)[0].captions == tuple(texts)


def test_lines_may_end_as_old_computers_ended_them(tmp_path: Path) -> None:
    """A tab in a caption does not make a table of commas one of tabs."""
    (tmp_path / "x.csv").write_bytes(b"image,caption\ra.png,red\troofs\rb.png,a field\r")
    assert [(one.name, one.captions) for one in records(tmp_path / "x.csv")] == [
        ("a.png", ("red\troofs",)),
        ("b.png", ("a field",)),
    ]


def test_utf_16_as_spreadsheets_write_it(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes("filename\tcaption\na.png\tdas Dorf am Fluß\n".encode("utf-16"))
    assert records(tmp_path)[0].captions == ("das Dorf am Fluß",)


def test_pictures_inside_of_parquet_are_known_by_their_paths(tmp_path: Path) -> None:
    entries = [{"image": {"bytes": b"\x89PNG", "path": "a.png"}, "caption": "words", "label": 3}]
    (record,) = records(write(tmp_path / "test.parquet", entries))
    assert (record.name, record.split, record.label) == ("a.png", "test", "3")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"filename,caption\na.png,caf\xe9\n", r"x\.csv is not text in UTF-8.*line 2.*convert"),
        (
            "x.csv",
            b'filename,caption\na.png,"never closed\nb.png,x\n',
            r"x\.csv, line 2: unexpected end of data",
        ),
        ("x.csv", b'filename,caption\na.png,"a "big" one"\n', r"line 2: .*doubled"),
        ("x.csv", b"filename,caption\na.png,one, two\n", r"line 2: expected .* 3 values for 2 columns"),
        ("x.csv", b"image,caption,Caption\na.png,one,two\n", r"several columns 'Caption'.*caption_1"),
        ("x.tsv", b"image\timage\tcaption\na.png\tb.png\tone\n", r"several columns 'image'"),
        ("x.jsonl", b'{"a":' * 100_000, r"line 1: is not a JSON object"),
        ("x.json", b'{"images": [{"filename": ' + b"[" * 100_000, r"x\.json is not an annotation file"),
        ("x.csv", b"id,words\n1,x\n", r"has the columns id, words; one of filepath"),
        (
            "x.jsonl",
            b'{"image": "a.png", "caption": "x"}\n{"image": \n',
            r"x\.jsonl, line 2: is not a JSON object",
        ),
        ("x.jsonl", b'["a.png", "x"]\n', r"line 1: is not a JSON object"),
        ("x.jsonl", b'{"image": "a.png"}\n', r"line 1 has the columns image; .*title"),
        ("x.jsonl", b'{"image": 7, "caption": "x"}\n', r"line 1: expected a path"),
        ("x.jsonl", b'{"image": "a.png", "caption": {"en": "x"}}\n', r"'caption' must be a text or a list"),
        ("x.json", b'[{"image": "a.png", "caption": "x"}, 7]', r"x\.json: is not a JSON object"),
        ("x.parquet", b"PAR1 no", r"x\.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CaptionsError, match=says):
        read("captions", tmp_path / name)


def test_a_folder_without_captions(tmp_path: Path) -> None:
    (tmp_path / ".hidden.csv").touch()
    with pytest.raises(CaptionsError, match=r"no captions in .*JSONL, CSV, TSV or Parquet"):
        read("captions", tmp_path)


def test_a_table_without_any_line_has_no_split(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("filename,caption\n")
    with pytest.raises(CaptionsError, match="no images at all"):
        read("captions", tmp_path).split("test")
