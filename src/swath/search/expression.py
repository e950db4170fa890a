"""Read a filter expression. Every error is an `ExpressionError` that points at the place.

    expression  = conjunction { "or" conjunction }
    conjunction = term { "and" term }
    term        = "not" term | "(" expression ")" | comparison
    comparison  = key ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) literal
                | key "in" "(" literal { "," literal } ")"

Keys and literals are bare words or stand in single or double quotes; `and`, `or`, `not` and `in` in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from swath.errors import ExpressionError
from swath.search.caret import point, short

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>!=|<=|>=|==|<>|[=<>!])
      | (?P<mark>[(),])
      | (?P<word>[^\s"'!=<>(),]+)""",
    re.S | re.X,
)
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_MEANT = {"==": "=", "<>": "!=", "!": "not"}
_KEYWORDS = ("and", "or", "not", "in")
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it was written, and where."""

    text: str
    quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`key operator literal`; several literals for `in`."""

    key: Literal
    operator: str
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """What its term is not."""

    term: Term


@dataclass(frozen=True, slots=True)
class Every:
    """All of its terms."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of its terms."""

    terms: tuple[Term, ...]


Term: TypeAlias = Comparison | Not | Every | Some


@dataclass(frozen=True, slots=True)
class Expression:
    """A filter expression; `text` is kept so that later errors can point at it."""

    text: str
    root: Term

    def fail(self, what: str, at: Literal) -> NoReturn:
        """Raise the `ExpressionError` that points at a key or literal."""
        raise ExpressionError(f"Filter: {what}\n{point(self.text, at.start, at.end)}")


def parse_expression(text: str) -> Expression:
    """The expression of a text. Raises `ExpressionError`."""
    return Expression(text, _Parser(text).expression())


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        word = self.text.lower() if self.kind == "word" else ""
        return word if word in _KEYWORDS else ""


class _Parser:
    """Recursive descent over the tokens; `at` is the one that comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
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

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, what: str, start: int, end: int) -> NoReturn:
        raise ExpressionError(f"Filter: {what}\n{point(self.text, start, end)}")

    def expected(self, what: str) -> NoReturn:
        token = self.token
        found = "it ends here" if token.kind == "end" else f"here is {short(token.text)}"
        self.fail(f"{what} must follow, and {found}", token.start, token.end)

    def take(self, mark: str) -> bool:
        found = self.token.kind == "mark" and self.token.text == mark
        self.at += found
        return found

    def take_keyword(self, word: str) -> bool:
        found = self.token.keyword == word
        self.at += found
        return found

    def expression(self) -> Term:
        root = self.disjunction(0)
        if self.token.kind != "end":
            self.expected("'and', 'or' or the end")
        return root

    def disjunction(self, depth: int) -> Term:
        terms = [self.conjunction(depth)]
        while self.take_keyword("or"):
            terms.append(self.conjunction(depth))
        return terms[0] if len(terms) == 1 else Some(tuple(terms))

    def conjunction(self, depth: int) -> Term:
        terms = [self.term(depth)]
        while self.take_keyword("and"):
            terms.append(self.term(depth))
        return terms[0] if len(terms) == 1 else Every(tuple(terms))

    def term(self, depth: int) -> Term:
        first = self.token
        inverted = False
        while self.take_keyword("not"):
            inverted = not inverted
        if self.token.kind == "mark" and self.token.text == "(":
            if depth == _DEEPEST:
                self.fail(f"brackets more than {_DEEPEST} deep", first.start, first.end)
            self.at += 1
            term = self.disjunction(depth + 1)
            if not self.take(")"):
                self.expected("'and', 'or' or ')'")
        else:
            term = self.comparison()
        return Not(term) if inverted else term

    def comparison(self) -> Comparison:
        key = self.literal("the name of an attribute")
        if self.take_keyword("in"):
            if not self.take("("):
                self.expected("a list in brackets, as in (a, b),")
            literals = [self.literal("a value")]
            while self.take(","):
                literals.append(self.literal("a value"))
            if not self.take(")"):
                self.expected("',' or ')'")
            return Comparison(key, "in", tuple(literals))
        operator = self.token
        if operator.kind != "operator" or operator.text not in _OPERATORS:
            meant = _MEANT.get(operator.text) if operator.kind == "operator" else None
            self.expected(f"{', '.join(_OPERATORS)} or in" + (f" (write {meant})" if meant else ""))
        self.at += 1
        return Comparison(key, operator.text, (self.literal("a value"),))

    def literal(self, what: str) -> Literal:
        token = self.token
        if token.kind not in ("word", "quoted") or token.keyword:
            self.expected(f"{what}{' (quote a word that is a keyword)' if token.keyword else ''}")
        self.at += 1
        quoted = token.kind == "quoted"
        text = re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.S) if quoted else token.text
        return Literal(text, quoted, token.start, token.end)
