from __future__ import annotations

from pathlib import Path

import pytest

from swath.errors import CaptionsError, InputError
from swath.evaluation import RSSCN7, evaluate_zero_shot, zero_shot
from tests.captions.lookalike import picture
from tests.tiny import TinyEncoder

PROMPTS = {"r": "a red place", "g": "a green place", "b": "a blue place"}


def world(root: Path) -> Path:
    """Three classes of two pictures; one picture of `b` is green."""
    for name, colours in {"r": ("red", "red"), "g": ("green", "green"), "b": ("blue", "green")}.items():
        for number, colour in enumerate(colours):
            picture(root / name / f"{number}.jpg", colour)
    return root


def test_accuracy_in_all_and_by_class(tmp_path: Path, tiny: TinyEncoder) -> None:
    result = evaluate_zero_shot(world(tmp_path), tiny, prompts=PROMPTS)

    assert (result.images, result.skipped, result.dataset) == (6, (), tmp_path.name)
    assert result.accuracy == pytest.approx(100 * 5 / 6)
    assert {name: c.accuracy for name, c in result.classes.items()} == {"r": 100.0, "g": 100.0, "b": 50.0}
    assert result.classes["b"].prompt == "a blue place" and result.classes["b"].images == 2
    assert result.interval[0] < result.accuracy <= result.interval[1]


def test_a_folder_named_by_a_dot_has_a_name(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world(tmp_path / "town"))
    assert evaluate_zero_shot(Path(), tiny, prompts=PROMPTS).dataset == "town"


def test_equal_prompts_share_the_hit(tmp_path: Path, tiny: TinyEncoder) -> None:
    result = evaluate_zero_shot(world(tmp_path), tiny, prompts={"r": "red", "g": "green", "b": "green"})
    assert {name: c.accuracy for name, c in result.classes.items()} == {"r": 100.0, "g": 50.0, "b": 50.0}


def test_damaged_pictures_are_listed(tmp_path: Path, tiny: TinyEncoder) -> None:
    root = world(tmp_path)
    (root / "r" / "1.jpg").write_bytes(b"nothing")
    result = evaluate_zero_shot(root, tiny, prompts=PROMPTS)
    assert [name for name, _ in result.skipped] == ["r/1.jpg"]
    assert (result.images, result.classes["r"].images) == (5, 1)

    (root / "r" / "0.jpg").unlink()
    with pytest.raises(CaptionsError, match="no picture that can be decoded in the classes r of"):
        evaluate_zero_shot(root, tiny, prompts=PROMPTS)


def test_what_is_not_there_is_named(tmp_path: Path, tiny: TinyEncoder) -> None:
    with pytest.raises(CaptionsError, match="no folder aGrass in"):
        evaluate_zero_shot(world(tmp_path), tiny)
    with pytest.raises(InputError, match="no prompt for the classes g"):
        zero_shot({"r": [], "g": []}, {"r": "red"}, tiny)


def test_the_real_folders_are_found(data: Path, tiny: TinyEncoder) -> None:
    result = evaluate_zero_shot(data / "rsscn7", tiny)
    assert (result.images, result.skipped) == (700, ())
    assert {name: c.images for name, c in result.classes.items()} == dict.fromkeys(RSSCN7, 100)
