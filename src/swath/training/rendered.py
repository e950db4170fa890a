"""Pictures of the sample world as one more captioned set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from swath.captions import CaptionedSet, load
from swath.types import Progress

RENDERED = "rendered"
"""Name of the set."""
RENDERED_TERMS = "made by swath.imagery.sample, no restriction"


def rendered_set(count: int, folder: Path, progress: Progress | None = None) -> CaptionedSet:
    """Render `count` pictures (once; they are kept below `folder`) and read them back as a captioned set."""
    from PIL import Image

    from swath.imagery.sample import chips

    root = folder / f"chips-{count}"
    annotations = root / "dataset.json"
    if not annotations.is_file():
        (root / "imgs").mkdir(parents=True, exist_ok=True)
        images = []
        for number, chip in enumerate(chips(count, seed=1)):
            name = f"{chip.kind.replace(' ', '_')}_{number}.png"
            Image.fromarray(chip.pixels).save(root / "imgs" / name)
            sentences = [{"raw": caption} for caption in chip.captions]
            images.append({"filename": name, "split": "train", "sentences": sentences})
            if progress:
                progress(number + 1, count, "rendered pictures")
        annotations.write_text(json.dumps({"images": images}))
    return replace(load("captions", root, "train"), name=RENDERED)
