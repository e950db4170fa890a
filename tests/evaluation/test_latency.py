"""Text queries, part by part."""

from __future__ import annotations

import json

import pytest

from swath.errors import InputError, SpecError
from swath.evaluation.latency import WARM, latency_json, measure_latency
from swath.evaluation.speed import random_gallery
from tests.tiny import TinyEncoder


class _Counted(TinyEncoder):
    asked: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.asked = []

    def encode_texts(self, texts):  # type: ignore[no-untyped-def]
        self.asked += texts
        return super().encode_texts(texts)


def test_every_part_of_every_pipeline_is_timed() -> None:
    encoder = _Counted()
    gallery, _ = random_gallery(300, encoder.dim, frozenset({"dense"}))
    result = measure_latency(gallery, "random", encoder, ["dense", "auto", "hash64"], calls=5)
    assert [one.pipeline for one in result.pipelines] == ["dense", "dense", "hash64"]
    for one in result.pipelines:
        assert [part.name for part in one.parts] == ["encode", one.pipeline, "all"]
        assert all(0 <= part.p50 <= part.p95 for part in one.parts)
        assert one.parts[-1].p95 >= max(part.p50 for part in one.parts[:-1])
    assert len(encoder.asked) == 3 * (5 + WARM) and len(set(encoder.asked)) == 5 + WARM
    assert json.loads(latency_json(result))["tiles"] == 300


def test_what_cannot_be_timed_is_said() -> None:
    encoder = TinyEncoder()
    gallery, _ = random_gallery(30, encoder.dim, frozenset({"dense"}))
    with pytest.raises(InputError, match="one pipeline"):
        measure_latency(gallery, "random", encoder, [])
    with pytest.raises(SpecError):
        measure_latency(gallery, "random", encoder, ["desne"])
