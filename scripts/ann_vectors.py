"""Vectors, texts and captions for `swath bench ann`, from captioned data sets and the encoder `base`.

    python scripts/ann_vectors.py --data rsicd=FOLDER --data ucm=FOLDER --out DIR
    python scripts/ann_vectors.py --data rsicd=FOLDER --data ucm=FOLDER --out DIR --crops 1500

The first writes `images.npy` (float32[n, D], 18 windows of each training picture), `texts.npy` and
`captions.txt` (one caption of each validation picture). Encoding a crop costs 0.1 s; a picture's trunk
features cost that once, and the mean over a window of their 8 x 8 cells goes through the encoder's heads
instead: multi-scale crops whose borders know what lies beyond them. `--cells NAME=FILE` gives features that
there are already, float16[pictures, 64, width], in the order of the set.

The second encodes that many crops from their pixels, writes `crops.npy` and `their_windows.npy`, and prints
what a search sees of both, so that one knows whether windows stand for crops. It needs torch (extra `train`).
"""

from __future__ import annotations

import argparse
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID = 8
SPANS = ((8, (0,)), (6, (0, 2)), (4, (0, 2, 4)), (3, (0, 5)))
"""Side of a window in cells, and where it begins along either axis."""
WINDOWS = [(top, left, side) for side, starts in SPANS for top in starts for left in starts]

Sets = list[tuple[str, Path]]


def towers_of_base() -> Any:
    """The torch towers of the shipped encoder, with a finer grid, which the heads of the whole do not see."""
    import msgspec

    from swath.models.recipe import load_recipe
    from swath.training.dual import Towers
    from swath.training.restore import restore, started_from, trainable

    encoder = trainable("base")
    plan = started_from(load_recipe("base", {}), encoder)
    towers = Towers(plan, 0)
    restore(towers, encoder)
    towers.image.grid = GRID
    return towers, msgspec.structs.replace(plan.image, grid=GRID)


def window_vectors(towers: Any, cells: NDArray[np.float16]) -> NDArray[np.float32]:
    """float16[n, 64, width] -> float32[n * windows, D], picture after picture."""
    from swath.training.dual import embed_images

    parts = []
    for start in range(0, len(cells), 256):
        block = cells[start : start + 256].astype(np.float32)
        grid = block.reshape(len(block), GRID, GRID, -1)
        means = [grid[:, t : t + side, le : le + side].mean((1, 2)) for t, le, side in WINDOWS]
        pooled = np.stack(means, 1).reshape(len(block) * len(WINDOWS), 1, -1)
        parts.append(embed_images(towers, pooled.astype(np.float16)))
    return np.concatenate(parts)


def write_vectors(sets: Sets, given: dict[str, Path], out: Path) -> None:
    """`images.npy`, `texts.npy` and `captions.txt`."""
    from swath.captions import load
    from swath.encoders import load as load_encoder
    from swath.training.features import image_features

    towers, image = towers_of_base()
    vectors: list[NDArray[np.float32]] = []
    captions: list[str] = []
    for name, root in sets:
        if name in given:
            cells = np.load(given[name], mmap_mode="r")
        else:
            cells = image_features(towers.image, image.start, load(name, root, "train"), "original", say)
        vectors.append(window_vectors(towers, cells))
        rng = np.random.default_rng(0)
        for picture in load(name, root, "val").images:
            spoken = sorted({" ".join(caption.split()) for caption in picture.captions} - {"", *captions})
            captions += [spoken[rng.integers(len(spoken))]] if spoken else []
    np.save(out / "images.npy", np.concatenate(vectors))
    np.save(out / "texts.npy", load_encoder("base").encode_texts(captions).embedding)
    (out / "captions.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    print(f"{sum(map(len, vectors)):,} windows, {len(captions):,} captions")


def compare_crops(sets: Sets, count: int, out: Path) -> None:
    """Encode crops from pixels and print how like them the windows are."""
    from swath.captions import load
    from swath.encoders import load as load_encoder
    from swath.evaluation.growth import likeness
    from swath.imagery import fit, open_picture

    encoder = load_encoder("base")
    pictures = [image.path for name, root in sets for image in load(name, root, "train").images]
    vectors = np.load(out / "images.npy", mmap_mode="r")
    assert len(vectors) == len(pictures) * len(WINDOWS), "of other data"
    chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[:count])
    crops = []
    for start in range(0, count, 16):
        pixels = []
        for number in chosen[start : start + 16].tolist():
            whole = open_picture(pictures[number // len(WINDOWS)])
            top, left, side = (edge / GRID for edge in WINDOWS[number % len(WINDOWS)])
            height, width = whole.shape[:2]
            rows = slice(round(top * height), round((top + side) * height))
            columns = slice(round(left * width), round((left + side) * width))
            pixels.append(fit(np.ascontiguousarray(whole[rows, columns]), encoder.card.image_size))
        crops.append(encoder.encode_images(np.stack(pixels)).embedding)
    both = {"crops": np.concatenate(crops), "their windows": np.asarray(vectors[chosen])}
    texts = np.load(out / "texts.npy")
    for name, made in both.items():
        np.save(out / f"{name.replace(' ', '_')}.npy", made)
        found = likeness(made.astype(np.float16), texts)
        print(name)
        for field, value in zip(fields(found), astuple(found), strict=True):
            print(f"  {field.name:<10}", *(f"{x:.3f}" for x in np.atleast_1d(value)))
    same = (both["crops"] * both["their windows"]).sum(1)
    print("a crop and its own window:", *(f"{x:.3f}" for x in np.quantile(same, [0.5, 0.1, 0.9])))


def say(done: int, total: int | None, what: str) -> None:
    """Progress."""
    print(f"{done}/{total} {what}", end="\r", flush=True)


def _pair(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", action="append", type=_pair, required=True, metavar="NAME=FOLDER")
    parser.add_argument("--cells", action="append", type=_pair, default=[], metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--crops", type=int, metavar="N")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.crops:
        compare_crops(given.data, given.crops, given.out)
    else:
        write_vectors(given.data, dict(given.cells), given.out)


if __name__ == "__main__":
    main()
