"""One answer: over runs, batches, threads, layouts and processes, with int8 rows and without."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from swath.search import EncodedQuery, MemoryGallery, run, run_many
from swath.types import Array, Candidates
from tests.search.galleries import ids_of, vectors_of

N, DIM = 2500, 64
SPECS = (
    "dense",
    "dense:40",
    "dense:50 > btgi(balance=0.4, blend=0.75, temperature=0.05)",
    "dense:50 > btgi:9",
    "fuse(dense:30, dense:60; sum(0.3, 0.7, norm=zscore)) > btgi:20",
)


def signals() -> dict[str, Array]:
    rng = np.random.default_rng(3)
    vectors = vectors_of(N, DIM, 1)
    vectors[::9] = vectors[4]  # equal tiles, so that ids decide
    return {"dense": vectors, "tokens": rng.integers(-127, 128, (N, 5, 16)).astype(np.int8)}


def asked() -> list[EncodedQuery]:
    rng, count = np.random.default_rng(8), 9
    guides = rng.normal(size=(count, 16))
    guides /= np.linalg.norm(guides, axis=1, keepdims=True)
    dense = vectors_of(count, DIM, 9).astype(np.float32)
    dense[3] = signals()["dense"][4]
    return [EncodedQuery(dense[i], ("words",), guides[i].astype(np.float32)) for i in range(count)]


def named(gallery: MemoryGallery, found: Candidates) -> list[tuple[bytes, bytes]]:
    """Ids and the bits of the scores."""
    return [
        (bytes(gallery.ids[row]), score.tobytes())
        for row, score in zip(found.rows.tolist(), found.scores, strict=True)
    ]


def answers(spec: str, queries: int = 9) -> list[list[tuple[bytes, bytes]]]:
    gallery = MemoryGallery(ids_of(N), signals(), compact=True)
    return [named(gallery, run(spec, gallery, query, 25)[0]) for query in asked()[:queries]]


@pytest.mark.parametrize("spec", SPECS)
def test_runs_batches_and_threads(spec: str) -> None:
    expected = answers(spec)
    assert answers(spec) == expected
    gallery = MemoryGallery(ids_of(N), signals(), compact=True)
    plain = MemoryGallery(ids_of(N), signals())
    queries = asked()
    for threads in (1, 2, 5):
        for where in (gallery, plain):
            found, _ = run_many(spec, where, queries, 25, threads=threads)
            assert [named(where, one) for one in found] == expected
        for size in (2, 9):
            some, _ = run_many(spec, gallery, queries[:size], 25, threads=threads)
            assert [named(gallery, one) for one in some] == expected[:size]


@pytest.mark.parametrize("spec", SPECS)
def test_layouts(spec: str) -> None:
    expected = answers(spec)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(N)
        names = np.array(ids_of(N))[order].tolist()
        moved = MemoryGallery(names, {key: each[order] for key, each in signals().items()}, compact=seed > 0)
        assert [named(moved, run(spec, moved, query, 25)[0]) for query in asked()] == expected


@pytest.mark.parametrize("spec", SPECS)
def test_masks_give_what_smaller_galleries_give(spec: str) -> None:
    whole = MemoryGallery(ids_of(N), signals(), compact=True)
    for share in (0.5, 0.1, 0.01):
        allowed = np.random.default_rng(int(1000 * share)).random(N) < share
        names = [name for name, kept in zip(ids_of(N), allowed, strict=True) if kept]
        part = MemoryGallery(names, {key: each[allowed] for key, each in signals().items()}, compact=True)
        for query in asked()[:4]:
            found = run(spec, whole, query, 25, allowed)[0]
            assert named(whole, found) == named(part, run(spec, part, query, 25)[0])


def digest() -> str:
    return sha256(repr([answers(spec, 3) for spec in SPECS]).encode()).hexdigest()


def test_processes() -> None:
    expected = digest()
    code = "from tests.search.test_determinism import digest; print(digest())"
    for threads, seed in (("1", "1"), ("2", "77")):
        settings = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **settings},
        )
        assert done.stdout.strip() == expected
