"""Heads over an encoder: found by name, bound to a revision."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from swath.encoders import Head, HeadCard, OnnxEncoder, Source, write_head
from swath.encoders.onnx import session
from swath.errors import EncoderError
from tests.tiny_onnx import build


def _add(
    encoder: Path,
    name: str,
    revision: str,
    presets: dict[str, dict[str, bool | int | float | str]] | None = None,
) -> Path:
    folder = encoder / "heads" / name
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"numbers")
    data = (Source(name="paint", part="train", terms="no restriction"),)
    card = HeadCard(
        name=name,
        kind="test",
        encoder=revision,
        data=data,
        settings={"bits": 16},
        presets=presets or {},
    )
    write_head(card, folder)
    return folder


def test_heads_are_found_by_name_and_leave_the_revision_alone(tmp_path: Path) -> None:
    folder = build(tmp_path / "tiny")
    before = OnnxEncoder(folder)
    assert before.heads == {}
    _add(folder, "hash", before.revision)
    _add(folder, "cross", before.revision)
    after = OnnxEncoder(folder)
    assert after.revision == before.revision
    assert sorted(after.heads) == ["cross", "hash"]
    head = after.heads["hash"]
    assert isinstance(head, Head)
    assert head.card.settings == {"bits": 16} and head.card.data[0].name == "paint"
    assert head.file("weights.bin").read_bytes() == b"numbers"
    assert head.verify() == []


def test_a_card_that_is_written_again_leaves_copies_as_they_were(tmp_path: Path) -> None:
    """Archives hold hard links to it, and the sums of its bytes."""
    folder = build(tmp_path / "tiny")
    place = _add(folder, "hash", OnnxEncoder(folder).revision)
    copy = tmp_path / "card.json"
    copy.hardlink_to(place / "card.json")
    before = copy.read_bytes()
    write_head(replace(OnnxEncoder(folder).heads["hash"].card, settings={"bits": 64}), place)
    assert copy.read_bytes() == before
    assert OnnxEncoder(folder).heads["hash"].card.settings == {"bits": 64}
    assert OnnxEncoder(folder).heads["hash"].verify() == []


@pytest.mark.parametrize("threads", [1, 2000])
def test_the_runtime_starts_no_more_threads_than_processors(tmp_path: Path, threads: int) -> None:
    """Its threads spin while they wait: two thousand on two processors never came to an end."""
    folder = build(tmp_path / "tiny")
    options = session(folder / "text.onnx", threads).get_session_options()
    assert options.intra_op_num_threads == min(threads, len(os.sched_getaffinity(0)))


def test_a_changed_file_is_told(tmp_path: Path) -> None:
    folder = build(tmp_path / "tiny")
    place = _add(folder, "hash", OnnxEncoder(folder).revision)
    (place / "weights.bin").write_bytes(b"others")
    head = OnnxEncoder(folder).heads["hash"]
    assert head.verify() == ["weights.bin"]
    (place / "weights.bin").unlink()
    assert head.verify() == ["weights.bin"]
    with pytest.raises(EncoderError, match=r"has no cross\.onnx"):
        head.file("cross.onnx")


def test_a_head_of_another_revision_is_refused(tmp_path: Path) -> None:
    folder = build(tmp_path / "tiny")
    place = _add(folder, "hash", "0" * 64)
    encoder = OnnxEncoder(folder)
    with pytest.raises(EncoderError, match=r"belongs to revision 000000000000 .* train the head"):
        _ = encoder.heads
    (place / "card.json").write_text("{}")
    with pytest.raises(EncoderError, match=r"not a head's card"):
        _ = encoder.heads


def test_an_older_copy_of_the_encoder_gains_from_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    installed = build(tmp_path / "home" / "encoders" / "mine")
    copied = OnnxEncoder(build(tmp_path / "copy"))
    other = OnnxEncoder(build(tmp_path / "other", seed=1))
    assert copied.revision == OnnxEncoder(installed).revision != other.revision
    place = _add(installed, "hash", copied.revision, {"cfitr": {"k": 70}})
    assert copied.heads["hash"].folder == place and copied.presets == {"cfitr": {"k": 70}}
    assert other.heads == {} and other.presets == {}
    own = _add(tmp_path / "copy", "hash", copied.revision, {"cfitr": {"k": 30}})
    again = OnnxEncoder(tmp_path / "copy")
    assert again.heads["hash"].folder == own and again.presets == {"cfitr": {"k": 30}}
