"""Texts that people and programs write: expressions, specs, recipes, queries, captions, and JSON files."""

from __future__ import annotations

import contextlib
import json
import string
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import yaml

from swath.archive import pointer
from swath.captions import normalise
from swath.captions import read as read_captions
from swath.encoders.card import read_card
from swath.evaluation.results import read_result, to_json
from swath.evaluation.trec import judge
from swath.models.recipe import load_recipe
from swath.search import MemoryGallery, mask, parse, search, search_many
from swath.serving import read_queries
from swath.types import Footprint, Query, Tile, Window
from tests.evaluation.test_results import RETRIEVAL
from tests.fuzz.mutate import damage, disturb, garble, written
from tests.tiny import TinyEncoder

_EXPRESSIONS = (
    "cloud < 10 and time >= 2021-06",
    "not (sensor in (A, 'B 2') or cloud != 3.5) and width > 1",
    'source = "a/b.tif" or time = 2021-06-01T00:00:00Z',
    "night = true and (cloud >= -1e3)",
)
_EXPRESSION_TOKENS = (
    *(
        "and",
        "or",
        "not",
        "in",
        "=",
        "!=",
        "<=",
        ">=",
        "(",
        ")",
        ",",
        "cloud",
        "time",
        "sensor",
        "night",
        "2021",
    ),
    *("true", "'x'", "1e999", "nan", "0001-01-01", "9999-12-31", "2021-02-30", "2021-06-01T00:00:00+23:59"),
)
_SPECS = (
    "auto",
    "dense:100",
    "fuse(dense:50, dense:20; rrf)",
    "dense:10 > btgi:5",
    "hash128(bias=ppsr):100 > exact(bias=csls):20 > cross",
    "ftf",
    "fuse(dense; sum)",
)
_SPEC_TOKENS = (
    *(
        "dense",
        "btgi",
        "fuse(",
        ")",
        ";",
        ",",
        ":",
        ">",
        "rrf",
        "sum",
        "auto",
        "=",
        "{",
        "}",
        "0",
        "sgpd",
        "cfitr",
    ),
    *("true", "nan", "-1", "1_000", "beta=2", "k=5"),
)
_BOXES = (0.0, 10.0, -180.0, 180.0, 360.0, 91.0, float("nan"), float("inf"), -1e300)


@cache
def gallery() -> MemoryGallery:
    """Six tiles with attributes of every kind, some missing."""
    tiles = []
    for i in range(6):
        ring = ((i, 1.0), (i + 1.0, 1.0), (i + 1.0, 0.0), (float(i), 0.0))
        attributes: dict[str, Any] = {"cloud": i * 2.0, "sensor": "AB"[i % 2], "night": i % 2 == 0}
        time = datetime(2021, 6, 1 + i, tzinfo=UTC)
        tiles.append(
            Tile(f"{i:032x}", f"a/{i}.tif", Window(0, 0, 8, 8), Footprint(ring), time, attributes)
            if i
            else Tile(f"{i:032x}", "a/0.tif", Window(0, 0, 8, 8))
        )
    features = TinyEncoder().encode_texts([f"text {i}" for i in range(6)])
    return MemoryGallery([tile.id for tile in tiles], {"dense": features.embedding}, tiles)


def expression(random: Random) -> None:
    """A filter, and a box, asked of a gallery."""
    text = _tokens(_EXPRESSIONS, _EXPRESSION_TOKENS, random)
    box = None if random.random() < 0.7 else tuple(random.choice(_BOXES) for _ in range(4))
    allowed = mask(gallery(), text, box)  # type: ignore[arg-type]
    assert allowed is not None and allowed.shape == (6,)


def spec(random: Random) -> None:
    """A pipeline: read, written, read again, and run."""
    text = _tokens(_SPECS, _SPEC_TOKENS, random)
    parsed = parse(text)
    assert parse(str(parsed)) == parsed
    words = garble("red boats", ("NOT", "blue"), random)
    hits = search(
        gallery(), Query(texts=(words,)), TinyEncoder(), pipeline=parsed, k=random.choice((0, 1, 6, 10**9))
    )
    assert len(hits) <= 6


def recipe(random: Random, folder: Path) -> None:
    """A recipe that extends another one, and changes to it."""
    document = disturb(_RECIPE, random)
    try:
        text = yaml.safe_dump(document, allow_unicode=True)
    except RecursionError:  # what is so deep is written as JSON, which is YAML too
        text = json.dumps(document)
    path = folder / "recipe.yaml"
    content = garble(text, ("&a", "*a", "!!", "<<: ", "- ", "? ", "extends: recipe.yaml", "%"), random)
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    key = random.choice(("seed", "image.size", "loss", "x.y", ""))
    value: Any = random.choice((1, "x", None, [1], {}))
    load_recipe(path, {key: value} if random.random() < 0.3 else None)


def card(random: Random, folder: Path) -> None:
    """The card of an encoder."""
    (folder / "card.json").write_bytes(written(_CARD, random))
    read_card(folder)


def archive_pointer(random: Random, folder: Path) -> None:
    """swath.json: mostly with the checksum that fits, as a mistaken program might write it."""
    document = disturb(_POINTER, random)
    if isinstance(document, dict) and random.random() < 0.8:
        # Some numbers cannot be sealed: then the file is one with a wrong checksum.
        with contextlib.suppress(msgspec.MsgspecError):
            document["checksum"] = pointer._seal(document)
    data = json.dumps(document).encode()
    (folder / "swath.json").write_bytes(damage(data, random) if random.random() < 0.3 else data)
    pointer.read(folder)


def result(random: Random, folder: Path) -> None:
    """A result file: what is read can be written."""
    (folder / "result.json").write_bytes(written(json.loads(to_json(RETRIEVAL)), random))
    to_json(read_result(folder / "result.json"))


def queries(random: Random, folder: Path) -> None:
    """Many queries from a file, and their answers."""
    lines = [
        written(
            {"text": "red", "like": ["0" * 31, "1:2"], "where": "cloud < 5", "bbox": [0, 0, 9, 9], "id": 7},
            random,
        )
        if random.random() < 0.8
        else written({"text": ["a", "b"], "not": "blue", "unlike": "3", "image": "none.png"}, random)
        for _ in range(random.choice((1, 1, 2)))
    ]
    path = folder / random.choice(("q.jsonl", "q.jsonl", "q.txt"))
    path.write_bytes(random.choice((b"\n", b"\r\n")).join(lines))
    asked = read_queries(path)
    for found in search_many(gallery(), [one.query for one in asked], TinyEncoder(), k=3):
        assert len(found) <= 3


def captions(random: Random, folder: Path) -> None:
    """An annotation file of any layout."""
    entries = [
        {"image": f"{i}.png", "caption": ["a red", 'the "old" one'], "split": "test"} for i in range(2)
    ]
    sentences = [{"raw": "red", "tokens": ["red"]}]
    karpathy = {"images": [{"filename": "1.png", "split": "test", "sentences": sentences}]}
    table = 'filename,title,split\n1.png,"a ""red"" one",test\n/x/2.png,x,\n'
    name = random.choice(("a.json", "a.json", "a.jsonl", "a.csv", "a.tsv", "a.parquet"))
    if name == "a.json":
        content = written(random.choice((karpathy, entries)), random)
    elif name == "a.jsonl":
        content = b"\n".join(written(entry, random) for entry in entries)
    elif name == "a.parquet":
        content = damage(_parquet(), random)
    else:
        text = table if name == "a.csv" else table.replace(",", "\t")
        content = garble(text, ('"', ",", "\t", ";", "\n"), random).encode("utf-8", "surrogatepass")
        content = damage(content, random) if random.random() < 0.3 else content
    (folder / name).write_bytes(content)
    found = read_captions(random.choice(("captions", "captions", "rsitmd")), folder / name)
    for record in found.records:
        for caption in record.captions:
            normalise(caption)


def trec(random: Random, folder: Path) -> None:
    """A run and its judgements."""
    texts = ("q1 Q0 a 1 0.5 x\nq1 Q0 b 2 0.25 x\nq2 Q0 a 1 0.5 x\n", "q1 0 a 1\nq1 0 c 0\nq2 0 b 1\n")
    for name, text in zip(("run", "qrels"), texts, strict=True):
        garbled = garble(text, ("q1", "Q0", "nan", "inf", "1", "\t"), random)
        (folder / name).write_bytes(garbled.encode("utf-8", "surrogatepass"))
    judge(folder / "run", folder / "qrels")


def _tokens(whole: tuple[str, ...], tokens: tuple[str, ...], random: Random) -> str:
    """One of the good texts garbled, or tokens in a row."""
    if random.random() < 0.7:
        return garble(random.choice(whole), tokens, random)
    separators = ("", " ")
    return random.choice(separators).join(random.choices(tokens, k=random.choice((1, 3, 8, 30))))


@cache
def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"image": ["1.png", "2.png"], "caption": [["a"], ["b", "c"]]}), sink)
    return bytes(sink.getvalue())


_HEX = string.hexdigits[:16]
_RECIPE: dict[str, Any] = {
    "extends": "base",
    "seed": 3,
    "image": {"size": 224, "views": ["original"]},
    "text": {"layers": 2},
    "loss": {"fine": 1.0, "inter": "kl"},
    "optimiser": {"epochs": 2, "rate": 0.001},
}
_CARD: dict[str, Any] = {
    "name": "tiny",
    "description": "Mean colours.",
    "dim": 4,
    "image_size": 32,
    "means": {"image": [0.5, 0.5]},
    "data": [{"name": "ucm", "part": "train", "terms": "asked"}],
    "calibration": {"dense": [1.0, -2.0]},
    "presets": {"ftf": {"k": 100}},
    "files": {"image.onnx": _HEX * 4},
}
_SUM = [3, 7]
_POINTER: dict[str, Any] = {
    "format": 1,
    "software": "swath 0.1.0",
    "committed": "2026-01-01T00:00:00+00:00",
    "version": 1,
    "tiles": 2,
    "files": 1,
    "encoder": {"name": "tiny", "revision": _HEX * 4, "dim": 4, "image_size": 32},
    "geometry": {"dense": 4, "tokens": [5, 8]},
    "tiling": {"size": 256, "stride": None, "min_valid": 0.5, "bands": None, "picture_side": 1024},
    "roots": ["/data"],
    "attributes": {"cloud": "number"},
    "partial": [],
    "hot": {"generation": "1", "rows": 2, "columns": {"dense": {"dtype": "<f2", "shape": [4], "sum": _SUM}}},
    "sums": {"tiles.lance/x": _SUM},
}
