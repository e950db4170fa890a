"""Time and memory of computing recall at 1, 5 and 10, beside what else computes it.

    python scripts/peers.py embed RSICD --split val --out val.npz         # cached embeddings of a real split
    python scripts/peers.py compare val.npz                               # all of them, one process each
    python scripts/peers.py compare --images 100000 --texts 500000 --share 0.25 --only swath

`dense` is the approach of CLIP_benchmark written out: all scores at once, a matrix of true pairs, the first k
by `topk`, hits by a one-hot product in batches of 64. `torchmetrics` and `ranx` come with the extra `bench`.
Every contender runs in its own process, so that its peak memory is its own, and gets vectors from a file.
Seconds are those of the figures alone, without imports and reading; the peak is of the process above what it
held before. `--share` asks that part of the queries of each direction, against the whole gallery.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

KS = (1, 5, 10)
Vectors = NDArray[np.float32]
Six = list[float]


def swath(images: Vectors, texts: Vectors, owner: NDArray[np.int64], share: float) -> Six:
    """Expected hits under ties, in blocks."""
    from swath.evaluation import Relevance, rank_embeddings

    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(images) + 1))
    asked = np.arange(int(share * len(images)))
    to_texts = rank_embeddings(images[asked], texts, Relevance(starts, order).take(asked))
    asked = np.arange(int(share * len(texts)))
    to_images = rank_embeddings(texts[asked], images, Relevance(np.arange(len(texts) + 1), owner).take(asked))
    return [100 * float(ranks.hits(k).mean()) for ranks in (to_texts, to_images) for k in KS]


def dense(images: Vectors, texts: Vectors, owner: NDArray[np.int64], share: float) -> Six:
    """All scores and all true pairs at once; ties as topk leaves them."""
    import torch

    scores = torch.from_numpy(texts) @ torch.from_numpy(images).T
    true = torch.zeros_like(scores, dtype=torch.bool)
    true[torch.arange(len(texts)), torch.from_numpy(owner)] = True

    def recall(scores: torch.Tensor, true: torch.Tensor, k: int) -> float:
        found = []
        for start in range(0, int(share * len(scores)), 64):
            some = slice(start, start + 64)
            first = torch.topk(scores[some], min(k, scores.shape[1]), dim=1)[1]
            hot = torch.nn.functional.one_hot(first, num_classes=scores.shape[1])
            found.append((hot * true[some].unsqueeze(1)).sum((1, 2)) > 0)
        return 100 * torch.cat(found).float().mean().item()

    return [recall(*pair, k) for pair in ((scores.T, true.T), (scores, true)) for k in KS]


def torchmetrics(images: Vectors, texts: Vectors, owner: NDArray[np.int64], share: float) -> Six:
    """RetrievalHitRate over every pair."""
    import torch
    from torchmetrics.retrieval import RetrievalHitRate

    scores = torch.from_numpy(texts @ images.T)
    true = torch.zeros_like(scores, dtype=torch.bool)
    true[torch.arange(len(texts)), torch.from_numpy(owner)] = True
    figures = []
    for pair in ((scores.T, true.T), (scores, true)):
        asked = int(share * len(pair[0]))
        some, right = (side[:asked].reshape(-1) for side in pair)
        indexes = torch.arange(asked).repeat_interleave(pair[0].shape[1])
        for k in KS:
            metric = RetrievalHitRate(top_k=k)
            metric.update(some, right, indexes=indexes)
            figures.append(100 * metric.compute().item())
    return figures


def ranx(images: Vectors, texts: Vectors, owner: NDArray[np.int64], share: float) -> Six:
    """hit_rate@k of runs of a hundred items a query, as its dictionaries take them."""
    from ranx import Qrels, Run, evaluate

    scores = texts @ images.T
    true = {text: [int(image)] for text, image in enumerate(owner)}
    back: dict[int, list[int]] = {}
    for text, image in enumerate(owner):
        back.setdefault(int(image), []).append(text)
    figures = []
    for matrix, right in ((scores.T, back), (scores, true)):
        asked = range(int(share * len(matrix)))
        first = np.argpartition(-matrix[: len(asked)], min(100, matrix.shape[1] - 1), axis=1)[:, :100]
        run = {str(q): {str(i): float(matrix[q, i]) for i in first[q].tolist()} for q in asked}
        qrels = {str(q): {str(i): 1 for i in right[q]} for q in asked}
        found = evaluate(Qrels(qrels), Run(run), [f"hit_rate@{k}" for k in KS], make_comparable=True)
        figures += [100 * float(found[f"hit_rate@{k}"]) for k in KS]
    return figures


CONTENDERS: dict[str, Callable[[Vectors, Vectors, NDArray[np.int64], float], Six]] = {
    "swath": swath,
    "dense": dense,
    "torchmetrics": torchmetrics,
    "ranx": ranx,
}


def embed(root: Path, split: str, out: Path) -> None:
    """Embeddings of a split of RSICD by the default encoder."""
    from swath import encoders
    from swath.captions import load
    from swath.evaluation.encoding import encode_pictures, encode_texts
    from swath.evaluation.environment import Stopwatch

    dataset, encoder, watch = load("rsicd", root, split), encoders.load(), Stopwatch()
    paths = [(image.name, image.path) for image in dataset.images]
    images, _ = encode_pictures(paths, encoder, batch=32, watch=watch)
    words = [text for image in dataset.images for text in image.captions]
    texts = encode_texts(words, encoder, batch=32, watch=watch)
    owner = np.repeat(np.arange(len(dataset.images)), [len(image.captions) for image in dataset.images])
    save(out, images.embedding[images.rows], texts.embedding[texts.rows], owner)


def save(out: Path, images: Vectors, texts: Vectors, owner: NDArray[np.int64]) -> None:
    """Vectors as they are stored: float16, so that all contenders score the same numbers."""
    np.savez(out, images=images.astype(np.float16), texts=texts.astype(np.float16), owner=owner)


def synthetic(images: int, texts: int, dim: int, out: Path) -> None:
    """Unit vectors; a text is its image and as much noise again."""
    random = np.random.default_rng(0)
    pictures = random.standard_normal((images, dim), np.float32)
    owner = np.arange(texts) % images
    words = pictures[owner] + 1.5 * random.standard_normal((texts, dim), np.float32)
    units = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (pictures, words))
    save(out, *units, owner)


def one(name: str, file: Path, share: float) -> None:
    """Run one contender and print what it found and cost."""
    with np.load(file) as arrays:
        images, texts = (arrays[side].astype(np.float32) for side in ("images", "texts"))
        owner = arrays["owner"]
    few = np.arange(40) % 20
    CONTENDERS[name](images[:20], texts[:40], few, 1.0)  # imports, and what is compiled at first use
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    held = kilobytes("VmRSS")
    started, worked = time.perf_counter(), time.process_time()
    figures = CONTENDERS[name](images, texts, owner, share)
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    more = kilobytes("VmHWM") - held
    print(json.dumps({"seconds": seconds, "cpu": work, "kilobytes": more, "figures": figures}))


def kilobytes(name: str) -> int:
    """Memory of this process as Linux names it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def compare(file: Path, share: float, only: list[str]) -> None:
    """Run the contenders after each other."""
    with np.load(file) as arrays:
        sizes = len(arrays["images"]), len(arrays["texts"]), arrays["images"].shape[1]
    print("{:,} images, {:,} texts, {} numbers; share {}".format(*sizes, share))
    scores = 4 * sizes[0] * sizes[1]
    print(f"all scores at once: {scores / 1e9:.2f} GB, true pairs {scores / 4e9:.2f} GB more")
    for name in only or CONTENDERS:
        command = [sys.executable, __file__, "one", name, str(file), "--share", str(share)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            last = (ended.stderr.strip().splitlines() or [f"killed ({ended.returncode})"])[-1]
            print(f"{name:13} not possible: {last}", flush=True)
            continue
        result = json.loads(ended.stdout.splitlines()[-1])
        six = " ".join(f"{value:.2f}" for value in result["figures"])
        cost = (
            f"{result['seconds']:8.2f} s {result['cpu']:8.2f} s of processor "
            f"{result['kilobytes'] / 1024:9.1f} MiB"
        )
        print(f"{name:13} {cost}   {six}", flush=True)


def main() -> None:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parts = parser.add_subparsers(dest="what", required=True)
    embedding = parts.add_parser("embed")
    embedding.add_argument("root", type=Path)
    embedding.add_argument("--split", default="val")
    embedding.add_argument("--out", type=Path, required=True)
    single = parts.add_parser("one")
    single.add_argument("name", choices=CONTENDERS)
    single.add_argument("file", type=Path)
    single.add_argument("--share", type=float, default=1.0)
    several = parts.add_parser("compare")
    several.add_argument("file", type=Path, nargs="?")
    several.add_argument("--images", type=int, default=100_000)
    several.add_argument("--texts", type=int, default=500_000)
    several.add_argument("--dim", type=int, default=64)
    several.add_argument("--share", type=float, default=1.0)
    several.add_argument("--only", nargs="+", default=[], choices=CONTENDERS)
    given = parser.parse_args()
    if given.what == "embed":
        embed(given.root, given.split, given.out)
    elif given.what == "one":
        one(given.name, given.file, given.share)
    elif given.file is not None:
        compare(given.file, given.share, given.only)
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "synthetic.npz"
            synthetic(given.images, given.texts, given.dim, file)
            compare(file, given.share, given.only)


if __name__ == "__main__":
    main()
