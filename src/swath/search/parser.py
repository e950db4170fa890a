"""Read a pipeline from its line. Every error is a `SpecError` that points at the place."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from swath.errors import SpecError
from swath.search.caret import listed, nearest, point, short
from swath.search.fusion import FUSIONS
from swath.search.pipeline import _BARE, PRESETS, UNSTATED, Auto, Fuse, Method, Pipeline, Source, Step
from swath.search.stages import STAGES, Value

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark>[>(),;:=])|(?P<word>[^\s>(),;:="]+)""", re.S
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_KEY = re.compile(r"[a-z_][a-z0-9_]*")
_DEEPEST = 16
_LARGEST = 10**18
"""Of whole numbers."""
_DIGITS = 9
"""Most digits of K."""

Card = Mapping[str, Mapping[str, Value]]
"""Preset to the values that the encoder's card states for it."""


def parse(spec: str, card: Card | None = None) -> Pipeline:
    """The pipeline of a spec. `card` is what the encoder states for presets (its `presets`, if any).

    Raises `SpecError`.
    """
    return _Parser(spec, card or {}).pipeline()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    """Recursive descent over the tokens; `at` is the one that comes next."""

    def __init__(self, text: str, card: Card) -> None:
        self.text = text
        self.card = card
        self.tokens = list(self._lex())
        self.at = 0

    def _lex(self) -> Iterator[_Token]:
        place = 0
        while place < len(self.text):
            match = _TOKEN.match(self.text, place)
            if match is None:  # only an opening quote is no token
                self.fail("this quote is not closed", place, len(self.text))
            kind = str(match.lastgroup)
            if kind != "space":
                yield _Token(kind, match[0], place, match.end())
            place = match.end()
        yield _Token("end", "", len(self.text), len(self.text))

    # -- moving along

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, what: str, start: int, end: int) -> NoReturn:
        raise SpecError(f"Pipeline: {what}\n{point(self.text, start, end)}")

    def fail_at(self, what: str, token: _Token) -> NoReturn:
        self.fail(what, token.start, token.end)

    def ahead(self, mark: str) -> bool:
        return self.token.kind == "mark" and self.token.text == mark

    def take(self, mark: str) -> bool:
        found = self.ahead(mark)
        self.at += found
        return found

    def word(self, what: str) -> _Token:
        token = self.token
        if token.kind != "word":
            self.unexpected(what)
        self.at += 1
        return token

    # -- grammar

    def pipeline(self) -> Pipeline:
        source, stages = self.head()
        bounded = source.bounded
        for step in stages:
            bounded = _bounded_after(step, bounded)
        while self.take(">"):
            start = self.token
            step = self.stage()
            if step.kind == "recall":
                self.fail_at(f"{step.name} opens the gallery, so it stands first, or in fuse(...)", start)
            if step.kind == "rerank" and not bounded:
                before = stages[-1] if stages else source
                self.fail_at(
                    f"{step.name} reorders what comes before it, and {short(str(before))} has no K: "
                    "say how many candidates it gives, as in 'dense:100 > ...'",
                    start,
                )
            bounded = _bounded_after(step, bounded)
            stages.append(step)
        if self.token.kind != "end":
            self.unexpected("'>' and a stage, or the end,")
        return Pipeline(source, tuple(stages))

    def head(self) -> tuple[Source, list[Step]]:
        """What stands before the first '>': a source, or a preset, which may be more than that."""
        first = self.token
        if first.kind != "word" or first.text not in ("auto", *PRESETS):
            return self.source(0), []
        self.at += 1
        if first.text == "auto":
            if self.token.kind != "end":
                self.fail_at("auto stands alone: no arguments, no K and no further stage", self.token)
            return Auto(), []
        expanded = self.expand(first)
        if self.token.kind != "end" and not self.ahead(">"):
            self.fail_at(f"a preset takes neither arguments nor K; '>' may follow {first.text}", self.token)
        return expanded.source, list(expanded.stages)

    def expand(self, preset: _Token) -> Pipeline:
        stated = {**UNSTATED.get(preset.text, {}), **self.card.get(preset.text, {})}

        def filled(field: re.Match[str]) -> str:
            if field[1] not in stated:
                self.fail_at(
                    f"preset {preset.text} takes {field[1]} from the encoder's card, which has none", preset
                )
            return str(stated[field[1]])

        template = PRESETS[preset.text]
        inner = _Parser(re.sub(r"\{(\w+)\}", filled, template), {})
        try:
            return inner.pipeline()
        except SpecError as error:
            raise SpecError(f"In preset {preset.text}: {error}") from error

    def source(self, depth: int) -> Step | Fuse:
        first = self.token
        if not (first.kind == "word" and first.text == "fuse"):
            step = self.stage(first=True)
            if step.kind != "recall":
                self.fail_at(
                    f"{step.name} works on what a stage before it found; "
                    "start with one that opens the gallery",
                    first,
                )
            return step
        if depth == _DEEPEST:
            self.fail_at(f"fuse(...) more than {_DEEPEST} deep", first)
        self.at += 1
        if not self.take("("):
            self.unexpected("'(' and what to fuse")
        sources = [self.source(depth + 1)]
        while self.take(","):
            sources.append(self.source(depth + 1))
        method = self.method(len(sources)) if self.take(";") else Method()
        if not self.take(")"):
            self.unexpected("',' or ')'" if method == Method() else "')'")
        if self.ahead(":"):
            self.fail_at("a fusion has no K: its sides state theirs", self.token)
        return Fuse(tuple(sources), method)

    def method(self, sides: int) -> Method:
        first = self.word("a method of fusion")
        if first.text not in FUSIONS:
            self.fail_at(
                f"unknown method of fusion {short(first.text)}{nearest(first.text, FUSIONS)} "
                f"Known: {listed(FUSIONS)}",
                first,
            )
        args, options = self.arguments()
        method = Method(first.text, args, options)
        try:
            method.build().check(sides)
        except SpecError as error:
            self.fail(str(error), first.start, self.tokens[self.at - 1].end)
        return method

    def stage(self, first: bool = False) -> Step:
        token = self.word("a stage")
        name, bits = self.resolve(token, first)
        args, options = self.arguments()
        k = None
        if self.take(":"):
            number = self.word("K, a whole number,")
            if not re.fullmatch(f"[0-9]{{1,{_DIGITS}}}", number.text) or int(number.text) == 0:
                self.fail_at(f"K must be a whole number from 1 to {10**_DIGITS - 1}", number)
            k = int(number.text)
        step = Step(name, bits, args, options, k)
        try:
            step.build()
        except SpecError as error:
            self.fail(str(error), token.start, self.tokens[self.at - 1].end)
        return step

    def resolve(self, token: _Token, first: bool) -> tuple[str, int | None]:
        """Name and bits of a stage."""
        name = token.text.rstrip("0123456789")
        digits = token.text[len(name) :]
        if name not in STAGES or (digits and not STAGES[name].widths):
            if token.text in ("auto", *PRESETS):
                self.fail_at(f"{token.text} is a pipeline of its own: it stands at the start", token)
            if token.text == "fuse":
                self.fail_at("fuse(...) opens the gallery, so it stands first", token)
            known = [*STAGES, *(["fuse"] if first else [])]
            self.fail_at(
                f"unknown stage {short(token.text)}{nearest(token.text, known)} "
                f"Known: {listed([*STAGES, *PRESETS, 'auto', 'fuse'])}",
                token,
            )
        widths = STAGES[name].widths
        if not widths:
            return name, None
        if digits not in map(str, widths):
            self.fail_at(
                f"{name} needs its number of bits, one of {', '.join(f'{name}{w}' for w in widths)}", token
            )
        return name, int(digits)

    def arguments(self) -> tuple[tuple[Value, ...], tuple[tuple[str, Value], ...]]:
        args: list[Value] = []
        options: dict[str, Value] = {}
        if not self.take("("):
            return (), ()
        while True:
            token = self.token
            follows = self.tokens[self.at + 1] if token.kind == "word" else token
            if follows.kind == "mark" and follows.text == "=":
                if not _KEY.fullmatch(token.text):
                    self.fail_at("the name of an argument is lower-case letters, digits and '_'", token)
                if token.text in options:
                    self.fail_at(f"argument {short(token.text)} is given twice", token)
                self.at += 2
                options[token.text] = self.value()
            else:
                if options:
                    self.fail_at("an argument without a name stands before those with one", token)
                args.append(self.value())
            if self.take(")"):
                return tuple(args), tuple(options.items())
            if not self.take(","):
                self.unexpected("',' or ')'")

    def value(self) -> Value:
        token = self.token
        if token.kind == "quoted":
            self.at += 1
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.S)
        text = self.word("a value").text
        if text in ("true", "false"):
            return text == "true"
        if _NUMBER.fullmatch(text):
            whole = _INTEGER.fullmatch(text)
            number = float(text)
            if abs(number) > (_LARGEST if whole else sys.float_info.max):
                self.fail_at("this number is too large", token)
            return int(text) if whole else number
        if not _BARE.fullmatch(text):
            self.fail_at("this is neither a number nor a word: put it in double quotes", token)
        return text

    def unexpected(self, what: str) -> NoReturn:
        found = "it ends here" if self.token.kind == "end" else f"here is {short(self.token.text)}"
        self.fail_at(f"{what} must follow, and {found}", self.token)


def _bounded_after(step: Step, before: bool) -> bool:
    return step.bounded or (before and step.kind == "rerank")
