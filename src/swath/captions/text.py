"""The one way to compare captions as words."""

from __future__ import annotations

import re

_OTHER = re.compile(r"[^a-z0-9]+")


def normalise(text: str) -> str:
    """Lower case, every run of characters outside a-z 0-9 as one space, no space at the ends.

    Two captions count as equal when their normalised forms are. A caption without a letter or digit becomes
    the empty string.
    """
    return _OTHER.sub(" ", text.lower()).strip(" ")
