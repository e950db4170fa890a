"""An application over an archive, and a server in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

import swath
from swath.many import open_many
from swath.serving import http

SWATH = (sys.executable, "-c", "import sys; from swath.cli import main; sys.exit(main(sys.argv[1:]))")
"""The command, as a process of this interpreter."""


def service_of(*paths: Path, **limits: Any) -> http.Service:
    archives = [swath.open(path, threads=1) for path in paths]
    searched = archives[0] if len(archives) == 1 else open_many(paths, threads=1)
    return http.Service(searched, archives, http.Limits(**{"searches": 2, **limits}))


def app_of(
    *paths: Path, token: str | None = None, hosts: frozenset[str] | None = None, **limits: Any
) -> Starlette:
    return http.make_app(service_of(*paths, **limits), token=token, hosts=hosts)


@contextmanager
def client_of(*paths: Path, **options: Any) -> Iterator[TestClient]:
    with TestClient(app_of(*paths, **options), raise_server_exceptions=False) as client:
        yield client


def problem(response: Any, status: int) -> str:
    """The sentence of a problem, after checking that it is one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status and document["title"] and document["type"] == "about:blank"
    return str(document["detail"])


@dataclass
class Running:
    """A server that runs, and what it wrote so far."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


@contextmanager
def serving(*arguments: str | Path, home: Path, **environment: str) -> Iterator[Running]:
    """`swath serve` on a free port, until the end of the block."""
    process = subprocess.Popen(
        [*SWATH, "serve", *map(str, arguments), "--port", "0", "--threads", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SWATH_HOME": str(home), **environment},
    )
    assert process.stderr is not None
    reader = None
    try:
        first = process.stderr.readline()
        found = re.search(r"http://\S+:\d+", first)
        assert found, first + process.stderr.read()
        lines: list[str] = [first]
        reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()), daemon=True)
        reader.start()
        yield Running(process, found[0], lines)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        if reader is not None:
            reader.join(30)
        process.stderr.close()


@contextmanager
def live(app: Starlette) -> Iterator[str]:
    """The address of an application that answers from a thread."""
    import uvicorn

    listening = http.bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_level="error", server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
