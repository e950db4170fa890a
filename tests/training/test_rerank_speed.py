"""The bench of reranking runs, and names what it measured."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

pytest.importorskip("torch")

from swath.training import rerank_speed
from swath.training.rerank_speed import measure_rerank


def test_every_method_at_every_layout_and_k(monkeypatch: pytest.MonkeyPatch) -> None:
    from swath.search.kernels import compiling

    monkeypatch.setattr(rerank_speed, "LAYOUTS", ((4, 8), (9, 16)))
    monkeypatch.setattr(rerank_speed, "_STORED", 20)
    monkeypatch.setattr(compiling, "_module", None)
    found = list(measure_rerank([5, 10], calls=3))
    compiled = find_spec("numba") is not None
    assert len(found) == 2 * 2 * (4 if compiled else 3)
    assert {(one.tokens, one.width, one.k) for one in found} == {
        (4, 8, 5), (4, 8, 10), (9, 16, 5), (9, 16, 10)
    }  # fmt: skip
    assert all(0 < one.fastest <= one.p50 for one in found)
    assert {one.bytes_per_tile for one in found if one.tokens == 4} == {40, 160}
    assert any("numba" in one.method for one in found) == compiled
