"""A recipe: everything that a training needs to be repeated, as one checked YAML file."""

from __future__ import annotations

import difflib
import os
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
import yaml

from swath.errors import RecipeError

_MOST_BRACKETS = 200
"""PyYAML takes time that grows with the square of nested ones, and more."""
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
    merge: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Block after which every 2 x 2 patches become their mean, before any tap; 0: none do."""


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
    tuned: int = 0
    """How many of the upper layers are trained as well, in the last `optimiser.trunk_epochs`."""
    dropout: Share = 0.1
    """In these layers."""


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
    inter: Literal["kl", "mil", "triplet"] = "kl"
    """How images and texts are told apart, at every granularity; see `training.losses`."""
    agreement: Literal["pearson", "kl"] = "pearson"
    """How the coarse scores learn from the fine ones, with the weight `intra`."""
    ramp: float = 0.0
    """Share of the steps over which the weight of `intra` rises from 0."""
    form: Literal["pool", "gate", "score"] = "pool"
    """Reading of the interaction block; see `models.interaction`."""
    region: float = 0.0
    """Weight of the loss at a granularity between: tokens averaged to `regions` x `regions` cells."""
    regions: Positive = 2
    soft: Share = 0.0
    """Share of the targets that goes to texts alike, by their sentence vectors; only with `inter: kl`."""
    soft_temperature: float = 0.05


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
    trunk_epochs: int = 0
    """So many of the last epochs train the layers of trunks that are not frozen, beside the heads."""
    trunk_rate: float = 1e-4
    """Their rate, with a warm-up and a cosine of their own."""
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
    task: Literal["dual"] = "dual"
    """What is trained: recipes of other tasks have other parts."""


Kind = TypeVar("Kind", bound=msgspec.Struct)


def recipe_names() -> list[str]:
    """Names of the recipes in the package: `base`, `ftf/lambda-0`."""
    folder = Path(str(resources.files("swath") / "recipes"))
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml"))


def task_of(name: str | Path) -> str:
    """What a recipe trains: its key `task`. Raises `RecipeError` as `load_recipe` does."""
    return str(_content(name, ()).get("task", "dual"))


def load_recipe(name: str | Path, changes: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe by its name in the package or its path.

    Args:
        name: `base`, or a YAML file.
        changes: dotted keys and values that replace the file's, such as `{"optimiser.epochs": 2}`.

    Raises:
        RecipeError: no such recipe, an unknown key (names the nearest), or a value of the wrong type.
    """
    return load_as(Recipe, name, changes)


def load_as(kind: type[Kind], name: str | Path, changes: dict[str, Any] | None = None) -> Kind:
    """`load_recipe` for a recipe of another task, a msgspec struct that forbids unknown fields."""
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
        return msgspec.convert(content, kind, strict=True)
    except msgspec.ValidationError as error:
        raise RecipeError(f"recipe {name}: {error}{_nearest(str(error), kind)}") from error


def _content(name: str | Path, seen: tuple[str, ...]) -> dict[str, Any]:
    if str(name) in seen:
        raise RecipeError(f"recipes extend each other in a circle: {' > '.join((*seen, str(name)))}")
    try:
        text = _text(name)
        if text.count("{") + text.count("[") > _MOST_BRACKETS:
            raise RecipeError(f"recipe {name} has over {_MOST_BRACKETS} brackets: it is no recipe")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name} is not YAML: {error}") from error
    except RecursionError as error:
        raise RecipeError(f"recipe {name} has brackets in brackets, too many of them") from error
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {name} is not a YAML mapping of sections")
    base = content.pop("extends", None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise RecipeError(f"recipe {name} extends {base!r:.40}: give the name of a recipe, or a file")
    return _merge(_content(base, (*seen, str(name))), content)


def _text(name: str | Path) -> str:
    packaged = resources.files("swath") / "recipes" / f"{name}.yaml"
    if isinstance(name, str) and re.fullmatch(r"[\w/-]{1,100}", name) and packaged.is_file():
        return packaged.read_text()
    # Unlike Path.is_file, os.path.isfile is simply false for a name that no file can have.
    if os.path.isfile(name):  # noqa: PTH113
        try:
            return Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise RecipeError(f"recipe {name} cannot be read: {error.strerror}") from error
    near = difflib.get_close_matches(str(name), recipe_names(), 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(recipe_names())}, or name a file."
    raise RecipeError(f"there is no recipe {str(name)!r}: {hint}")


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _nearest(message: str, kind: type[msgspec.Struct]) -> str:
    unknown = re.search(r"unknown field `(\w+)`", message)
    if not unknown:
        return ""
    parts = [kind, ImagePart, TextPart, HeadPart, LossPart, DataPart, OptimiserPart]
    known = {key for part in parts for key in get_type_hints(part)}
    near = difflib.get_close_matches(unknown[1], known, 1)
    return f" (did you mean `{near[0]}`?)" if near else ""
