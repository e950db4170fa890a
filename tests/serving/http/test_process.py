"""The command in a process of its own: starting, ending, slow clients, and an archive that grows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra serve")

from click.testing import CliRunner

from swath.cli import main
from swath.cli.serve import serve_command
from tests.archive.world import picture
from tests.serving.http.helpers import SWATH, Running, serving


def get(server: Running, path: str, **headers: str) -> Any:
    request = urllib.request.Request(server.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["serve", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_what_cannot_be_served_is_a_sentence(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWATH_TOKEN", raising=False)
    archive = town / "town.swath"
    assert "no archive" in said(capsys, tmp_path / "missing")
    damaged = tmp_path / "damaged"
    shutil.copytree(archive, damaged)
    (damaged / "swath.json").write_bytes(b"\0" * 40)
    assert "swath.json" in said(capsys, damaged)
    assert "SWATH_TOKEN" in said(capsys, archive, "--host", "0.0.0.0")
    assert "guessed" in said(capsys, archive, "--host", "0.0.0.0", "--token", "short")
    assert "cannot listen" in said(capsys, archive, "--host", "192.0.2.1", "--token", "a" * 20)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen" in said(capsys, archive, "--port", str(taken.getsockname()[1]))
    assert "SWATH_TOKEN" in CliRunner().invoke(serve_command, ["--help"]).output


def test_it_serves_sees_commits_and_outlasts_slow_clients(
    town: Path, tmp_path: Path, tiny_home: Path
) -> None:
    archive = tmp_path / "a.swath"
    shutil.copytree(town / "town.swath", archive)
    with serving(archive, home=tiny_home) as server:
        assert get(server, "/tiles?k=0")["total"] == 19
        picture(tmp_path / "new" / "one.png", 77)
        adding = [*SWATH, "add", str(archive), str(tmp_path / "new"), "--quiet"]
        subprocess.run(adding, check=True, env={**os.environ, "SWATH_HOME": str(tiny_home)})
        assert get(server, "/tiles?k=0")["total"] == 20
        found = get(server, "/search?text=red&k=50&collapse=false")
        assert sum(hit["source"].endswith("one.png") for hit in found["hits"]) == 1

        slow = []
        for sent in (
            b"",
            b"GET / HT",
            b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
        ):
            for _ in range(20):
                client = socket.create_connection(("127.0.0.1", server.port))
                client.sendall(sent)
                slow.append(client)
        assert get(server, "/healthz") == {"status": "ok", "busy": 0}
        assert get(server, "/search?text=green&k=1")["hits"]
        for client in slow:
            client.close()

        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n")
            assert b" 400 " in client.recv(100)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(os.urandom(500) + b"\r\n\r\n")
            assert b" 400 " in client.recv(100)
        assert get(server, "/healthz")["status"] == "ok"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert not [line for line in server.lines if "Traceback" in line]
        assert len(server.lines) == 1, "quiet, and no line for a request"


def test_ctrl_c_ends_it_and_headers_are_not_waited_for_for_ever(town: Path, tiny_home: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from swath.serving import http\n"
        "from tests.serving.http.helpers import service_of\n"
        "service = service_of(Path(sys.argv[1]), receiving=0.3)\n"
        "listening = http.bind('127.0.0.1', 0)\n"
        "print(listening.getsockname()[1], flush=True)\n"
        "http.run(service, listening, '127.0.0.1', None)\n"
    )
    command = [sys.executable, "-c", code, str(town / "town.swath")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            for sent, answered in (
                (b"", b""),
                (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b""),
                (b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", b" 408 "),
            ):
                with socket.create_connection(("127.0.0.1", port), 20) as client:
                    client.sendall(sent)
                    begun = time.monotonic()
                    assert answered in client.recv(1000)
                    assert time.monotonic() - begun < 15
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_a_token_keeps_others_out(town: Path, tiny_home: Path) -> None:
    token = "a token of some length"
    with serving(town / "town.swath", "--host", "0.0.0.0", home=tiny_home, SWATH_TOKEN=token) as server:
        url = f"http://127.0.0.1:{server.port}/info"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url, timeout=30)
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        assert json.load(urllib.request.urlopen(request, timeout=30))["archives"]
