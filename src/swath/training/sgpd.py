"""The task of SGPD: a head over frozen vectors that says in words what a picture or a text is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swath.encoders import SparseRows, Terms, quantised_rows
from swath.models.sgpd import SgpdRecipe
from swath.models.terms import TermHead, distillation, flops, l1, pair, with_own
from swath.training.losses import contrastive, targets_of
from swath.training.words import own_words


@dataclass(frozen=True)
class Pairs:
    """Frozen vectors of pictures and texts, and which belong together."""

    images: NDArray[np.float32]
    """float32[n, D], unit rows."""
    texts: NDArray[np.float32]
    """float32[m, D], unit rows."""
    captions: tuple[str, ...]
    """The m distinct texts, normalised."""
    own: NDArray[np.int64]
    """int64[n, C]: numbers of the texts of every picture, filled up with -1."""


class Student(nn.Module):
    """The head and the temperature of its scores: all that a run saves."""

    def __init__(
        self, project: NDArray[np.float32], embeddings: NDArray[np.float32], temperature: float, bias: float
    ) -> None:
        super().__init__()
        self.head = TermHead(project.shape[1], torch.from_numpy(embeddings), bias)
        with torch.no_grad():
            self.head.project.weight.copy_(torch.from_numpy(project))
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(temperature))))

    @property
    def temperature(self) -> Tensor:
        """Divides the sparse scores."""
        return self.log_temperature.exp()


@dataclass(frozen=True)
class Batch:
    """B pictures, one text of each."""

    images: Tensor
    """float[B, D]"""
    texts: Tensor
    """float[B, D]"""
    own: Tensor
    """bool[B, V]: the words of each text."""
    keep: Tensor
    """float[B, V]: 1 where a word that the text does not have may stay."""
    targets: Tensor
    """float[B, B], 1 where the text is true of the picture."""
    warmth: Tensor
    """How much the regulariser counts by now, 0 to 1."""


class SgpdTask:
    """Distils dense scores into sparse ones; see `swath.training.loop.Task`."""

    def __init__(
        self, recipe: SgpdRecipe, student: Student, pairs: Pairs, words: Sequence[str], validation: Validation
    ) -> None:
        self.model: nn.Module = student
        self.student, self.recipe = student, recipe
        self._images, self._texts = torch.from_numpy(pairs.images), torch.from_numpy(pairs.texts)
        self._own = pairs.own
        self._words = own_words(pairs.captions, words)
        self._usable = np.flatnonzero((pairs.own >= 0).any(1))
        self._batch = min(recipe.optimiser.batch, len(self._usable))
        self.steps_per_epoch = len(self._usable) // self._batch
        self._validation, self._vocabulary = validation, tuple(words)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Every picture once with one of its texts, drawn at random."""
        rng = np.random.default_rng((self.recipe.seed, epoch))
        order = rng.permutation(self._usable)
        steps = self.steps_per_epoch * self.recipe.optimiser.epochs
        for number in range(self.steps_per_epoch):
            rows = order[number * self._batch : (number + 1) * self._batch]
            chosen = np.array([rng.choice(own[own >= 0]) for own in self._own[rows]])
            done = (epoch * self.steps_per_epoch + number) / steps
            own = self._mask(chosen)
            yield Batch(
                self._images[rows],
                self._texts[chosen],
                own,
                self._keep(rng, own.shape, done),
                targets_of(torch.from_numpy(chosen), torch.from_numpy(self._own[rows])),
                torch.tensor(min(1.0, done / self.recipe.warmup) ** 2 if self.recipe.warmup else 1.0),
            )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Distillation, the true pairs, and how many postings a query visits."""
        plan, head = self.recipe, self.student.head
        # Each side from its own vectors: a text never sees the picture it belongs to.
        images = head(batch.images)
        texts = with_own(head(batch.texts), batch.own, batch.keep, plan.floor)
        sparse = images @ texts.T
        temperature = self.student.temperature
        dense = batch.images @ batch.texts.T
        terms = {"distil": distillation(dense, sparse, plan.teacher, temperature)}
        if plan.positives:
            terms["pairs"] = plan.positives * contrastive(sparse, batch.targets, temperature)
        return {**terms, "sparsity": batch.warmth * _sparsity(plan, images, texts)}

    def validate(self) -> dict[str, float]:
        """See `Validation.measure`; expansion is that of a search, the same in every run."""
        return self._validation.measure(terms_of(self.student, self._vocabulary, self.recipe))

    def _mask(self, texts: NDArray[np.int64]) -> Tensor:
        mask = torch.zeros(len(texts), len(self._vocabulary), dtype=torch.bool)
        for row, text in enumerate(texts):
            mask[row, self._words[text]] = True
        return mask

    def _keep(self, rng: np.random.Generator, shape: torch.Size, done: float) -> Tensor:
        """Which words each text may have beyond its own: for a share of the captions, some at random.

        The share rises with every step, to its most at 95 % of the training.
        """
        share = self.recipe.expanded * min(1.0, done / 0.95)
        keep = rng.random(shape, np.float32) < self.recipe.kept
        keep &= rng.random((shape[0], 1)) < share
        return torch.from_numpy(keep.astype(np.float32))


def _sparsity(plan: SgpdRecipe, images: Tensor, texts: Tensor) -> Tensor:
    if plan.regulariser == "pair":
        # Each side is pushed with its own weight, against what the other side lights now.
        on_images = plan.image_weight * pair(texts.detach(), images)
        return on_images + plan.text_weight * pair(texts, images.detach())
    penalty = {"flops": flops, "l1": l1}[plan.regulariser]
    return plan.image_weight * penalty(images) + plan.text_weight * penalty(texts)


def rounded(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[V, h] as they are stored, so that the head learns with what it will have."""
    codes, scales = quantised_rows(embeddings)
    return codes.astype(np.float32) * scales[:, None]


def terms_of(student: Student, words: tuple[str, ...], recipe: SgpdRecipe) -> Terms:
    """The head as a search runs it."""
    head = student.head

    def array(value: Tensor) -> NDArray[np.float32]:
        return value.detach().numpy().copy()

    return Terms(
        words=words,
        project=array(head.project.weight),
        scale=array(head.norm.weight),
        shift=array(head.norm.bias),
        embeddings=array(head.embeddings),
        bias=array(head.bias),
        image_terms=recipe.image_terms,
        expansion=recipe.expansion,
        extra=recipe.extra,
        floor=recipe.floor,
    )


class Validation:
    """Pictures and texts that were not trained on, and how the dense vectors rank them."""

    def __init__(self, name: str, pairs: Pairs) -> None:
        self.name, self.pairs = name, pairs

    def measure(self, terms: Terms) -> dict[str, float]:
        """Retrieval by words alone, as a guide and for itself, and what it costs.

        `mr` is the mean strict recall at 1, 5, 10 of both directions in per cent; `guide` the share of the
        dense top 10 among the sparse top tenth of the pictures, in per cent; `image words`, `text words` are
        the mean numbers of words, `postings` those that a query visits for each picture, `longest` the share
        of the pictures in the longest posting list, `readable` the share of a picture's 20 heaviest words
        that stand in its captions.
        """
        from swath.evaluation import Relevance, rank_scores

        pairs = self.pairs
        usable = np.flatnonzero((pairs.own >= 0).any(1))
        documents = dense_rows(terms, terms.of_images(pairs.images[usable]))
        queries = dense_rows(terms, terms.of_texts(pairs.texts, pairs.captions))
        scores = queries @ documents.T
        # Every caption of every picture asks, and only for the picture it was written for.
        said = [(row, text) for row, image in enumerate(usable) for text in pairs.own[image] if text >= 0]
        owners, texts = (np.array(column) for column in zip(*said, strict=True))
        captions = [np.flatnonzero(owners == row).tolist() for row in range(len(usable))]
        asked_scores = scores[texts]
        to_images = rank_scores(asked_scores, Relevance.of([[int(owner)] for owner in owners]))
        to_texts = rank_scores(np.ascontiguousarray(asked_scores.T), Relevance.of(captions))
        recalls = [float(np.mean(ranks.hits(k))) for ranks in (to_texts, to_images) for k in (1, 5, 10)]
        best = np.argsort(-(pairs.texts @ pairs.images[usable].T), 1, kind="stable")[:, :10]
        guided = np.argsort(-scores, 1, kind="stable")[:, : max(10, len(usable) // 10)]
        covered = [np.isin(a, b).mean() for a, b in zip(best, guided, strict=True)]
        lit, asked = documents > 0, queries > 0
        return {
            f"{self.name} mr": 100 * float(np.mean(recalls)),
            f"{self.name} guide": 100 * float(np.mean(covered)),
            "image words": float(lit.sum(1).mean()),
            "text words": float(asked.sum(1).mean()),
            "postings": float((asked.mean(0) * lit.mean(0)).sum()),
            "longest": float(lit.mean(0).max()),
            "readable": self._readable(terms, documents, usable),
        }

    def _readable(self, terms: Terms, documents: NDArray[np.float32], usable: NDArray[np.int64]) -> float:
        own = own_words(self.pairs.captions, terms.words)
        shares = []
        for row, image in zip(documents, usable, strict=True):
            spoken = np.unique(np.concatenate([own[t] for t in self.pairs.own[image] if t >= 0]))
            heaviest = np.argsort(-row, kind="stable")[:20]
            shares.append(np.isin(heaviest[row[heaviest] > 0], spoken).mean() if row.any() else 0.0)
        return float(np.mean(shares))


def dense_rows(terms: Terms, sparse: SparseRows) -> NDArray[np.float32]:
    """float32[n, V] of n sparse rows."""
    table = np.zeros((len(sparse), len(terms.words)), np.float32)
    counts = np.diff(sparse.ends, prepend=0)
    table[np.repeat(np.arange(len(sparse)), counts), sparse.terms] = sparse.weights
    return table
