"""Nearest-neighbour search beside its peers: recall, latency, throughput, memory, building.

The folder of a benchmark holds `vectors.npy` float16[n, D], `texts.npy` (queries, their words beside them in
`texts.json`), `tuning.npy` and `asked.npy` (halves of the texts: the first calibrates and chooses settings,
the second is measured), `pictures.npy`, what is exact for each, a built index for each peer in `built`, and
one result for each in `results`. A stopped benchmark goes on with what is missing. Each peer is built and
measured in processes of its own (`swath.evaluation.ann_peer`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.evaluation.growth import grow, likeness
from swath.evaluation.peers import BUILT_AS, PEERS
from swath.int8 import quantise
from swath.search.kernels.exact import top
from swath.types import Progress

K = 10
TEXTS = 400
"""Texts at most that calibrate and choose, and as many that are measured."""
PICTURES = 100
"""Pictures that query and are not among the vectors."""
LIMIT = 1200
"""Seconds that building a peer may keep every core busy, and as many for measuring it: time that other
programs take from it does not count."""
THREADS = (1, 2)
TRIALS = "pipelines"
"""Stands for a peer's name where pipelines are measured."""


class Setting(msgspec.Struct, frozen=True):
    """One position of a peer's knob. Milliseconds are medians of one query alone."""

    setting: str
    tuning: float
    """Recall@10 on the texts that settings are chosen with."""
    texts: float
    """On the other texts."""
    pictures: float
    single: float
    """With one thread."""
    double: float
    """With two."""
    batch: float
    """Queries a second, in batches of 32 with two threads."""
    visited: float = 0.0
    """Tiles that the last stage of a pipeline of ours scores for a text, on average."""
    covered: float = 0.0
    """Share of the other texts whose 10 best were all found."""
    stages: dict[str, float] = {}
    """Milliseconds by stage of a pipeline of ours, medians."""


class PeerResult(msgspec.Struct, frozen=True):
    """What one peer does."""

    name: str
    build_seconds: float
    """On the clock."""
    build_work: float
    """Processor seconds, which other programs leave as they are."""
    bytes_per_tile: float
    """Proportional set size after 1,000 queries, less that of the process before, for each vector."""
    settings: tuple[Setting, ...]


class AnnResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.ann/1"):
    """All peers over the same vectors."""

    vectors: int
    dim: int
    seed: int
    spread: float
    """Of the vectors that were made; 0: all are real."""
    real: dict[str, Any]
    grown: dict[str, Any]
    peers: tuple[PeerResult, ...]
    missing: dict[str, str]
    """Peers without a result, and why."""
    environment: dict[str, str]
    swath: str


def prepare(
    folder: Path,
    images: NDArray[np.float32],
    texts: NDArray[np.float32],
    count: int,
    *,
    captions: Sequence[str] = (),
    head: Path | None = None,
    seed: int = 0,
) -> None:
    """Make the folder's vectors and queries, once.

    Raises `InputError` where the parts do not fit, or the folder holds another benchmark.
    """
    if images.shape[1] != texts.shape[1] or (captions and len(captions) != len(texts)):
        raise InputError(
            f"{images.shape[1]} numbers an image, {texts.shape[1]} a text, {len(captions)} captions"
        )
    if len(texts) < 2 * K or len(images) < PICTURES + 100:
        raise InputError(f"{len(texts)} texts and {len(images)} images are too few for a benchmark")
    facts = {"count": count, "seed": seed, "images": len(images), "texts": len(texts)}
    known = folder / "facts.json"
    if known.is_file():
        if {k: v for k, v in json.loads(known.read_text()).items() if k in facts} != facts:
            raise InputError(f"{folder} holds another benchmark: name another folder with --out")
        return
    (folder / "results").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    real = images[np.sort(order[PICTURES:])]
    vectors, spread = grow(real, count, seed)
    np.save(folder / "vectors.npy", vectors)
    chosen = rng.permutation(len(texts))[: 2 * TEXTS]
    halves = np.array_split(chosen, 2)
    queries = {"tuning": texts[halves[0]], "asked": texts[halves[1]], "pictures": images[order[:PICTURES]]}
    np.save(folder / "texts.npy", texts[chosen])
    if captions:
        (folder / "texts.json").write_text(json.dumps([captions[i] for i in chosen]))
    ids = np.arange(len(vectors)).astype("S12")
    compact = quantise(vectors)
    for name, rows in queries.items():
        found, _ = top(vectors, ids, np.ascontiguousarray(rows), K, compact=compact)
        np.save(folder / f"{name}.npy", rows)
        np.save(folder / f"{name}_best.npy", np.stack([one.rows for one in found]))
    if head is not None:
        shutil.copytree(head, folder / "head", dirs_exist_ok=True)
    found_out: dict[str, Any] = {
        **facts,
        "spread": spread,
        "real": asdict(likeness(real.astype(np.float16), texts)),
        "grown": asdict(likeness(vectors, texts)),
    }
    known.write_text(json.dumps(found_out, indent=1))


def bench(
    folder: Path,
    names: Sequence[str] = tuple(PEERS),
    *,
    only_build: bool = False,
    progress: Progress | None = None,
) -> AnnResult:
    """Build and measure the peers that have no result yet, and put all results together.

    `only_build` measures none. Raises `InputError` for a name that is no peer's.
    """
    if unknown := [name for name in names if name not in PEERS]:
        raise InputError(f"there is no peer {unknown[0]!r}: there are {', '.join(PEERS)}")
    missing = {}
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names), f"peers, now {name}")
        if not result_file(folder, name).is_file():
            reason = build(folder, name) or ("" if only_build else measure(folder, name))
            if reason:
                missing[name] = reason
    facts = json.loads((folder / "facts.json").read_text())
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    done = [result_file(folder, name) for name in PEERS if result_file(folder, name).is_file()]
    return AnnResult(
        vectors=len(vectors),
        dim=vectors.shape[1],
        seed=facts["seed"],
        spread=facts["spread"],
        real=facts["real"],
        grown=facts["grown"],
        peers=tuple(msgspec.json.decode(path.read_bytes(), type=PeerResult) for path in done),
        missing=missing,
        environment=environment(),
        swath=swath_version(),
    )


def build(folder: Path, name: str) -> str:
    """Build a peer with all cores unless it is built; gives why it is not, if it is not."""
    if built_folder(folder, name).is_dir():
        return ""
    return _run(("build", str(folder), name), {})


def measure(folder: Path, name: str, pipelines: Sequence[str] = ()) -> str:
    """Measure a built peer, or pipelines by its lists; gives why there is no result, if there is none."""
    for threads in THREADS:
        # Libraries read the number of threads when they are loaded.
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        limits = dict.fromkeys(names, str(threads))
        reason = _run(("measure", str(folder), name, str(threads), *pipelines), limits)
        if reason:
            return reason
    return ""


def trials(folder: Path, pipelines: Sequence[str], by: str = "swath sgpd") -> PeerResult:
    """Pipelines of ours, measured by the lists that a peer of ours has built; a setting is a pipeline.

    Raises `InputError` where that peer is not built, or a pipeline cannot be run.
    """
    if reason := build(folder, by) or measure(folder, by, pipelines):
        raise InputError(f"the pipelines cannot be measured: {reason}")
    return msgspec.json.decode(result_file(folder, TRIALS).read_bytes(), type=PeerResult)


def _run(arguments: Sequence[str], limits: dict[str, str]) -> str:
    command = [sys.executable, "-m", "swath.evaluation.ann_peer", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **limits}, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode == -signal.SIGXCPU:
        return f"stopped after {LIMIT} s on all cores"
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def result_file(folder: Path, name: str) -> Path:
    """Where the result of a peer is kept."""
    return folder / "results" / f"{_plain(name)}.json"


def built_folder(folder: Path, name: str) -> Path:
    """Where a built peer is kept."""
    return folder / "built" / _plain(BUILT_AS.get(name, name))


def _plain(name: str) -> str:
    return name.replace(" ", "-")


def reaching(result: PeerResult, recall: float) -> Setting | None:
    """The fastest setting that reaches a recall on the texts that settings are chosen with."""
    enough = [one for one in result.settings if one.tuning >= recall]
    return min(enough, key=lambda one: one.single) if enough else None
