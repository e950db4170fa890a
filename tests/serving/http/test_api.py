"""What the routes answer, against the library that they ask."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="needs the extra serve")

from starlette.testclient import TestClient

import swath
from swath.serving.documents import hits_document
from tests.serving.http.helpers import client_of, problem
from tests.tiny import COLOURS

TOKEN = "correct horse battery"


@pytest.fixture(scope="module")
def archive(town: Path) -> swath.Archive:
    return swath.open(town / "town.swath")


@pytest.fixture(scope="module")
def client(town: Path) -> Iterator[TestClient]:
    with client_of(town / "town.swath") as client:
        yield client


def png(colour: str, side: int = 40) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), COLOURS[colour], np.uint8)).save(file, "PNG")
    return file.getvalue()


def sources(answer: dict[str, Any]) -> list[str]:
    return [Path(hit["source"]).name for hit in answer["hits"]]


def placed(archive: swath.Archive) -> Any:
    """Id and GeoJSON polygon of a tile with a footprint."""
    hits = archive.search("red", k=50, where="source > z or source < z")
    return next(hit for hit in hits.__geo_interface__["features"] if hit["geometry"])


def test_search_is_the_document_of_the_command_line(client: TestClient, archive: swath.Archive) -> None:
    found = client.get("/search", params={"text": "red", "k": 3, "collapse": "false", "explain": "true"})
    assert found.headers["content-type"] == "application/json"
    assert "search;dur=" in found.headers["server-timing"]
    hits = archive.search("red", k=3, collapse=False)
    expected = json.loads(json.dumps(hits_document(hits, {}, explain=True)))
    answer = found.json()
    assert answer["hits"] == expected["hits"] and answer["pipeline"] == expected["pipeline"]
    assert [one["stage"] for one in answer["trace"]] == [one["stage"] for one in expected["trace"]]
    assert answer["query"] == {
        "text": "red",
        "images": [],
        "like": [],
        "unlike": [],
        "not": [],
        "like_at": [],
        "k": 3,
        "where": None,
        "bbox": None,
        "area": None,
        "near": None,
        "min_score": None,
        "collapse": False,
        "group": None,
    }


def test_get_and_post_ask_the_same(client: TestClient, archive: swath.Archive) -> None:
    tile = archive.search("blue", k=1)[0].tile.id
    given: dict[str, Any] = {
        "text": ["red", "green"],
        "like": [tile],
        "not": ["grey"],
        "k": 4,
        "bbox": [-180, -90, 180, 90],
    }
    parameters = {**given, "bbox": "-180,-90,180,90", "like": f"{tile}"}
    by_get, by_post = client.get("/search", params=parameters), client.post("/search", json=given)
    assert by_get.status_code == 200, by_get.text
    assert by_get.json()["hits"] == by_post.json()["hits"]
    assert by_get.json()["query"] == by_post.json()["query"]


def test_filters_act_before_ranking(client: TestClient) -> None:
    everything = client.post("/search", json={"text": "red", "k": 50}).json()
    placed = [hit for hit in everything["hits"] if hit["footprint"]]
    ring = placed[0]["footprint"]["coordinates"][0]
    inside = [sum(corner[axis] for corner in ring[:4]) / 4 for axis in (0, 1)]
    x, y = inside
    area = {"type": "Polygon", "coordinates": [[[x, y], [x + 1e-6, y], [x, y + 1e-6], [x, y]]]}
    for place in ({"area": area}, {"near": [x, y, 1]}, {"bbox": [x, y, x, y]}):
        found = client.post("/search", json={"text": "red", "k": 50, **place}).json()
        assert [hit["id"] for hit in found["hits"]] == [placed[0]["id"]], place
    by_url = client.get("/search", params={"text": "red", "area": json.dumps(area)}).json()
    assert [hit["id"] for hit in by_url["hits"]] == [placed[0]["id"]]
    near = client.post("/search", json={"like_at": inside, "k": 5}).json()
    assert placed[0]["id"] not in [hit["id"] for hit in near["hits"]]  # examples never return
    grouped = client.post("/search", json={"text": "red", "k": 50, "group": "scene"}).json()
    assert len(grouped["hits"]) == len(set(sources(grouped))) == 8
    narrow = client.post("/search", json={"text": "red", "where": "width > 32"}).json()
    assert {hit["window"]["width"] for hit in narrow["hits"]} == {64}


def test_pictures_are_asked_as_the_library_asks_them(client: TestClient, archive: swath.Archive) -> None:
    files = [("image", ("mine.png", png("blue"), "image/png"))]
    answer = client.post("/search", files=files, data={"query": json.dumps({"k": 2})}).json()
    pixels = np.asarray(Image.open(io.BytesIO(png("blue"))))
    expected = [hit.raw for hit in archive.search(image=pixels, k=2)]
    assert [hit["raw"] for hit in answer["hits"]] == expected and sources(answer)[0] == "blue.png"
    assert answer["query"]["images"] == ["upload 1"]
    both = client.post("/search", files=[*files, ("image", ("b", png("red"), "image/png"))])
    assert both.json()["query"]["images"] == ["upload 1", "upload 2"]


def test_tiles(client: TestClient, archive: swath.Archive) -> None:
    every = client.get("/tiles", params={"k": 100}).json()
    assert every["total"] == len(every["tiles"]) == len(archive)
    assert client.get("/tiles", params={"k": 0}).json() == {"total": len(archive), "tiles": []}
    some = client.get("/tiles", params={"k": 3, "where": "width = 64"}).json()
    assert some["total"] == 7 and len(some["tiles"]) == 3 and "raw" not in some["tiles"][0]
    nowhere = client.get("/tiles", params={"bbox": "1,1,2,2"}).json()
    assert nowhere == {"total": 0, "tiles": []}
    tile = every["tiles"][0]["id"]
    details = client.get(f"/tiles/{tile}").json()
    assert details["id"] == tile and details["files"] == [str(file) for file in archive.show(tile).files]
    picture = client.get(f"/tiles/{tile}/thumbnail")
    assert picture.content == archive.thumbnails([tile])[tile]
    assert picture.headers["content-type"] == "image/jpeg" and "immutable" in picture.headers["cache-control"]
    assert "32" in problem(client.get("/tiles/zz"), 404)
    assert "No tile" in problem(client.get(f"/tiles/{'0' * 32}"), 404)
    problem(client.get(f"/tiles/{'0' * 32}/thumbnail"), 404)


def test_heat(client: TestClient, archive: swath.Archive) -> None:
    tile = archive.search("red", k=1)[0].tile
    answer = client.get(f"/tiles/{tile.id}/heat", params={"text": "red"})
    picture = Image.open(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "image/png" and picture.mode == "RGBA"
    assert picture.width * tile.window.height == picture.height * tile.window.width
    assert "text=" in problem(client.get(f"/tiles/{tile.id}/heat"), 400)


def test_export(client: TestClient, archive: swath.Archive) -> None:
    asked: dict[str, Any] = {"text": "red", "k": 3}
    hits = archive.search("red", k=3, collapse=True)
    geojson = client.get("/export", params=asked)
    assert geojson.headers["content-disposition"] == 'attachment; filename="swath.geojson"'
    assert [one["id"] for one in geojson.json()["features"]] == [hit.tile.id for hit in hits]
    table = client.post("/export?format=csv", json=asked)
    assert [row["id"] for row in csv.DictReader(io.StringIO(table.text))] == [hit.tile.id for hit in hits]
    parquet = client.get("/export", params={**asked, "format": "geoparquet"})
    assert parquet.content[:4] == b"PAR1"
    assert "geojson" in problem(client.get("/export", params={**asked, "format": "exe"}), 400)


def test_info_health_and_head(client: TestClient) -> None:
    info = client.get("/info").json()
    assert info["archives"][0]["tiles"] == 19 and info["limits"]["k"] == 500
    assert client.get("/healthz").json() == {"status": "ok", "busy": 0}
    for route in ("/", "/healthz", "/info", "/search?text=red", "/page/app.js"):
        head, whole = client.head(route), client.get(route)
        assert head.status_code == 200 and not head.content
        assert head.headers["content-type"] == whole.headers["content-type"]
    refused = client.put("/search")
    assert "PUT" in problem(refused, 405) and set(refused.headers["allow"].split(", ")) == {
        "GET",
        "HEAD",
        "POST",
    }
    asked = client.options("/search")
    assert asked.status_code == 204 and asked.headers["allow"] == refused.headers["allow"]


def test_every_answer_carries_the_headers(client: TestClient) -> None:
    for route in (
        "/",
        "/search?text=red",
        "/search",
        "/nothing",
        "/page/app.js",
        "/page/vendor/maplibre-gl.mjs",
    ):
        headers = client.get(route, headers={"Origin": "https://elsewhere.example"}).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert not [name for name in headers if name.startswith("access-control")]
    assert "text/javascript" in client.get("/page/vendor/maplibre-gl.mjs").headers["content-type"]


def test_several_archives_answer_as_one(town: Path, tmp_path: Path, tiny_home: Path) -> None:
    from tests.tiny import paint

    other = tmp_path / "other"
    paint(other)
    (other / "red.png").unlink()
    Image.fromarray(np.full((50, 50, 3), (210, 40, 40), np.uint8)).save(other / "rose.png")
    swath.index(other / "rose.png", tmp_path / "o.swath", tiny_home / "encoders" / "base", tile_size=32)
    with client_of(town / "town.swath", tmp_path / "o.swath") as client:
        answer = client.get("/search", params={"text": "red", "k": 3, "collapse": "false"}).json()
        assert {"red.png", "rose.png"} <= set(sources(answer))
        assert len(client.get("/info").json()["archives"]) == 2
        assert client.get("/tiles?k=100").json()["total"] == 20
        rose = next(hit for hit in answer["hits"] if hit["source"].endswith("rose.png"))
        assert client.get(f"/tiles/{rose['id']}/thumbnail").status_code == 200


def test_a_token_is_asked_for_everything_but_the_page(town: Path) -> None:
    with client_of(town / "town.swath", token=TOKEN) as client:
        for route in (
            "/search?text=red",
            "/info",
            "/tiles",
            "/scenes",
            "/openapi.json",
            "/export?text=red",
            "/no",
        ):
            refused = client.get(route)
            assert TOKEN not in problem(refused, 401) and "Bearer" in refused.headers["www-authenticate"]
        for wrong in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"):
            headers = [(b"authorization", wrong.encode("latin-1"))]
            assert client.get("/info", headers=headers).status_code == 401
        for route in ("/", "/healthz", "/page/app.js"):
            assert client.get(route).status_code == 200
        assert client.get("/info", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_a_browser_exchanges_the_token_for_a_cookie(town: Path) -> None:
    with client_of(town / "town.swath", token=TOKEN) as client:
        assert client.post("/session", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/session").status_code == 405
        given = client.post("/session", headers={"Authorization": f"Bearer {TOKEN}"})
        assert given.status_code == 204
        cookie = given.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
        assert client.get("/search?text=red").status_code == 200
        client.cookies.clear()
        assert client.get("/info", headers={"Cookie": "swath-session=wrong"}).status_code == 401
        assert client.get("/info", headers={"Cookie": "a=b;;;=\x01; swath-session"}).status_code == 401


def test_another_name_for_this_machine_is_refused(town: Path) -> None:
    with client_of(town / "town.swath", hosts=frozenset({"localhost", "127.0.0.1", "::1"})) as client:
        for host in ("localhost:8766", "127.0.0.1", "[::1]:80", "LOCALHOST"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "localhost.evil.example:80", ""):
            problem(client.get("/healthz", headers={"Host": host}), 421)


def test_pages_of_other_sites_may_not_ask(client: TestClient) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    problem(client.get("/search?text=red", headers=elsewhere), 403)
    for headers in ({**elsewhere, "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "same-origin"}):
        assert client.get("/", headers=headers).status_code == 200


def test_damage_is_a_problem_and_no_answer(town: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy.swath"
    shutil.copytree(town / "town.swath", copy)
    with client_of(copy) as client:
        assert client.get("/search?text=red").status_code == 200
        (copy / "swath.json").write_text("{}")
        assert "swath.json" in problem(client.get("/search?text=red"), 503)
        assert client.get("/healthz").status_code == 200


def test_bad_uploads_are_refused(client: TestClient) -> None:
    def sent(content: bytes) -> Any:
        return client.post("/search", files=[("image", ("x", content, "image/png"))])

    whole = png("red", 200)
    assert "JPEG" in problem(sent(b"no picture"), 415)
    assert problem(sent(b""), 415)
    assert "/tmp" not in problem(sent(whole[:-60]), 400)
