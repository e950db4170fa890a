"""Point at the place of a text that an error is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_WIDTH = 88
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def point(text: str, start: int, end: int) -> str:
    """`text` on one line, carets below the characters `start` to `end`; a long text is cut around them."""
    start = min(start, len(text))
    end = max(end, start + 1)
    first = max(0, start - _WIDTH // 2)
    shown = _UNPRINTABLE.sub(" ", text[first : first + _WIDTH])
    head = "..." if first else ""
    tail = "..." if first + _WIDTH < len(text) else ""
    carets = "^" * min(end - start, _WIDTH - (start - first))
    return f"  {head}{shown}{tail}\n  {' ' * (len(head) + start - first)}{carets}"


def short(text: str) -> str:
    """A piece of a text as an error names it: quoted, on one line, cut where it is long."""
    text = _UNPRINTABLE.sub(" ", text)
    return f"'{text[:40]}...'" if len(text) > 43 else f"'{text}'"


def listed(names: Iterable[str]) -> str:
    """Names in one order, with commas."""
    return ", ".join(sorted(names)) or "none"


def nearest(word: str, names: Iterable[str]) -> str:
    """How a sentence about an unknown word ends: by the name that is closest to it, where one is close."""
    close = get_close_matches(word[:64].lower(), list(names), 1, 0.5)
    return f"; did you mean '{close[0]}'?" if close else "."
