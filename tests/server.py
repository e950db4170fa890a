"""A server of files on this machine, with and without the manners that servers have."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Served:
    """What a server does; tests change it while it runs."""

    folder: Path
    url: str = ""
    ranges: bool = True
    etag: str = "md5"
    """`md5`, `time` (as many servers make them), or none."""
    modified: bool = True
    fail: int = 0
    """So many of the next requests are answered with 503."""
    breaks_at: int | None = None
    """Bytes that it sends in all: it breaks off in the middle of what would be more, again and again."""
    sent: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    """By method and path."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def total(self, name: str) -> int:
        """Requests for a file."""
        return sum(number for what, number in self.requests.items() if what.endswith(f"/{name}"))


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve a folder on a port of this machine."""
    served = Served(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

        def do_HEAD(self) -> None:
            self.answer(head=True)

        def do_GET(self) -> None:
            self.answer(head=False)

        def answer(self, *, head: bool) -> None:
            path = served.folder / unquote(urlsplit(self.path).path).lstrip("/")
            with served.lock:
                served.requests[f"{self.command} {urlsplit(self.path).path}"] += 1
                failing = served.fail > 0
                served.fail -= failing
            if failing:
                self.refuse(503)
                return
            if not path.is_file():
                self.refuse(404)
                return
            data, status = path.read_bytes(), path.stat()
            whole = len(data)
            asked = (
                re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if served.ranges else None
            )
            if asked is not None and int(asked[1]) >= whole:
                self.refuse(416)
                return
            self.send_response(200 if asked is None else 206)
            if asked is not None:
                first, last = int(asked[1]), min(int(asked[2] or whole), whole - 1)
                data = data[first : last + 1]
                self.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
            if served.ranges:
                self.send_header("Accept-Ranges", "bytes")
            if served.etag == "md5":
                self.send_header("ETag", f'"{hashlib.md5(path.read_bytes()).hexdigest()}"')
            elif served.etag == "time":
                self.send_header("ETag", f'W/"{int(status.st_mtime):x}-{whole:x}"')
            if served.modified:
                self.send_header("Last-Modified", formatdate(status.st_mtime, usegmt=True))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if head:
                return
            if served.breaks_at is not None and served.sent + len(data) > served.breaks_at:
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            self.wfile.write(data)
            with served.lock:
                served.sent += len(data)

        def refuse(self, code: int) -> None:
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever asked is gone, which is what tests want now and then."""

    with Server(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
