"""The benchmark of nearest-neighbour search, small, and the vectors that it makes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from swath.encoders import HeadCard, Terms, write_head, write_terms
from swath.errors import InputError
from swath.evaluation import ann, ann_peer, growth
from swath.evaluation.ann_chart import pareto_chart
from swath.evaluation.growth import grow, likeness
from swath.evaluation.peers import PEERS, peer


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


def test_what_is_made_does_not_depend_on_how_much_is_made() -> None:
    near = growth._neighbours(real(), np.random.default_rng(0))
    few, many = (np.concatenate(list(growth._made(real(), near, n, 0.3, 0))) for n in (500, 5000))
    np.testing.assert_array_equal(few, many[:500])
    # By the definition: the row, and a mixture of the steps to its neighbours.
    rng = np.random.default_rng((0, 1))
    origin = rng.integers(900, size=4096)[7]
    weights = 0.3 * rng.normal(size=(4096, 1, 16))[7, 0]
    steps = [w * (real()[row] - real()[origin]) for w, row in zip(weights, near[origin], strict=True)]
    moved = real()[origin] + np.sum(steps, 0)
    np.testing.assert_allclose(few[7], moved / np.linalg.norm(moved), atol=1e-5)


def test_fewer_than_there_are_come_from_all_of_them() -> None:
    images = real()
    drawn, spread = grow(images, 100)
    assert spread == 0 and drawn.shape == (100, 24)
    places = [int(np.flatnonzero((images.astype(np.float16) == row).all(1))[0]) for row in drawn]
    assert len(set(places)) == 100 and max(places) > 800


def test_too_few_vectors_to_grow() -> None:
    with pytest.raises(InputError, match="too few"):
        grow(real(10), 100)


@pytest.fixture(autouse=True)
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in {"_AFTER": 10, "_TIMED": 8, "_WARM": 1}.items():
        monkeypatch.setattr(ann_peer, name, count)


def measured(folder: Path, name: str, pipelines: tuple[str, ...] = ()) -> ann.PeerResult:
    """In this process."""
    if not ann.built_folder(folder, name).is_dir():
        ann_peer.build(folder, name)
    for threads in (1, 2):
        ann_peer.measure(folder, name, threads, pipelines)
    kept = ann.result_file(folder, ann.TRIALS if pipelines else name)
    return msgspec.json.decode(kept.read_bytes(), type=ann.PeerResult)


@pytest.fixture
def head(tmp_path: Path) -> tuple[Path, list[str]]:
    """A head of two words, and captions that hold them."""
    place = tmp_path / "head"
    place.mkdir()
    rng = np.random.default_rng(1)
    terms = Terms(
        ("boat", "field"),
        rng.normal(size=(4, 24)).astype(np.float32),
        np.ones(4, np.float32),
        np.zeros(4, np.float32),
        rng.normal(size=(2, 4)).astype(np.float32),
        np.zeros(2, np.float32),
    )
    write_terms(place, terms)
    settings = {"image_terms": 48, "expansion": "topm", "extra": 8, "floor": 0.05}
    write_head(HeadCard(name="words", kind="sgpd", encoder="none", settings=settings), place)
    return place, [f"{word} number {i}" for i in range(30) for word in ("boat", "field")]


def test_peers_are_measured_one_by_one_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    folder = tmp_path / "bench"
    ann.prepare(folder, real(), real(60, seed=3), 1200)
    first = measured(folder, "brute force")
    assert [(one.texts, one.covered, one.stages) for one in first.settings] == [(1.0, 1.0, {})]
    assert first.settings[0].single > 0 and first.settings[0].batch > 0 and first.build_seconds > 0
    lists = measured(folder, "swath ivf")
    # Each setting promises more than the one before, and finds no less.
    recalls = [one.tuning for one in lists.settings]
    assert recalls == sorted(recalls) and recalls[-1] > 0.95
    assert all(0 < one.visited <= 1200 and one.stages.keys() == {one_stage(one)} for one in lists.settings)
    chosen = ann.reaching(lists, 0.95)
    assert chosen is not None and chosen.tuning >= 0.95
    assert ann.reaching(lists, 1.1) is None


def one_stage(setting: ann.Setting) -> str:
    return f"ivf({setting.setting})"


@pytest.mark.parametrize("name", [name for name in PEERS if name.startswith(("faiss", "usearch"))])
def test_every_library_finds_what_is_near(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name.split()[0])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    rows = real(dim=96)
    ann.prepare(tmp_path, rows, real(60, dim=96, seed=3), len(rows) - ann.PICTURES)
    ann_peer.build(tmp_path, name)
    one = peer(name)
    index = one.open(tmp_path, ann.built_folder(tmp_path, name))
    found = index.search(np.load(tmp_path / "asked.npy"), 10, one.settings[-1], 1)
    best = np.load(tmp_path / "asked_best.npy")
    assert np.mean([np.isin(wanted, row).mean() for wanted, row in zip(best, found, strict=True)]) > 0.9


def test_pipelines_by_the_lists_of_a_peer(tmp_path: Path, head: tuple[Path, list[str]]) -> None:
    folder = tmp_path / "bench"
    ann.prepare(folder, real(), real(60, seed=3), 1200, captions=head[1], head=head[0])
    assert measured(folder, "swath sgpd").settings[-1].texts > 0.9
    found = measured(folder, "swath sgpd", ("ivf(tiles=1.0)", "sparse:9 > lists(tiles=0.1)"))
    everything, few = found.settings
    assert (everything.texts, everything.visited) == (1.0, 1200)
    assert few.visited < 0.15 * 1200 and list(few.stages) == ["sparse:9", "lists(tiles=0.1)"]


def test_what_is_built_is_measured_later(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    ann.prepare(folder, real(), real(60, seed=3), 1000)
    assert not ann.bench(folder, ["swath dense"], only_build=True).peers
    seconds = (ann.built_folder(folder, "swath dense") / "seconds.json").read_text()
    result = ann.bench(folder, ["swath dense", "swath sgpd"])
    assert [one.name for one in result.peers] == ["swath dense"]
    assert [result.peers[0].build_seconds, result.peers[0].build_work] == json.loads(seconds)
    assert "needs a word head" in result.missing["swath sgpd"]
    written = folder / "results" / "swath-dense.json"
    before = written.stat().st_mtime_ns
    assert ann.bench(folder, ["swath dense"]).peers == result.peers
    assert written.stat().st_mtime_ns == before
    assert pareto_chart(result).startswith("<svg")
    with pytest.raises(InputError, match="no peer 'annoy'"):
        ann.bench(folder, ["annoy"])
    with pytest.raises(InputError, match="another benchmark"):
        ann.prepare(folder, real(), real(60, seed=3), 1100)
    with pytest.raises(InputError, match="needs a word head"):
        ann.trials(folder, ["ivf(0.9)"])


def test_every_peer_has_a_module() -> None:
    folder = Path(ann.__file__).parent / "peers"
    assert all((folder / f"{module}.py").is_file() for module in PEERS.values())
