"""Requests of people who mean no good, and of programs that mean nothing."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette", reason="needs the extra serve")

from starlette.testclient import TestClient

from tests.serving.http.helpers import client_of, problem

_MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def client(town: Path) -> Iterator[TestClient]:
    with client_of(town / "town.swath", pixels=100_000, body=200_000) as client:
        yield client


def is_answer(response: Any) -> None:
    """An answer, or a refusal that says why; never a crash."""
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        problem(response, response.status_code)


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page/..%2fapp.py",
        "/page/%252e%252e%252fapp.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/....//app.py",
        "/page/..\\app.py",
        "/page/vendor/../../app.py",
        "/page/app.js%00.png",
        "/page/",
        "/page/vendor",
        "/page/__init__.py",
        "/tiles/..%2f..%2fswath.json/thumbnail",
        "/tiles/%2fetc%2fpasswd",
        "/scenes/..%2f..%2fswath.json/preview",
        "/" + "a" * 5000,
        "/swath.json",
        "/../../etc/passwd",
    ],
)
def test_no_path_leads_outside(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 405), answer.text
    assert b"root:" not in answer.content and b"import" not in answer.content


def test_giant_numbers(client: TestClient) -> None:
    assert "500" in problem(client.get("/search?text=red&k=501"), 400)
    for k in ("-1", "1e9", "99999999999999999999999999", "1.5", "NaN", "", "ten"):
        problem(client.get("/search", params={"text": "red", "k": k}), 400)
        problem(client.get("/tiles", params={"k": k}), 400)
    assert "10,000" in problem(client.get("/search?text=red&pipeline=dense:20000>btgi"), 400)
    for bbox in ("nan,0,0,0", "inf,0,1,1", "1e999,0,1,1", "0,0,0", "0,0,0,0,0", "a,b,c,d", "999,0,1,1"):
        problem(client.get("/search", params={"text": "red", "bbox": bbox}), 400)
    problem(client.get("/search?text=red&near=0,0,-5"), 400)
    problem(client.get("/search?text=red&min_score=nan"), 400)


def test_long_and_many(client: TestClient) -> None:
    assert "2,000" in problem(client.post("/search", json={"text": "a" * 2001}), 400)
    assert "64" in problem(client.post("/search", json={"text": ["a"] * 65}), 400)
    assert "2,000" in problem(client.post("/search", json={"text": "a", "where": "(" * 2001}), 400)
    problem(client.post("/search", json={"text": "a", "where": "(" * 1999}), 400)
    problem(client.get("/search?text=a&pipeline=" + "fuse(" * 300), 400)
    problem(client.get("/search?" + "&".join(f"text={i}" for i in range(500))), 400)
    problem(client.get("/search?text=a&k=1&k=2"), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"text":' * 20_000,
        b'{"text": "\\ud800"}',
        b'{"k": 1e400, "text": "a"}',
        b'{"text": {"a": 1}}',
        b'{"text": "a", "bbox": {}}',
        b'{"text": "a", "area": {"type": "Polygon"}}',
        b'{"text": "a", "area": {"type": "Polygon", "coordinates": [[[NaN, 0]]]}}',
        b'{"text": "a", "area": {"type": "Polygon", "coordinates": [[[0,0],[1e308,0],[0,1e308],[0,0]]]}}',
        b'{"text": "a", "area": "/etc/passwd"}',
        b'{"text": "a", "image": "/etc/passwd"}',
        b'{"text": "a", "__proto__": 1}',
        b'{"like": "../../swath.json"}',
        b'{"like": ["\\u0000"]}',
        b'{"text": "a", "where": "source = \'\\u0000\' and"}',
    ],
)
def test_malformed_json(client: TestClient, body: bytes) -> None:
    answer = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    problem(answer, 400)


def test_wrong_kinds_of_content(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/png", "", "multipart", "a" * 2000):
        problem(client.post("/search", content=b"{}", headers={"Content-Type": kind}), 415)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"):
        is_answer(client.post("/search", content=b"--x\r\n\r\nno", headers={"Content-Type": kind}))
    problem(client.post("/search", files=[("picture", ("a", b"a", "image/png"))]), 400)
    problem(client.post("/search", files=[("image", ("a", b"a"))], data={"query": "{"}), 400)
    problem(client.post("/search", files=[("image", (str(i), b"a")) for i in range(100)]), 400)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that would be many pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = zlib.compress(bytes(min(width * height * 3, 10_000_000)), 9)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_bombs_are_refused_before_they_are_decoded(client: TestClient) -> None:
    for width, height in ((400, 400), (20_000, 20_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)):
        answer = client.post("/search", files=[("image", ("a.png", bomb(width, height), "image/png"))])
        assert answer.status_code in (413, 415), answer.text
        assert "pixels" in answer.text or "damaged" in answer.text
    text = zlib.compress(bytes(50_000_000), 9)
    padded = bomb(20, 20)[:-12] + chunk(b"zTXt", b"a\0\0" + text) + chunk(b"IEND", b"")
    is_answer(client.post("/search", files=[("image", ("a.png", padded, "image/png"))]))


def test_large_bodies_are_refused(client: TestClient) -> None:
    assert "200,000" in problem(client.post("/search", content=bytes(200_001)), 413)

    def drops() -> Iterator[bytes]:
        for _ in range(300):
            yield bytes(1000)

    problem(client.post("/search", content=drops()), 413)
    assert client.post("/search", content=b"", headers={"Content-Length": "9" * 30}).status_code in (400, 413)


def test_names_of_tiles_are_only_ids(client: TestClient) -> None:
    for name in ("<script>", "a" * 33, "A" * 32, "0x10", "é", "%00", "a b", "*"):
        for behind in ("", "/thumbnail", "/heat?text=a"):
            assert client.get(f"/tiles/{name}{behind}").status_code == 404


@_MANY
@given(st.binary(max_size=400))
def test_random_bodies(client: TestClient, body: bytes) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        is_answer(client.post("/search", content=body, headers={"Content-Type": kind}))


@_MANY
@given(st.binary(max_size=200))
def test_random_pictures(client: TestClient, data: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"RIFF\0\0\0\0WEBP"):
        is_answer(client.post("/search", files=[("image", ("a", start + data, "image/png"))]))


_WORDS = st.sampled_from(
    [
        "text",
        "like",
        "unlike",
        "not",
        "where",
        "bbox",
        "area",
        "near",
        "like_at",
        "k",
        "pipeline",
        "min_score",
    ]
)
_VALUES = st.one_of(st.text(max_size=30), st.integers().map(str), st.floats().map(str), st.just("1,2,3,4"))


@_MANY
@given(st.dictionaries(_WORDS, _VALUES, max_size=6))
def test_random_parameters(client: TestClient, parameters: dict[str, str]) -> None:
    sendable = {key: value.encode("utf-8", "replace") for key, value in parameters.items()}
    for route in ("/search", "/tiles", "/export"):
        is_answer(client.get(route, params=sendable))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@_MANY
@given(st.dictionaries(_WORDS, _JSON, max_size=5))
def test_random_documents(client: TestClient, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode("ascii")
    is_answer(client.post("/search", content=body, headers={"Content-Type": "application/json"}))


@_MANY
@given(st.text(max_size=60))
def test_random_paths(client: TestClient, path: str) -> None:
    from urllib.parse import quote

    is_answer(client.get("/" + quote(path.encode("utf-8", "replace"))))


def test_a_truncated_upload_is_no_picture(client: TestClient) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.effect_noise((200, 200), 50).convert("RGB").save(file, "JPEG")
    for length in (10, 100, 2000, len(file.getvalue()) - 200):
        answer = client.post("/search", files=[("image", ("a", file.getvalue()[:length], "image/jpeg"))])
        assert answer.status_code in (400, 415)
        problem(answer, answer.status_code)
