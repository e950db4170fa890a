"""The format of archives, and how one of an older format is read.

A new format is a new number, a step that turns the pointer of the format before into its own, and the archive
that `tests/archive/make_format.py` makes of it. Older archives are then searched as they are; `swath upgrade`
makes the step for good, with hot columns of the new layout, in one commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FORMAT = 1
"""Raised whenever an older swath could not read a newer archive."""

STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From a format to the next: its pointer as a document, to the same pointer as the next format writes it."""


def brought_forward(document: dict[str, Any]) -> dict[str, Any]:
    """A pointer of any format up to the present one, in the present layout; `format` stays what it was."""
    number: int = document["format"]
    for step in range(number, FORMAT):
        document = STEPS[step](document)
    return {**document, "format": number}
