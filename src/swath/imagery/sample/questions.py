"""Plain queries whose right windows the truth of the sample world tells."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """A query, the kind it asks for, and a thing that every right window shows."""

    text: str
    kind: str
    thing: str


QUESTIONS: tuple[Question, ...] = (
    Question("a beach", "coast", "beach"),
    Question("boats in a harbour", "harbour", "boat"),
    Question("planes at an airport", "airport", "plane"),
    Question("round storage tanks", "storage tanks", "tank"),
    Question("a stadium", "stadium", "stadium"),
    Question("a residential area", "residential area", "house"),
    Question("a forest", "forest", "forest"),
    Question("farmland", "farmland", "field"),
    Question("a bridge over a river", "river and bridge", "bridge"),
    Question("a parking lot with cars", "roads and car parks", "car park"),
)
KINDS: tuple[str, ...] = tuple(question.kind for question in QUESTIONS)
