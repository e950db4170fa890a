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
from swath.models.interaction import btgi, regions
from swath.models.recipe import Recipe
from swath.training.data import Corpus
from swath.training.losses import INTER, INTRA, softened, targets_of

Texts = NDArray[np.float32] | NDArray[np.int64]
"""Features float32[n, width] from a frozen trunk, or the pieces int64[n, L] that they are made of."""


class Towers(nn.Module):
    """Both towers, the scene classifiers and the learned temperatures: all that a run saves."""

    def __init__(self, recipe: Recipe, scenes: int) -> None:
        super().__init__()
        self.image = ImageTower(recipe, scenes)
        self.text = TextTower(recipe)
        self.image.trunk.requires_grad_(False)
        self.text.trunk.requires_grad_(False)
        self.text.bag.requires_grad_(False)
        layers = self.text.trunk.layers
        for layer in layers[len(layers) - recipe.text.tuned :]:
            layer.requires_grad_(True)
            layer.dropout = recipe.text.dropout
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
    """float[B, width], features; int64[B, L], pieces, while the text trunk is trained."""
    targets: Tensor
    """float[B, B], 1 where the caption is true of the image, or shares of it (`loss.soft`)."""
    labels: Tensor
    """int64[B], -1 where the scene class is unknown."""
    done: float
    """Share of the training that is behind."""

    def __len__(self) -> int:
        return len(self.labels)


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
        pieces: NDArray[np.int64] | None = None,
    ) -> None:
        """
        Args:
            recipe: the whole recipe.
            towers: initialised, their fixed parts (standardisation, bag) fitted.
            train: the training corpus.
            cells: for every view, one array float16[n_set, G * G, width] a set, in the corpus' order.
            texts: float32[len(train.texts), width], features of the distinct captions from the frozen trunk.
            validation: what is measured.
            pieces: int64[len(train.texts), L], the captions themselves, where the trunk is to be trained.
        """
        self.model: nn.Module = towers
        self.towers, self.recipe, self.train = towers, recipe, train
        self._cells, self._texts = cells, torch.from_numpy(texts)
        self._pieces = None if pieces is None else torch.from_numpy(pieces)
        self._own, self._labels = train.own(), torch.from_numpy(train.labels)
        self._usable = train.usable
        self._ends = np.cumsum([len(part) for part in cells[0]])
        self.steps_per_epoch = len(self._usable) // recipe.optimiser.batch
        self._validation = validation

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Every image once, with one of its captions and one of its views, both drawn at random."""
        rng = np.random.default_rng((self.recipe.seed, epoch))
        order = rng.permutation(self._usable)
        plan = self.recipe.optimiser
        size = plan.batch
        tuning = self._pieces is not None and epoch >= plan.epochs - plan.trunk_epochs
        for step in range(self.steps_per_epoch):
            rows = order[step * size : (step + 1) * size]
            views = rng.integers(len(self._cells), size=size)
            chosen = np.array([rng.choice(self.train.captions[row]) for row in rows])
            targets = targets_of(torch.from_numpy(chosen), torch.from_numpy(self._own[rows]))
            yield Batch(
                torch.from_numpy(np.stack([self._cell(v, row) for v, row in zip(views, rows, strict=True)])),
                self._pieces[chosen] if tuning and self._pieces is not None else self._texts[chosen],
                self._softened(targets, self._texts[chosen]),
                self._labels[rows],
                (epoch + step / self.steps_per_epoch) / plan.epochs,
            )

    def _softened(self, targets: Tensor, texts: Tensor) -> Tensor:
        loss = self.recipe.loss
        if not loss.soft:
            return targets
        return softened(targets, texts[:, : self.towers.text.trunk.width], loss.soft, loss.soft_temperature)

    def _cell(self, number: int, row: int) -> NDArray[np.float32]:
        part = int(np.searchsorted(self._ends, row, "right"))
        start = self._ends[part - 1] if part else 0
        return self._cells[number][part][row - start].astype(np.float32)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Coarse contrastive loss of every member, fine contrastive loss, their agreement, scene classes."""
        return self.losses_of(self.embed(batch, slice(None)), batch)

    def embed(self, batch: Batch, rows: slice) -> tuple[Tensor, ...]:
        """Embeddings of images and texts, hidden layers; tokens and guides where a loss looks at them."""
        towers, cells, text = self.towers, batch.cells[rows], self.towers.text.read(batch.text[rows])
        images, hidden = towers.image.embed(cells)
        coarse = (images, towers.text.embed(text), torch.stack(hidden, 1))
        if not (self.recipe.loss.fine or self.recipe.loss.region):
            return coarse
        return (*coarse, as_stored(towers.image.tokens(cells)), towers.text.guides(text))

    def losses_of(self, embedded: tuple[Tensor, ...], batch: Batch) -> dict[str, Tensor]:
        """`losses` from what `embed` gave for all rows."""
        loss, towers = self.recipe.loss, self.towers
        images, texts, hidden, *local = embedded
        members = range(images.shape[1])
        coarse = [images[:, m] @ texts[:, m].T for m in members]
        inter, cold = INTER[loss.inter], 1 / scale(towers.log_scale)
        terms = {"coarse": sum_of([inter(coarse[m], batch.targets, cold[m]) for m in members])}
        if local:
            terms |= self._fine(torch.stack(coarse).mean(0), local[0], local[1], batch)
        if loss.scene and len(towers.image.scenes):
            terms["scene"] = loss.scene * sum_of(
                [
                    F.cross_entropy(
                        head(hidden[:, m]), batch.labels, ignore_index=-1, label_smoothing=loss.smoothing
                    )
                    for m, head in enumerate(towers.image.scenes)
                ]
            )
        return terms

    def _fine(self, coarse: Tensor, tokens: Tensor, guides: Tensor, batch: Batch) -> dict[str, Tensor]:
        loss = self.recipe.loss
        inter, cold = INTER[loss.inter], 1 / scale(self.towers.log_scale_fine)

        def scores(cells: Tensor) -> Tensor:
            return btgi(cells, tokens[:, 0], guides, loss.balance, loss.temperature, loss.form)

        terms = {}
        if loss.fine:
            fine = scores(tokens[:, 1:])
            terms["fine"] = loss.fine * inter(fine, batch.targets, cold)
            if loss.intra:
                rising = min(1.0, batch.done / loss.ramp) if loss.ramp else 1.0
                terms["intra"] = rising * loss.intra * INTRA[loss.agreement](coarse, fine)
        if loss.region:
            grouped = scores(regions(tokens[:, 1:], loss.regions))
            terms["region"] = loss.region * inter(grouped, batch.targets, cold)
        return terms

    def validate(self) -> dict[str, float]:
        """Strict mR of the recall stage on every validation set, and of the fine score alone."""
        return {name: value for one in self._validation for name, value in one.measure(self.towers).items()}


def as_stored(tokens: Tensor) -> Tensor:
    """Unit rows as an archive keeps them, rounded to int8; gradients pass as if nothing were rounded."""
    rounded = (tokens * (127 / tokens.abs().amax(-1, keepdim=True).clamp_min(1e-9))).round()
    return tokens + (F.normalize(rounded, dim=-1) - tokens).detach()


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """Sum of scalars."""
    return torch.stack(list(values)).sum()


class Validation:
    """A validation set with its cached features."""

    def __init__(self, data: Corpus, cells: NDArray[np.float16], texts: Texts) -> None:
        """One captioned set: `cells` float16[n, G * G, width], `texts` of `data.texts`."""
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
        blocks = (cells[i : i + batch].astype(np.float32) for i in range(0, len(cells), batch))
        device = towers.log_scale.device
        parts = [side_by_side(towers.image.embed(torch.from_numpy(b).to(device))[0]).cpu() for b in blocks]
    return torch.cat(parts).numpy()


def embed_texts(towers: Towers, texts: Texts) -> NDArray[np.float32]:
    """Features or pieces of n texts -> float32[n, D]."""
    towers.eval()
    with torch.inference_mode():
        rows = torch.from_numpy(texts).to(towers.log_scale.device)
        return side_by_side(towers.text.embed(towers.text.read(rows))).cpu().numpy()
