"""Recipes: checked, extended, changed, and errors that name the nearest key."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch")

from swath.errors import RecipeError
from swath.models.recipe import load_recipe, recipe_names, task_of

ENCODERS = [name for name in recipe_names() if task_of(name) == "dual"]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_recipe_in_the_package_is_valid(name: str) -> None:
    assert load_recipe(name).name == name


@pytest.mark.parametrize("name", [name for name in ENCODERS if name.startswith("ftf/")])
def test_an_ablation_changes_the_loss_and_nothing_else(name: str) -> None:
    whole, ablation = load_recipe("ftf"), load_recipe(name)
    assert ablation.loss != whole.loss
    kept = {"loss": whole.loss, "name": whole.name, "description": whole.description}
    assert msgspec.structs.replace(ablation, **kept) == whole


def test_a_recipe_extends_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: base\nname: mine\nheads: {members: 2}\n")
    mine, base = load_recipe(path), load_recipe("base")
    assert (mine.name, mine.heads.members) == ("mine", 2)
    assert mine.heads.dim == base.heads.dim and mine.image == base.image


def test_changes_by_dotted_keys() -> None:
    assert load_recipe("base", {"optimiser.epochs": 2, "seed": 5}).optimiser.epochs == 2
    with pytest.raises(RecipeError, match="is inside a value"):
        load_recipe("base", {"seed.more": 1})


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"epoch.*did you mean `epochs`"):
        load_recipe("base", {"optimiser.epoch": 2})


def test_a_wrong_type_names_the_place() -> None:
    with pytest.raises(RecipeError, match=r"Expected `int`.*optimiser\.epochs"):
        load_recipe("base", {"optimiser.epochs": "many"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n- b\n", "not a YAML mapping"),
        ("a: [", "is not YAML"),
        ("extends: nowhere\n", "no recipe 'nowhere'"),
    ],
)
def test_what_is_no_recipe(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(content)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_a_circle_is_named(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(f"extends: {two}\n")
    two.write_text(f"extends: {one}\n")
    with pytest.raises(RecipeError, match="circle"):
        load_recipe(one)


def test_a_misspelt_name() -> None:
    with pytest.raises(RecipeError, match="did you mean base"):
        load_recipe("bose")
