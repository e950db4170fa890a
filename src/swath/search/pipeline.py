"""A search is a pipeline of stages: parsed from a line, kept as a value, printed back as the same line.

    pipeline = source { ">" stage }
    source   = stage | "fuse(" source { "," source } [ ";" method ] ")"
    stage    = NAME [BITS] [ "(" arg { "," arg } ")" ] [ ":" K ]
    arg      = value | key "=" value
    method   = NAME [ "(" arg { "," arg } ")" ]

`dense:100 > btgi` finds the 100 best by embedding and reorders them. `auto` stands alone and lets swath
choose. A preset is a name for a pipeline: it expands when it is parsed, and further stages may follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from swath.search.fusion import FUSIONS, Fusion
from swath.search.stages import STAGES, Kind, Stage, Value

PRESETS: dict[str, str] = {
    "sgpd": "sparse:1000 > lists(0.98):100",
    "cfitr": "{recall}:{k} > cross(blend={blend})",
    "ftf": "{recall}:{k} > btgi(balance={balance}, blend={blend}, temperature={temperature})",
}
"""Name to the spec it stands for. `{key}` is what the encoder's card states for this preset."""
UNSTATED: dict[str, dict[str, str]] = {
    "cfitr": {"recall": "hash128(bias=ppsr)"},
    "ftf": {"recall": "dense"},
}
"""What a preset takes where the card says nothing of it."""

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


@dataclass(frozen=True, slots=True)
class Step:
    """A stage as a spec names it."""

    name: str
    bits: int | None = None
    args: tuple[Value, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()
    """Named arguments, kept sorted by name."""
    k: int | None = None
    """How many candidates it emits at most; None: as many as it is asked for."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(sorted(self.options)))

    def build(self) -> Stage:
        """The stage itself. Raises `SpecError` where the arguments do not fit it."""
        return _built(self, str(self))

    @property
    def kind(self) -> Kind:
        """`recall`, `expand` or `rerank`."""
        return STAGES[self.name].kind

    @property
    def bounded(self) -> bool:
        """Whether the spec states how many candidates come out."""
        return self.k is not None

    def __str__(self) -> str:
        options = (part for option in self.options for part in option)
        return _spelt(self.name, self.bits, self.k, len(self.args), *self.args, *options)


@lru_cache(1024, typed=True)
def _spelt(name: str, bits: int | None, k: int | None, count: int, *values: Value) -> str:
    """A step by its parts: `count` arguments, then names and values; whoever asks often spells it once."""
    options = tuple(zip(map(str, values[count::2]), values[count + 1 :: 2], strict=True))
    shown = _arguments(Method(name, values[:count], options))
    return f"{name}{'' if bits is None else bits}{shown}" + ("" if k is None else f":{k}")


@lru_cache(1024)
def _built(step: Step, spec: str) -> Stage:  # noqa: ARG001
    """Stages are values, built once. The spec tells apart what is equal to Python: 1, 1.0 and true."""
    return STAGES[step.name].build(step.args, step.options, step.bits)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of fusion as a spec names it."""

    name: str = "rrf"
    args: tuple[Value, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(sorted(self.options)))

    def build(self) -> Fusion:
        """The method itself. Raises `SpecError` where the arguments do not fit it."""
        return FUSIONS[self.name].build(self.args, self.options)

    def __str__(self) -> str:
        return f"{self.name}{_arguments(self)}"


@dataclass(frozen=True, slots=True)
class Fuse:
    """Several sources joined into one list: all rows that any of them emits."""

    sources: tuple[Step | Fuse, ...]
    method: Method = Method()

    @property
    def bounded(self) -> bool:
        """Whether the spec states how many candidates come out at most."""
        return all(source.bounded for source in self.sources)

    def __str__(self) -> str:
        return f"fuse({', '.join(map(str, self.sources))}; {self.method})"


@dataclass(frozen=True, slots=True)
class Auto:
    """The source of the pipeline `auto`: what was measured chooses."""

    bounded = False

    def __str__(self) -> str:
        return "auto"


Source: TypeAlias = Step | Fuse | Auto


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a search runs. `parse(str(pipeline)) == pipeline`."""

    source: Source
    stages: tuple[Step, ...] = ()

    @property
    def steps(self) -> Iterator[Step]:
        """All stages that it names, in the order they run."""
        if not isinstance(self.source, Auto):
            yield from _leaves(self.source)
        yield from self.stages

    def __str__(self) -> str:
        return " > ".join(map(str, (self.source, *self.stages)))


def _leaves(source: Step | Fuse) -> Iterator[Step]:
    if isinstance(source, Step):
        yield source
    else:
        for side in source.sources:
            yield from _leaves(side)


def _arguments(part: Step | Method) -> str:
    shown = [*map(_print, part.args), *(f"{key}={_print(value)}" for key, value in part.options)]
    return f"({', '.join(shown)})" if shown else ""


def _print(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if _BARE.fullmatch(value) and value not in ("true", "false"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
