"""The task of the dual encoder: two towers over frozen trunks, trained on cached features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from swath.evaluation import Relevance, rank_embeddings
from swath.models.dual import ImageTower, TextTower, side_by_side
from swath.models.interaction import btgi
from swath.models.recipe import Recipe
from swath.training.data import Corpus
from swath.training.losses import contrastive, pearson, targets_of


class Towers(nn.Module):
    """Both towers, the scene classifiers and the learned temperatures: all that a run saves."""

    def __init__(self, recipe: Recipe, scenes: int) -> None:
        super().__init__()
        self.image = ImageTower(recipe, scenes)
        self.text = TextTower(recipe)
        self.image.trunk.requires_grad_(False)
        self.text.trunk.requires_grad_(False)
        self.text.bag.requires_grad_(False)
        start = float(np.log(1 / 0.07))
        self.log_scale = nn.Parameter(torch.full((recipe.heads.members,), start))
        self.log_scale_fine = nn.Parameter(torch.tensor(start))


def scale(log_scale: Tensor) -> Tensor:
    """Inverse temperature, at most 100."""
    return log_scale.exp().clamp(max=100.0)


@dataclass(frozen=True)
class Batch:
    """B images, one view and one caption of each."""

    cells: Tensor
    """float[B, G * G, width]"""
    text: Tensor
    """float[B, width]"""
    targets: Tensor
    """float[B, B], 1 where the caption is true of the image."""
    labels: Tensor
    """int64[B], -1 where the scene class is unknown."""


class DualTask:
    """Contrastive training of coarse and fine scores, with scene classes as a side task."""

    def __init__(
        self,
        recipe: Recipe,
        towers: Towers,
        train: Corpus,
        cells: Sequence[Sequence[NDArray[np.float16]]],
        texts: NDArray[np.float32],
        validation: Sequence[Validation],
    ) -> None:
        """
        Args:
            recipe: the whole recipe.
            towers: initialised, their fixed parts (standardisation, bag) fitted.
            train: the training corpus.
            cells: for every view, one array float16[n_set, G * G, width] a set, in the corpus' order.
            texts: float32[len(train.texts), width], features of the distinct captions.
            validation: what is measured.
        """
        self.model: nn.Module = towers
        self.towers, self.recipe, self.train = towers, recipe, train
        self._cells, self._texts = cells, torch.from_numpy(texts)
        self._own, self._labels = train.own(), torch.from_numpy(train.labels)
        self._usable = train.usable
        self._ends = np.cumsum([len(part) for part in cells[0]])
        self.steps_per_epoch = len(self._usable) // recipe.optimiser.batch
        self._validation = validation

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Every image once, with one of its captions and one of its views, both drawn at random."""
        rng = np.random.default_rng((self.recipe.seed, epoch))
        order = rng.permutation(self._usable)
        size = self.recipe.optimiser.batch
        for step in range(self.steps_per_epoch):
            rows = order[step * size : (step + 1) * size]
            views = rng.integers(len(self._cells), size=size)
            chosen = np.array([rng.choice(self.train.captions[row]) for row in rows])
            yield Batch(
                torch.from_numpy(np.stack([self._cell(v, row) for v, row in zip(views, rows, strict=True)])),
                self._texts[chosen],
                targets_of(torch.from_numpy(chosen), torch.from_numpy(self._own[rows])),
                self._labels[rows],
            )

    def _cell(self, number: int, row: int) -> NDArray[np.float32]:
        part = int(np.searchsorted(self._ends, row, "right"))
        start = self._ends[part - 1] if part else 0
        return self._cells[number][part][row - start].astype(np.float32)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Coarse contrastive loss of every member, fine contrastive loss, their agreement, scene classes."""
        loss, towers = self.recipe.loss, self.towers
        images, tokens, hidden = towers.image.heads(batch.cells)
        texts, guides = towers.text.heads(batch.text)
        members = range(images.shape[1])
        coarse = [images[:, m] @ texts[:, m].T for m in members]
        scales = scale(towers.log_scale)
        terms = {"coarse": sum_of([contrastive(coarse[m] * scales[m], batch.targets, 1.0) for m in members])}
        if loss.fine:
            fine = btgi(tokens[:, 1:], tokens[:, 0], guides, loss.balance, loss.temperature)
            terms["fine"] = loss.fine * contrastive(fine * scale(towers.log_scale_fine), batch.targets, 1.0)
            if loss.intra:
                mean = torch.stack(coarse).mean(0)
                terms["intra"] = loss.intra * pearson(mean, fine)
        if loss.scene and len(towers.image.scenes):
            terms["scene"] = loss.scene * sum_of(
                [
                    F.cross_entropy(head(one), batch.labels, ignore_index=-1, label_smoothing=loss.smoothing)
                    for head, one in zip(towers.image.scenes, hidden, strict=True)
                ]
            )
        return terms

    def validate(self) -> dict[str, float]:
        """Strict mR of the recall stage on every validation set, and of the fine score alone."""
        return {name: value for one in self._validation for name, value in one.measure(self.towers).items()}


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """Sum of scalars."""
    return torch.stack(list(values)).sum()


class Validation:
    """A validation set with its cached features."""

    def __init__(self, data: Corpus, cells: NDArray[np.float16], texts: NDArray[np.float32]) -> None:
        """One captioned set: `cells` float16[n, G * G, width], `texts` float32[len(data.texts), width]."""
        self.name = data.sets[0].name
        self._cells, self._texts = cells, texts
        rows = [own for own in data.captions if len(own)]
        self._captions = np.concatenate(rows)
        self._owners = np.repeat(data.usable, [len(own) for own in rows])
        self._images = data.usable

    def embeddings(self, towers: Towers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Image embeddings float32[n, D] and text embeddings float32[texts, D]."""
        return embed_images(towers, self._cells), embed_texts(towers, self._texts)

    def measure(self, towers: Towers) -> dict[str, float]:
        """`{name} mr` in per cent."""
        images, texts = self.embeddings(towers)
        captions = texts[self._captions]
        place = np.zeros(len(images), np.int64)
        place[self._images] = np.arange(len(self._images))
        owners = place[self._owners]
        lists: list[list[int]] = [[] for _ in self._images]
        for number, owner in enumerate(owners):
            lists[owner].append(number)
        used = images[self._images]
        to_texts = rank_embeddings(used, captions, Relevance.of(lists))
        to_images = rank_embeddings(captions, used, Relevance.of([[int(o)] for o in owners]))
        recalls = [float(np.mean(ranks.hits(k))) for ranks in (to_texts, to_images) for k in (1, 5, 10)]
        return {f"{self.name} mr": round(100 * float(np.mean(recalls)), 3)}


def embed_images(towers: Towers, cells: NDArray[np.float16], batch: int = 512) -> NDArray[np.float32]:
    """float16[n, G * G, width] -> float32[n, D]."""
    towers.eval()
    with torch.inference_mode():
        parts = [
            side_by_side(towers.image.heads(torch.from_numpy(cells[i : i + batch].astype(np.float32)))[0])
            for i in range(0, len(cells), batch)
        ]
    return torch.cat(parts).numpy()


def embed_texts(towers: Towers, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[n, width] -> float32[n, D]."""
    towers.eval()
    with torch.inference_mode():
        return side_by_side(towers.text.heads(torch.from_numpy(features))[0]).numpy()
