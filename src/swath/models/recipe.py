"""A recipe: everything that a training needs to be repeated, as one checked YAML file."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import yaml

from swath.errors import RecipeError

Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class ImagePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The image tower up to its heads."""

    trunk: str
    start: str
    """Name of the fetched weights that the trunk starts from."""
    size: int
    taps: tuple[int, ...]
    """Blocks, counted from 1, whose patch tokens the heads read."""
    grid: int
    """G: patches are averaged to G x G cells."""
    views: tuple[str, ...] = ("original",)
    """Augmented views whose trunk features are cached; see `training.views`."""


class TextPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The text tower up to its heads."""

    trunk: str
    start: str
    layers: int
    pieces: int
    """Size of the pruned vocabulary."""
    word_bits: int
    """4 or 8: how the word table is stored, and rounded before training."""
    lengths: tuple[int, ...]
    bag_rows: int
    bag_dim: int
    bag_least: int
    """Word pieces in fewer distinct training captions than this are not in the bag."""


class HeadPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Projections to the shared space; `members` of them stand side by side, trained together."""

    members: int
    hidden: int
    dim: int
    """Width of one member; the embedding has `members * dim`."""
    dropout: float
    token_hidden: int
    token_dim: int


class LossPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the loss terms and the constants of the fine score."""

    fine: float
    intra: float
    scene: float
    smoothing: float
    balance: float
    temperature: float


class DataPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Data sets as `name:split`."""

    train: tuple[str, ...]
    validate: tuple[str, ...]
    rendered: int = 0
    """How many pictures of the sample world are added to the training data."""


class OptimiserPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AdamW with linear warm-up and a cosine to zero."""

    epochs: int
    batch: Positive
    rate: float
    decay: float
    warmup: float
    """Share of the steps."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: the towers run under autocast; weights, losses and the optimiser stay in fp32."""
    chunk: int = 0
    """Rows of a batch that go through the towers at a time (gradient caching); 0: all of them."""
    accumulate: Positive = 1
    """Batches whose gradients are averaged for one step of the optimiser."""
    average: Share = 0.0
    """Decay of a moving average of the weights, which is what is validated and exported; 0: none."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a training."""

    name: str
    description: str
    image: ImagePart
    text: TextPart
    heads: HeadPart
    loss: LossPart
    data: DataPart
    optimiser: OptimiserPart
    seed: int = 0


def recipe_names() -> list[str]:
    """Names of the recipes in the package."""
    folder = resources.files("swath") / "recipes"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_recipe(name: str | Path, changes: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe by its name in the package or its path.

    Args:
        name: `base`, or a YAML file.
        changes: dotted keys and values that replace the file's, such as `{"optimiser.epochs": 2}`.

    Raises:
        RecipeError: no such recipe, an unknown key (names the nearest), or a value of the wrong type.
    """
    content = _content(name, ())
    for dotted, value in (changes or {}).items():
        place = content
        *parents, last = dotted.split(".")
        for key in parents:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise RecipeError(f"recipe {name}: {dotted} is inside a value, not a section")
        place[last] = value
    try:
        return msgspec.convert(content, Recipe, strict=True)
    except msgspec.ValidationError as error:
        raise RecipeError(f"recipe {name}: {error}{_nearest(str(error))}") from error


def _content(name: str | Path, seen: tuple[str, ...]) -> dict[str, Any]:
    if str(name) in seen:
        raise RecipeError(f"recipes extend each other in a circle: {' > '.join((*seen, str(name)))}")
    try:
        content = yaml.safe_load(_text(name))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {name} is not a YAML mapping of sections")
    base = content.pop("extends", None)
    return _merge(_content(base, (*seen, str(name))), content) if base else content


def _text(name: str | Path) -> str:
    packaged = resources.files("swath") / "recipes" / f"{name}.yaml"
    if isinstance(name, str) and re.fullmatch(r"[\w/-]+", name) and packaged.is_file():
        return packaged.read_text()
    if Path(name).is_file():
        return Path(name).read_text()
    near = difflib.get_close_matches(str(name), recipe_names(), 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(recipe_names())}, or name a file."
    raise RecipeError(f"there is no recipe {str(name)!r}: {hint}")


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _nearest(message: str) -> str:
    unknown = re.search(r"unknown field `(\w+)`", message)
    if not unknown:
        return ""
    parts = [Recipe, ImagePart, TextPart, HeadPart, LossPart, DataPart, OptimiserPart]
    known = {key for part in parts for key in get_type_hints(part)}
    near = difflib.get_close_matches(unknown[1], known, 1)
    return f" (did you mean `{near[0]}`?)" if near else ""
