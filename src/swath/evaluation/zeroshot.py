"""Zero-shot classification: the nearest of one prompt per class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from swath.errors import CaptionsError, InputError
from swath.evaluation.encoding import encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch, environment, swath_version
from swath.evaluation.intervals import percentile_interval, resampled_ratios
from swath.evaluation.metrics import Relevance
from swath.evaluation.ranking import rank_direction
from swath.evaluation.results import ClassAccuracy, EncoderRef, ZeroShotResult
from swath.imagery import scan
from swath.search import parse
from swath.types import Encoder, Progress

RSSCN7: Mapping[str, str] = {
    "aGrass": "a grassland",
    "bField": "a farm field",
    "cIndustry": "an industrial region",
    "dRiverLake": "a river or lake",
    "eForest": "a forest",
    "fResident": "a residential region",
    "gParking": "a parking lot",
}
"""Folders of RSSCN7 (Zou et al., 2015) and the prompts that its figure is reported with."""


def evaluate_zero_shot(
    folder: Path,
    encoder: Encoder,
    *,
    prompts: Mapping[str, str] = RSSCN7,
    batch: int = 32,
    progress: Progress | None = None,
) -> ZeroShotResult:
    """Classify the pictures of `folder`, which has one subfolder per class; `prompts` maps each to its words.

    Raises `CaptionsError` where a class has no folder or no picture, and what `zero_shot` raises.
    """
    images_by_class: dict[str, list[Path]] = {}
    for name in prompts:
        if not (folder / name).is_dir():
            raise CaptionsError(
                f"no folder {name} in {folder}; one is expected for each of {', '.join(prompts)}"
            )
        images_by_class[name] = [Path(file.path) for file in scan([folder / name])]
    dataset = folder.resolve().name  # the path itself may be "."
    return zero_shot(images_by_class, prompts, encoder, dataset=dataset, batch=batch, progress=progress)


def zero_shot(
    images_by_class: Mapping[str, Sequence[Path]],
    prompts: Mapping[str, str],
    encoder: Encoder,
    *,
    dataset: str = "",
    batch: int = 32,
    progress: Progress | None = None,
) -> ZeroShotResult:
    """Give every picture the class whose prompt is nearest by the exact dense score; ties by expectation.

    Raises `InputError` where a class has no prompt, `CaptionsError` where a class has no picture that can be
    decoded, `EncoderError` where the encoder gives vectors that are not finite.
    """
    classes = list(images_by_class)
    if unsaid := [name for name in classes if name not in prompts]:
        raise InputError(f"no prompt for the classes {', '.join(unsaid)}")
    watch = Stopwatch()
    pictures = [
        (f"{name}/{short}", path)
        for name, paths in images_by_class.items()
        for short, path in zip(_short(paths), paths, strict=True)
    ]
    images, damaged = encode_pictures(pictures, encoder, batch=batch, watch=watch, progress=progress)
    texts = encode_texts([prompts[name] for name in classes], encoder, batch=batch, watch=watch)
    unusable = {name for name, _ in damaged}
    truth = np.array(
        [classes.index(name.partition("/")[0]) for name, _ in pictures if name not in unusable], np.int64
    )
    if empty := [name for place, name in enumerate(classes) if place not in truth]:
        raise CaptionsError(f"no picture that can be decoded in the classes {', '.join(empty)} of {dataset}")
    relevance = Relevance(np.arange(len(truth) + 1), truth)
    spec = parse("dense")
    with watch.part("rank"):
        hits = rank_direction(spec, images, images.rows, texts, texts.rows, relevance, progress).hits(1)
    samples = resampled_ratios(hits[:, None], np.ones((len(hits), 1)))[:, 0]
    low, high = percentile_interval(samples)
    return ZeroShotResult(
        dataset=dataset,
        images=len(hits),
        accuracy=100.0 * float(hits.mean()),
        interval=(100.0 * float(low), 100.0 * float(high)),
        classes={
            name: ClassAccuracy(
                prompts[name], int((truth == place).sum()), 100.0 * float(hits[truth == place].mean())
            )
            for place, name in enumerate(classes)
        },
        pipeline=str(spec),
        encoder=EncoderRef(encoder.name, encoder.revision),
        skipped=tuple(damaged),
        seconds=watch.seconds,
        environment=environment(),
        swath=swath_version(),
    )


def _short(paths: Sequence[Path]) -> list[str]:
    """Paths from the folder down that they have in common, so that a result names no place of a machine."""
    whole = [path.absolute() for path in paths]
    above = os.path.commonpath([path.parent for path in whole]) if whole else ""
    return [path.relative_to(above).as_posix() for path in whole]
