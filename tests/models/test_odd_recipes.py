"""Files that are no recipe: refused in words, and at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from swath.errors import RecipeError
from swath.models.recipe import load_recipe


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("extends: 7\n", "extends 7: give the name of a recipe"),
        ("extends: [base]\n", "extends .'base'.: give the name"),
        ("extends: " + "x" * 3000, "there is no recipe 'xxx"),
        ("a: " + "{" * 3000, "has over 200 brackets"),
        ("a:\n  " + "- " * 3000, "brackets in brackets, too many"),
        ("- a\n", "is not a YAML mapping"),
        ("a: [", "is not YAML"),
        ("seed: \x00", "is not YAML"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        load_recipe(path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", ""])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(RecipeError, match="there is no recipe"):
        load_recipe(name)


def test_a_recipe_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.touch()

    def refuse(self: Path, **_: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(RecipeError, match="cannot be read: Permission denied"):
        load_recipe(path)
