"""What codes keep of the embeddings: retrieval by width and bias, candidates, class labels, bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet
from swath.evaluation import protocols
from swath.evaluation.encoding import Encoded, encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch, environment, swath_version
from swath.evaluation.labels import LABEL_PROTOCOLS
from swath.evaluation.metrics import KS, Ranks
from swath.evaluation.protocols import Judgements
from swath.evaluation.ranking import rank_direction
from swath.evaluation.results import EncoderRef
from swath.search import MemoryGallery, parse
from swath.search.codes import hamming
from swath.search.coding import coder_of, codes_of
from swath.types import Encoder, Progress

CANDIDATES = (10, 30, 70, 150)
WIDTHS = (16, 32, 64, 128, 256)
LABEL_K = 20


class CodeFigures(msgspec.Struct, frozen=True):
    """One signal, all figures in per cent."""

    pipeline: str
    bytes_per_tile: float
    mr: float
    i2t: dict[int, float]
    """Image to text: share of the queries with a right item among the first K."""
    t2i: dict[int, float]


class LabelRow(msgspec.Struct, frozen=True):
    """mAP@20 of codes by class, under one protocol; fractions of 1."""

    bits: int
    protocol: str
    i2t: float
    t2i: float


class CodesResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.codes/1"):
    """What `measure_codes` found."""

    dataset: str
    split: str
    split_hash: str
    protocol: str
    images: int
    captions: int
    encoder: EncoderRef
    signals: tuple[CodeFigures, ...]
    labels: tuple[LabelRow, ...]
    labelled: int
    """Images whose class is known; the others take no part in `labels`."""
    environment: dict[str, str]
    swath: str


def measure_codes(
    dataset: CaptionedSet,
    encoder: Encoder,
    *,
    widths: Sequence[int] = WIDTHS,
    biases: Sequence[str] = ("none", "ppsr"),
    batch: int = 32,
    progress: Progress | None = None,
) -> CodesResult:
    """Codes of every width, with every bias, beside exact dense search, under the strict protocol.

    Raises as `evaluate` does, and `InputError` for a bias where the encoder has no bank of queries.
    """
    rules = protocols.named("strict")
    watch = Stopwatch()
    pictures = [(image.name, image.path) for image in dataset.images]
    images, damaged = encode_pictures(pictures, encoder, batch=batch, watch=watch, progress=progress)
    dataset = dataset.without(damaged)
    judged = rules.judge(dataset, images.rows)
    texts = encode_texts(judged.texts, encoder, batch=batch, watch=watch, progress=progress)
    specs = [("dense", 2.0 * encoder.dim)]
    specs += [("dense(bias=csls)", 2.0 * encoder.dim + 4)] if "ppsr" in biases else []
    for width in widths:
        for bias in biases:
            spec = f"hash{width}" if bias == "none" else f"hash{width}(bias={bias})"
            specs.append((spec, width / 8 + (0 if bias == "none" else 4)))
    signals = []
    for done, (spec, size) in enumerate(specs):
        if progress is not None:
            progress(done, len(specs), "signals")
        signals.append(code_figures(spec, size, images, texts, judged))
    labels, labelled = label_rows(dataset, images, texts, judged, widths)
    return CodesResult(
        dataset=dataset.name,
        split=dataset.split,
        split_hash=dataset.split_hash,
        protocol=rules.name,
        images=len(dataset.images),
        captions=len(judged.texts),
        encoder=EncoderRef(encoder.name, encoder.revision),
        signals=tuple(signals),
        labels=labels,
        labelled=labelled,
        environment=environment(),
        swath=swath_version(),
    )


def code_figures(spec: str, size: float, images: Encoded, texts: Encoded, judged: Judgements) -> CodeFigures:
    """Both directions of one pipeline."""
    pipeline = parse(spec)
    i2t = rank_direction(pipeline, images, images.rows[judged.asked], texts, texts.rows, judged.i2t)
    t2i = rank_direction(pipeline, texts, texts.rows, images, images.rows, judged.t2i)
    mr = 100 * float(np.mean([ranks.hits(k).mean() for ranks in (i2t, t2i) for k in KS]))
    return CodeFigures(str(pipeline), size, mr, _shares(i2t), _shares(t2i))


def label_rows(
    dataset: CaptionedSet, images: Encoded, texts: Encoded, judged: Judgements, widths: Sequence[int]
) -> tuple[tuple[LabelRow, ...], int]:
    """mAP@20 by class under both protocols: pictures ask for captions, and captions for pictures."""
    names = sorted({image.label for image in dataset.images if image.label is not None})
    label = np.array([-1 if one.label is None else names.index(one.label) for one in dataset.images])
    known = np.flatnonzero(label >= 0)
    if len(names) < 2:
        return (), 0
    said = np.flatnonzero(label[judged.owner] >= 0)
    classes, of_texts = label[known], label[judged.owner[said]]
    rows = []
    for width in widths:
        shown = _codes(images, width)[images.rows[known]]
        spoken = _codes(texts, width)[texts.rows[said]]
        for name, protocol in LABEL_PROTOCOLS.items():
            i2t = protocol.score(_distances(shown, spoken), classes, of_texts, k=LABEL_K)
            t2i = protocol.score(_distances(spoken, shown), of_texts, classes, k=LABEL_K)
            rows.append(LabelRow(width, name, i2t.map, t2i.map))
    return tuple(rows), len(known)


def _distances(asked: NDArray[np.uint8], found: NDArray[np.uint8]) -> Callable[[int], NDArray[np.int64]]:
    return lambda query: hamming(found, asked[query]).astype(np.int64)


def codes_json(result: CodesResult) -> str:
    """As indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result).decode(), indent=2)


def _codes(encoded: Encoded, width: int) -> NDArray[np.uint8]:
    """Codes of each modality by its own head; without one, by the rotation of its own gallery."""
    gallery: MemoryGallery = encoded.gallery()
    coder = coder_of(encoded.encoder, gallery, width)
    return codes_of(gallery, coder)


def _shares(ranks: Ranks) -> dict[int, float]:
    return {k: 100 * float(ranks.hits(k).mean()) for k in (*KS, *CANDIDATES[1:])}
