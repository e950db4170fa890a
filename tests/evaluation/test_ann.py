"""The benchmark of nearest-neighbour search, small, and the vectors that it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation import ann
from swath.evaluation.growth import grow, likeness
from swath.evaluation.peers import PEERS


def real(count: int = 900, dim: int = 24, seed: int = 0) -> NDArray[np.float32]:
    """Unit rows around forty centres, of a low local dimension."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(6, dim))
    rows = (
        rng.normal(size=(40, dim))[rng.integers(40, size=count)] + 0.6 * rng.normal(size=(count, 6)) @ basis
    )
    made: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def test_vectors_that_are_made_are_like_the_real_ones() -> None:
    images = real()
    texts = real(100, seed=3) + 0.1
    grown, spread = grow(images, 4000)
    assert grown.shape == (4000, 24) and spread > 0
    np.testing.assert_array_equal(grown[:900], images.astype(np.float16))
    np.testing.assert_allclose(np.linalg.norm(grown.astype(np.float32), axis=1), 1, atol=2e-3)
    before, after = likeness(images.astype(np.float16), texts), likeness(grown, texts)
    assert 0.6 < after.dimension[0] / before.dimension[0] < 1.6
    assert abs(after.gap - before.gap) < 0.1
    np.testing.assert_allclose(after.pairs, before.pairs, atol=0.15)
    again, _ = grow(images, 4000)
    np.testing.assert_array_equal(grown, again)


def test_too_few_vectors_to_grow() -> None:
    with pytest.raises(InputError, match="too few"):
        grow(real(10), 100)


def test_peers_are_measured_one_by_one_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(ann, "_AFTER", 10)
    folder = tmp_path / "bench"
    ann.prepare(folder, real(), real(60, seed=3), 1200)
    first = ann.measure(folder, "brute force")
    assert [one.texts for one in first.settings] == [1.0]
    lists = ann.measure(folder, "swath ivf")
    # Each setting promises more than the one before, and finds no less.
    recalls = [one.tuning for one in lists.settings]
    assert recalls == sorted(recalls) and recalls[-1] > 0.95
    chosen = ann.reaching(lists, 0.95)
    assert chosen is not None and chosen.tuning >= 0.95
    assert ann.reaching(lists, 1.1) is None


def test_a_benchmark_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    ann.prepare(folder, real(), real(60, seed=3), 1000)
    result = ann.bench(folder, ["swath dense", "swath sgpd"])
    assert [one.name for one in result.peers] == ["swath dense"]
    assert "needs a word head" in result.missing["swath sgpd"]
    written = folder / "results" / "swath-dense.json"
    before = written.stat().st_mtime_ns
    assert ann.bench(folder, ["swath dense"]).peers == result.peers
    assert written.stat().st_mtime_ns == before
    assert ann.pareto_chart(result).startswith("<svg")
    with pytest.raises(InputError, match="no peer 'annoy'"):
        ann.bench(folder, ["annoy"])
    with pytest.raises(InputError, match="another benchmark"):
        ann.prepare(folder, real(), real(60, seed=3), 1100)


def test_every_peer_has_a_module() -> None:
    folder = Path(ann.__file__).parent / "peers"
    assert all((folder / f"{module}.py").is_file() for module in PEERS.values())
