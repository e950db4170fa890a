"""Fetching from a local mirror: stopped, continued, checked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from swath.encoders import fetching
from swath.errors import FetchError

CONTENT = bytes(range(256)) * 4000


class Mirror:
    """A server of one file; it can break off after a number of bytes, and be one that knows no ranges."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.break_after: int | None = None
        self.knows_ranges = True
        self.asked: list[str | None] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/files"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        if handler.path != "/files/pinned.whl":
            handler.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.knows_ranges else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        end = len(self.content) if self.break_after is None else start + self.break_after
        handler.wfile.write(self.content[start:end])


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> Path:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    monkeypatch.setenv(fetching.MIRROR, mirror.url)
    digest = hashlib.sha256(CONTENT).hexdigest()
    pin = fetching.Pin("pinned", "1.0", "pinned.whl", digest, 1, "a test", "none")
    monkeypatch.setitem(fetching.PINS, "pinned", pin)
    return tmp_path


def test_a_fetch_that_broke_off_goes_on_where_it_stopped(home: Path, mirror: Mirror) -> None:
    mirror.break_after = 600_000
    with pytest.raises(FetchError, match=r"did not come from http.*what came is kept"):
        fetching.fetch("pinned")
    assert (home / "fetched" / "pinned.whl.part").stat().st_size == 600_000
    with pytest.raises(FetchError, match="run `swath fetch pinned`"):
        fetching.fetched("pinned")
    mirror.break_after = None
    seen: list[tuple[int, int | None]] = []
    path = fetching.fetch("pinned", progress=lambda done, total, _what: seen.append((done, total)))
    assert path.read_bytes() == CONTENT and mirror.asked == [None, "bytes=600000-"]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and seen[0][0] > 600_000
    assert fetching.fetched("pinned") == path and len(list(path.parent.iterdir())) == 1


def test_a_mirror_without_ranges_sends_all_again(home: Path, mirror: Mirror) -> None:
    mirror.knows_ranges = False
    (home / "fetched").mkdir()
    (home / "fetched" / "pinned.whl.part").write_bytes(b"other bytes")
    assert fetching.fetch("pinned").read_bytes() == CONTENT


def test_all_bytes_were_there_but_not_checked_yet(home: Path, mirror: Mirror) -> None:
    (home / "fetched").mkdir()
    (home / "fetched" / "pinned.whl.part").write_bytes(CONTENT)
    assert fetching.fetch("pinned").read_bytes() == CONTENT


def test_other_content_keeps_nothing(home: Path, mirror: Mirror) -> None:
    mirror.content = CONTENT[:-1] + b"\0"
    with pytest.raises(FetchError, match="not the pinned"):
        fetching.fetch("pinned")
    assert list((home / "fetched").iterdir()) == []


def test_a_file_that_the_mirror_lacks(home: Path, mirror: Mirror) -> None:
    with pytest.raises(FetchError, match="404"):
        fetching.fetch("pinned", mirror=mirror.url.removesuffix("files") + "other")


def test_a_mirror_on_disk(home: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "pinned.whl").write_bytes(CONTENT)
    assert fetching.fetch("pinned", mirror=str(tmp_path / "disk")).read_bytes() == CONTENT
    with pytest.raises(FetchError, match="did not come"):
        (home / "fetched" / "pinned.whl").unlink()
        fetching.fetch("pinned", mirror=str(tmp_path / "nowhere"))
