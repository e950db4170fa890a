"""Nearest-neighbour search beside its peers: recall, latency, throughput, memory, building.

The folder of a benchmark holds `vectors.npy` float16[n, D], `texts.npy` (queries, their words beside them in
`texts.json`), `tuning.npy` and `asked.npy` (halves of the texts: the first calibrates and chooses settings,
the second is measured), `pictures.npy`, what is exact for each, and one result for each peer in `results`. A
stopped benchmark goes on with the peers that are missing. Each peer runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.evaluation.growth import grow, likeness
from swath.evaluation.peers import PEERS, Index, peer
from swath.evaluation.plots import COLOURS, document, legend
from swath.int8 import quantise
from swath.search.kernels.exact import top
from swath.types import Progress

K = 10
TEXTS = 200
"""Texts at most that calibrate and choose, and as many that are measured."""
PICTURES = 100
"""Pictures that query and are not among the vectors."""
LIMIT = 1200
"""Seconds that a peer may take."""
_BATCH = 32
_AFTER = 1000
"""Queries after which memory is looked at."""


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


class PeerResult(msgspec.Struct, frozen=True):
    """What one peer does."""

    name: str
    build_seconds: float
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
    folder: Path, names: Sequence[str] = tuple(PEERS), *, progress: Progress | None = None
) -> AnnResult:
    """Run the peers that have no result yet, and put all results together.

    Raises `InputError` for a name that is no peer's.
    """
    if unknown := [name for name in names if name not in PEERS]:
        raise InputError(f"there is no peer {unknown[0]!r}: there are {', '.join(PEERS)}")
    missing = {}
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names), f"peers, now {name}")
        if not _result(folder, name).is_file():
            reason = _run(folder, name)
            if reason:
                missing[name] = reason
    facts = json.loads((folder / "facts.json").read_text())
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    done = [_result(folder, name) for name in PEERS if _result(folder, name).is_file()]
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


def _run(folder: Path, name: str) -> str:
    """Measure a peer in a process of its own; gives why it has no result, if it has none."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "swath.evaluation.ann", str(folder), name]
    # Libraries read the number of threads when they are loaded; what builds with more says so itself.
    with subprocess.Popen(
        command, env={**os.environ, **single}, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, said = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"stopped after {LIMIT} s"
    lines = said.strip().splitlines()
    return "" if process.returncode == 0 else (lines[-1] if lines else f"exit code {process.returncode}")


def measure(folder: Path, name: str) -> PeerResult:
    """Build a peer and turn its knob. Raises what the peer raises."""
    one = peer(name)
    if one.needs == "head" and not (folder / "head" / "card.json").is_file():
        raise InputError(f"{name} needs a word head: give --head and --captions")
    queries = {name: np.load(folder / f"{name}.npy") for name in ("tuning", "asked", "pictures")}
    best = {name: np.load(folder / f"{name}_best.npy") for name in queries}
    before = _proportional()
    begun = perf_counter()
    index = one.build(folder)
    seconds = perf_counter() - begun
    settings = tuple(_measured(index, setting, queries, best) for setting in one.settings)
    asked = queries["asked"]
    for number in range(_AFTER):
        index.search(asked[number % len(asked)][None], K, one.settings[-1], 1)
    count = len(np.load(folder / "vectors.npy", mmap_mode="r"))
    return PeerResult(name, seconds, (_proportional() - before) / count, settings)


def _measured(
    index: Index,
    setting: Any,
    queries: Mapping[str, NDArray[np.float32]],
    best: Mapping[str, NDArray[np.int64]],
) -> Setting:
    shares, times = {}, {}
    for name, rows in queries.items():
        took, hits = [], []
        for query, wanted in zip(rows, best[name], strict=True):
            begun = perf_counter()
            found = index.search(query[None], K, setting, 1)
            took.append(perf_counter() - begun)
            hits.append(np.isin(wanted, found[0]).mean())
        shares[name], times[name] = float(np.mean(hits)), 1e3 * float(np.median(took))
    asked = queries["asked"]
    double = []
    for query in asked[:50]:
        begun = perf_counter()
        index.search(query[None], K, setting, 2)
        double.append(perf_counter() - begun)
    begun = perf_counter()
    for start in range(0, len(asked), _BATCH):
        index.search(asked[start : start + _BATCH], K, setting, 2)
    rate = len(asked) / (perf_counter() - begun)
    return Setting(
        str(setting),
        shares["tuning"],
        shares["asked"],
        shares["pictures"],
        times["asked"],
        1e3 * float(np.median(double)),
        rate,
    )


def _proportional() -> int:
    """Bytes of this process, its share of what others map as well."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _result(folder: Path, name: str) -> Path:
    return folder / "results" / f"{name.replace(' ', '-')}.json"


def reaching(result: PeerResult, recall: float) -> Setting | None:
    """The fastest setting that reaches a recall on the texts that settings are chosen with."""
    enough = [one for one in result.settings if one.tuning >= recall]
    return min(enough, key=lambda one: one.single) if enough else None


def pareto_chart(result: AnnResult) -> str:
    """Recall@10 of texts over milliseconds of one query, a line for each peer, as SVG."""
    width, height, left, top = 560, 320, 60, 30
    points = {one.name: sorted((s.single, s.texts) for s in one.settings) for one in result.peers}
    if not points:
        raise InputError("no peer has a result: there is nothing to draw")
    decades = [float(np.log10(x)) for line in points.values() for x, _ in line]
    first, last = int(np.floor(min(decades))), int(np.floor(max(decades))) + 1
    low = min(y for line in points.values() for _, y in line)
    bottom = max(0.0, np.floor(20 * low) / 20 - 0.05)
    parts = []
    for share in np.linspace(bottom, 1, 6):
        y = top + height * (1 - (share - bottom) / (1 - bottom))
        parts.append(
            f'<path d="M{left} {y:.1f}h{width}" stroke="#ddd"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.3g}</text>'
        )
    for decade in range(first, last + 1):
        x = left + width * (decade - first) / (last - first)
        parts.append(
            f'<path d="M{x:.1f} {top}v{height}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{top + height + 18}" text-anchor="middle">{10.0**decade:g} ms</text>'
        )
    for place, line in enumerate(points.values()):
        marks = [
            (
                left + width * (float(np.log10(x)) - first) / (last - first),
                top + height * (1 - (y - bottom) / (1 - bottom)),
            )
            for x, y in line
        ]
        colour = COLOURS[place % len(COLOURS)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in marks)
        parts.append(f'<path d="M{path}" stroke="{colour}" fill="none" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in marks]
    title = f"recall@10 of {result.vectors:,} vectors, text queries, one at a time on one thread"
    parts.append(f'<text x="{left}" y="{top - 10}">{escape(title)}</text>')
    y = top + height + 46
    return document([*parts, *legend(list(points), left, y)], left + width + 30, y + 18 * len(points))


if __name__ == "__main__":
    _folder, _name = Path(sys.argv[1]), sys.argv[2]
    _path = _result(_folder, _name)
    _temporary = _path.with_suffix(".part")
    _temporary.write_bytes(msgspec.json.format(msgspec.json.encode(measure(_folder, _name)), indent=1))
    _temporary.replace(_path)
