"""Items, collections and catalogues of STAC, and tables of their items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from swath.errors import ImageryError, InputError
from swath.imagery import Place, Remote, SourceFile, remote, scan
from swath.imagery.stac import Asset, Item, chosen, described, resolved, taken
from tests.imagery.stac import COG, collection, item, scene, write
from tests.server import Served, serving


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(remote, "_DELAYS", (0.01,))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "www").mkdir()
    with serving(tmp_path / "www") as one:
        yield one


def listing(*sources: Place, assets: tuple[str, ...] = ()) -> tuple[list[SourceFile], list[tuple[str, str]]]:
    """What a scan gives, and what it skips."""
    skipped: list[tuple[str, str]] = []
    found = list(scan(sources, lambda path, reason: skipped.append((str(path), reason)), assets=assets))
    return found, skipped


def test_an_item_brings_its_time_and_properties(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif")
    properties: dict[str, Any] = {
        "eo:cloud_cover": 12.5,
        "platform": "drone",
        "night": False,
        "proj:shape": [1, 2],
        "width": 7,
    }
    document = write(tmp_path / "a.json", item("a", **properties))
    (found,), skipped = listing(document)
    assert skipped == []
    assert (found.root, found.name, found.path) == (tmp_path, "a.tif", path)
    assert (found.size, found.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert found.time == datetime(2021, 6, 30, 12, tzinfo=UTC)
    assert found.attributes == {
        "eo_cloud_cover": 12.5,
        "platform": "drone",
        "night": False,
        "width_": 7,
        "item": "a",
        "collection": "towns",
    }


def test_a_catalogue_is_followed_to_its_items(tmp_path: Path) -> None:
    write(
        tmp_path / "catalog.json",
        collection(("child", "./x/collection.json"), ("child", "y.json"), kind="Catalog"),
    )
    write(tmp_path / "x/collection.json", collection(("item", "a/a.json"), ("root", "../catalog.json")))
    write(tmp_path / "x/a/a.json", item("a"))
    write(tmp_path / "y.json", collection(("item", "x/b%20b.json")))
    write(tmp_path / "x/b b.json", item("b", {"visual": {"href": "../elsewhere/b.tif", "roles": ["visual"]}}))
    paths = [scene(tmp_path / "x/a/a.tif"), scene(tmp_path / "elsewhere/b.tif", 1)]
    found, skipped = listing(tmp_path / "catalog.json")
    assert skipped == []
    assert [one.path for one in found] == paths
    assert [(one.root, one.name) for one in found] == [(tmp_path, "x/a/a.tif"), (tmp_path, "elsewhere/b.tif")]
    (only,), _ = listing(tmp_path / "x/collection.json")
    assert (only.root, only.name) == (tmp_path / "x", "a/a.tif")


def test_a_folder_is_not_searched_for_catalogues(tmp_path: Path) -> None:
    write(tmp_path / "in/a.json", item("a"))
    scene(tmp_path / "in/b.tif")
    assert [one.name for one in listing(tmp_path / "in")[0]] == ["b.tif"]


def test_what_is_wrong_in_a_catalogue_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    names = ["ok", "gone", "broken", "empty", "late", "open", "circle", "twice"]
    links = [("item", f"{name}.json") for name in names] + [
        ("child", "missing.json"),
        ("item", "ftp://x/y.json"),
    ]
    top = collection(*links)
    top["links"] += [{"rel": "item"}, 7, {"rel": "next", "href": "ok.json", "method": "POST"}]
    write(tmp_path / "c.json", top)
    scene(tmp_path / "ok.tif")
    scene(tmp_path / "twice.tif")
    write(tmp_path / "ok.json", item("ok"))
    write(tmp_path / "gone.json", item("gone"))
    (tmp_path / "broken.json").write_text('{"type": "Feature", "id": 7}')
    (tmp_path / "empty.json").touch()
    write(tmp_path / "late.json", item("late", datetime="yesterday"))
    write(
        tmp_path / "open.json",
        item("open", {n: {"href": f"{n}.tif", "roles": ["data"]} for n in ("red", "nir")}),
    )
    write(tmp_path / "circle.json", collection(("child", "c.json"), ("item", "ok.json")))
    write(tmp_path / "twice.json", item("twice", None, **{"a_b": 1, "a:b": 2}))
    found, skipped = listing(tmp_path / "c.json")
    assert [one.path.name for one in found] == ["ok.tif"]
    reasons = {Path(path).name: reason for path, reason in skipped}
    assert len(skipped) == 11
    assert "asset visual cannot be looked at" in reasons["gone.json"]
    assert "is no item of STAC" in reasons["broken.json"]
    assert "is no document of STAC" in reasons["empty.json"]
    assert reasons["late.json"] == "its datetime is no time: 'yesterday'"
    assert reasons["open.json"].startswith("has several assets that may be meant (red, nir)")
    assert "No such file" in reasons["missing.json"]
    assert "would both be the attribute a_b" in reasons["twice.json"]
    about_top = [reason for path, reason in skipped if path.endswith("c.json")]
    assert any("is linked to by a catalogue that is a part of it" in reason for reason in about_top)
    assert any("ftp://x/y.json" in reason for reason in about_top)
    assert sum("has a link that is none" in reason for reason in about_top) == 2


def test_a_chain_of_catalogues_deeper_than_recursion_goes(tmp_path: Path) -> None:
    depth = 1100
    for number in range(depth):
        write(tmp_path / f"{number}.json", collection(("child", f"{number + 1}.json")))
    write(tmp_path / f"{depth}.json", item("a"))
    scene(tmp_path / "a.tif")
    assert [one.path.name for one in listing(tmp_path / "0.json")[0]] == ["a.tif"]


def test_a_collection_of_items(tmp_path: Path) -> None:
    for name in "abc":
        scene(tmp_path / f"{name}.tif", ord(name))
    features: list[Any] = [item("a"), {"type": "Feature"}, item("gone"), item("c")]
    path = write(tmp_path / "items.json", {"type": "FeatureCollection", "features": features})
    found, skipped = listing(path)
    assert [one.attributes["item"] for one in found] == ["a", "c"]
    assert [name for name, _ in skipped] == [f"{path}#2", f"{path}#gone"]


ASSETS = {
    "red": Asset("red.tif", COG, ["data", "reflectance"]),
    "nir": Asset("nir.tif", COG, ["data"]),
    "metadata": Asset("m.xml", "application/xml", ["data", "metadata"]),
    "thumbnail": Asset("t.jpg", "image/jpeg", ["thumbnail"]),
}
SEEN = {"look": Asset("look.tif", COG, ["visual"])}


@pytest.mark.parametrize(
    ("assets", "wanted", "expected"),
    [
        (ASSETS, ["nir"], ["nir"]),
        (ASSETS, ["thumbnail", "red"], ["red", "thumbnail"]),
        (ASSETS, ["data"], ["red", "nir", "metadata"]),
        (ASSETS, ["reflectance"], ["red"]),
        (ASSETS | SEEN, [], ["look"]),
        ({"nir": ASSETS["nir"], "thumbnail": ASSETS["thumbnail"]}, [], ["nir"]),
        ({"visual": Asset("v.tif", COG), "x": Asset("x.tif", COG)}, [], ["visual"]),
        ({"image": Asset("v.TIF?sig=1"), "text": Asset("x.txt")}, [], ["image"]),
        ({"image": Asset("v.tif", COG), "thumbnail": ASSETS["thumbnail"]}, [], ["image"]),
    ],
)
def test_assets_are_chosen_by_name_or_role(assets: Any, wanted: list[str], expected: list[str]) -> None:
    assert chosen(assets, wanted) == expected


@pytest.mark.parametrize(
    ("assets", "wanted", "words"),
    [
        (ASSETS, [], r"has several assets that may be meant \(red, nir\); choose by --asset"),
        (ASSETS, ["blue"], r"has no asset blue; it has red \(data, reflectance\), nir \(data\)"),
        ({"thumbnail": ASSETS["thumbnail"]}, [], r"no raster with the role visual or data.*thumbnail"),
        ({}, [], "none"),
    ],
)
def test_an_open_choice_says_what_there_is(assets: Any, wanted: list[str], words: str) -> None:
    with pytest.raises(ImageryError, match=words):
        chosen(assets, wanted)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"datetime": "2021-06-30T14:00:00.5+02:00"}, datetime(2021, 6, 30, 12, 0, 0, 500_000, UTC)),
        ({"datetime": "2021-06-30t12:00:00z"}, datetime(2021, 6, 30, 12, tzinfo=UTC)),
        (
            {
                "datetime": None,
                "start_datetime": "2021-01-01T00:00:00Z",
                "end_datetime": "2021-01-03T00:00:00Z",
            },
            datetime(2021, 1, 2, tzinfo=UTC),
        ),
        ({"start_datetime": "2021-01-01"}, datetime(2021, 1, 1, tzinfo=UTC)),
        ({}, None),
    ],
)
def test_times(properties: dict[str, Any], expected: datetime | None) -> None:
    assert taken(properties) == expected


def test_names_become_valid() -> None:
    properties = {"1st": 1, "ä-b": "x", "": 2, "time": "noon", "inf": float("inf"), "none": None, "item": "y"}
    attributes = described(Item("a", {}, properties))
    assert attributes == {"_1st": 1, "__b": "x", "_": 2, "time_": "noon", "item": "a"}


def test_references_lead_where_they_should(tmp_path: Path) -> None:
    base = tmp_path / "c/item.json"
    assert resolved("../a.tif", base) == tmp_path / "a.tif"
    assert resolved("/data/a.tif", base) == Path("/data/a.tif")
    assert resolved("file:///data/a%20b.tif", base) == Path("/data/a b.tif")
    assert resolved("https://x.org/a.tif?b=/c", base) == Remote("https://x.org/a.tif?b=/c")
    there = Remote("https://x.org/c/item.json?key=1")
    assert resolved("../a.tif", there) == Remote("https://x.org/a.tif")
    assert resolved("/etc/passwd", there) == Remote("https://x.org/etc/passwd")
    assert resolved("b.tif", Remote("s3://bucket/c/item.json")) == Remote("s3://bucket/c/b.tif")
    for href, place in (("file:///etc/passwd", there), ("ftp://x.org/a.tif", base), ("/vsicurl/x:y", there)):
        if href.startswith("/vsi"):
            assert resolved(href, place) == Remote("https://x.org/vsicurl/x:y")
            continue
        with pytest.raises(ImageryError, match="is not read from there"):
            resolved(href, place)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1}', "is no document of STAC"),
        (b'{"type": "Topology"}', "but of type 'Topology'"),
        (b"{", "is no document of STAC"),
        (b"PAR1 and no more", "cannot be"),
    ],
)
def test_a_file_that_is_no_catalogue_is_an_error(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=words):
        listing(tmp_path / "a.json")


def test_documents_at_addresses(served: Served) -> None:
    scene(served.folder / "x/a.tif")
    write(
        served.folder / "catalog.json",
        collection(("item", "x/a.json"), ("item", "x/gone.json"), kind="Catalog"),
    )
    write(served.folder / "x/a.json", item("a"))
    found, skipped = listing(Remote(f"{served.url}/catalog.json"))
    assert [(one.root, one.name, one.path) for one in found] == [
        (Remote(served.url), "x/a.tif", Remote(f"{served.url}/x/a.tif"))
    ]
    assert found[0].is_remote and found[0].attributes["item"] == "a"
    ((path, reason),) = skipped
    assert path == f"{served.url}/x/gone.json"
    assert reason.startswith("its server answers 404")


def test_pages_of_an_answer_are_followed(served: Served) -> None:
    pages = [{"type": "FeatureCollection", "features": [item(name)], "links": []} for name in "ab"]
    pages[0]["links"] = [{"rel": "next", "href": f"{served.url}/search?page=2"}]
    write(served.folder / "one", pages[0])
    write(served.folder / "search", pages[1])
    found, skipped = listing(Remote(f"{served.url}/one"))
    assert skipped == []
    assert [str(one.path) for one in found] == [f"{served.url}/a.tif", f"{served.url}/b.tif"]


def test_documents_that_fail_are_asked_for_again_and_then_told(served: Served) -> None:
    scene(served.folder / "a.tif")
    write(served.folder / "a.json", item("a"))
    served.fail = 1
    assert len(listing(Remote(f"{served.url}/a.json"))[0]) == 1
    served.fail = 1000
    ((_, reason),) = listing(Remote(f"{served.url}/a.json"))[1]
    assert "its server answers 503" in reason
    served.fail, served.breaks_at = 0, served.sent + 40
    with pytest.raises(InputError, match="broke off, 2 times"):
        listing(Remote(f"{served.url}/a.json"))


def table(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows, **options), path)
    return path


def row(name: str, **more: Any) -> dict[str, Any]:
    document = item(name)
    return {
        **{key: document[key] for key in ("type", "stac_version", "id", "assets", "collection")},
        "geometry": b"",
        "links": [{"rel": "self", "href": "x"}],
        "datetime": datetime(2021, 6, 30, 12, tzinfo=UTC),
        "start_datetime": None,
        "end_datetime": None,
        **more,
    }


def test_a_table_of_items(tmp_path: Path) -> None:
    for name in "ab":
        scene(tmp_path / f"{name}.tif", ord(name))
    rows = [
        row("a", **{"eo:cloud_cover": 3.5, "updated": datetime(2022, 1, 1, tzinfo=UTC)}),
        row("gone"),
        row("b", datetime=None, start_datetime=datetime(2021, 1, 1), end_datetime=datetime(2021, 1, 3)),
        {**row("c"), "assets": {"visual": None}},
        {**row("d"), "id": None},
    ]
    path = table(tmp_path / "items.parquet", rows)
    found, skipped = listing(path)
    assert [one.path.name for one in found] == ["a.tif", "b.tif"]
    assert found[0].time == datetime(2021, 6, 30, 12, tzinfo=UTC)
    assert found[1].time == datetime(2021, 1, 2, tzinfo=UTC)
    assert found[0].attributes == {
        "eo_cloud_cover": 3.5,
        "updated": "2022-01-01T00:00:00+00:00",
        "item": "a",
        "collection": "towns",
    }
    assert [name for name, _ in skipped] == [f"{path}#gone", f"{path}#c", f"{path}#5"]


def test_tables_with_assets_as_text_and_in_batches(tmp_path: Path) -> None:
    scene(tmp_path / "a.tif")
    rows = [{**row("a"), "assets": json.dumps(item("a")["assets"])}] * 1500
    found, skipped = listing(table(tmp_path / "items.parquet", rows))
    assert (len(found), skipped) == (1500, [])


def test_a_table_at_an_address(served: Served) -> None:
    scene(served.folder / "a.tif")
    table(served.folder / "items.parquet", [row("a")])
    assert str(listing(Remote(f"{served.url}/items.parquet"))[0][0].path) == f"{served.url}/a.tif"


def test_another_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no columns id and assets \(it has vector\)"):
        listing(table(tmp_path / "a.parquet", [{"vector": [1.0]}]))
