"""The task of CFITR: hash heads and a joint transformer over what a frozen encoder gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from swath.evaluation import Relevance, rank_scores
from swath.models.cfitr import Cfitr, CfitrRecipe, Hasher
from swath.search.codes import fit_rotation
from swath.search.stages.cross import LENGTHS
from swath.training.data import Corpus
from swath.training.hashing import balance, hardest_hinge, matching, quantisation, signs
from swath.training.losses import targets_of
from swath.training.stored import StoredImages, StoredTexts

SAMPLE = 2048
"""Vectors of each modality, about, that the rotations start from."""
_ROWS = 512


@dataclass(frozen=True)
class Stored:
    """A corpus and what an encoder gives for it."""

    corpus: Corpus
    images: StoredImages
    texts: StoredTexts


@dataclass(frozen=True)
class Batch:
    """B pairs for the codes; for the first M of them P = 1 + texts + images pairs for the joint blocks."""

    images: Tensor
    """float[B, D]"""
    texts: Tensor
    """float[B, D]"""
    true: Tensor
    """bool[B, B]: which text is true of which image."""
    tokens: Tensor
    """float[M * P, 1 + G * G, d]: the true pair, false texts of the image, false images of the text."""
    guides: Tensor
    """float[M * P, d]"""
    words: Tensor
    """float[M * P, L, w]"""
    valid: Tensor
    """bool[M * P, L]"""
    pairs: Tensor
    """bool[M, P]: which of the pairs are true."""


class CfitrTask:
    """Trains codes and joint blocks side by side; see `swath.training.loop.Task`."""

    def __init__(
        self, recipe: CfitrRecipe, model: Cfitr, train: Stored, validation: Sequence[Validation]
    ) -> None:
        self.model: nn.Module = model
        self.cfitr, self.recipe, self.train = model, recipe, train
        self._usable = train.corpus.usable
        self._distinct = [np.unique(own) for own in train.corpus.captions]
        self._own = train.corpus.own()
        owners: list[list[int]] = [[] for _ in train.corpus.texts]
        for image, own in enumerate(self._distinct):
            for text in own:
                owners[text].append(image)
        self._owners = [np.array(images) for images in owners]
        self._batch = min(recipe.optimiser.batch, len(self._usable))
        self.steps_per_epoch = len(self._usable) // self._batch
        self._validation = validation

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Every image once with one of its distinct captions; false pairs mined by the codes of now."""
        rng = np.random.default_rng((self.recipe.seed, epoch))
        steps, size = self.steps_per_epoch, self._batch
        rows = rng.permutation(self._usable)[: steps * size].reshape(steps, size)
        chosen = np.array([rng.choice(self._distinct[row]) for row in rows.reshape(-1)]).reshape(steps, size)
        paired = slice(self.recipe.negatives.images)
        texts, images = self._mine(rows[:, paired].reshape(-1), chosen[:, paired].reshape(-1))
        for step in range(steps):
            mined = slice(step * len(texts) // steps, (step + 1) * len(texts) // steps)
            yield self._assemble(rng, rows[step], chosen[step], texts[mined], images[mined])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Hinge, quantisation and balance, each a mean over the widths; matching both ways."""
        plan, model = self.recipe.loss, self.cfitr
        image = model.image_hash.split(model.image_hash(batch.images))
        text = model.text_hash.split(model.text_hash(batch.texts))
        hinges, quantised, balanced = [], [], []
        for width in image:
            i, t = image[width], text[width]
            cosines = F.normalize(i, dim=1) @ F.normalize(t, dim=1).T
            hinges.append(hardest_hinge(cosines, batch.true, plan.margin))
            quantised.append(quantisation(i, t))
            balanced.append(0.5 * (balance(i) + balance(t)))
        scores = model.joint(batch.tokens, batch.guides, batch.words, batch.valid).reshape(batch.pairs.shape)
        texts = 1 + self.recipe.negatives.hard_texts + self.recipe.negatives.random
        columns = [0, *range(texts, batch.pairs.shape[1])]
        match = matching(scores[:, :texts], batch.pairs[:, :texts])
        match = match + matching(scores[:, columns], batch.pairs[:, columns])
        return {
            "hinge": torch.stack(hinges).mean(),
            "quantisation": plan.quantisation * torch.stack(quantised).mean(),
            "balance": plan.balance * torch.stack(balanced).mean(),
            "match": plan.match * 0.5 * match,
        }

    def validate(self) -> dict[str, float]:
        """See `Validation.measure`."""
        width = self.recipe.negatives.mined_with
        return {
            name: value for one in self._validation for name, value in one.measure(self.cfitr, width).items()
        }

    def _assemble(
        self,
        rng: np.random.Generator,
        rows: NDArray[np.int64],
        chosen: NDArray[np.int64],
        near_texts: NDArray[np.int64],
        near_images: NDArray[np.int64],
    ) -> Batch:
        plan, stored = self.recipe.negatives, self.train
        own = torch.from_numpy(self._own[rows])
        some, said = rows[: plan.images], chosen[: plan.images]
        texts = _false(rng, near_texts, plan.hard_texts, plan.random, len(stored.corpus.texts))
        images = _false(rng, near_images, plan.hard_images, plan.random, self._usable)
        pair_texts = np.concatenate([said[:, None], texts, np.repeat(said[:, None], images.shape[1], 1)], 1)
        pair_images = np.concatenate([np.repeat(some[:, None], 1 + texts.shape[1], 1), images], 1)
        true = (self._own[pair_images] == pair_texts[:, :, None]).any(2)
        words, valid = words_of(stored.texts, pair_texts.reshape(-1), plan.words)
        return Batch(
            torch.from_numpy(stored.images.embedding[rows].astype(np.float32)),
            torch.from_numpy(stored.texts.embedding[chosen]),
            targets_of(torch.from_numpy(chosen), own).bool(),
            torch.from_numpy(stored.images.tokens[pair_images.reshape(-1)].astype(np.float32)),
            torch.from_numpy(stored.texts.guide[pair_texts.reshape(-1)]),
            words,
            valid,
            torch.from_numpy(true),
        )

    def _mine(
        self, images: NDArray[np.int64], texts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The nearest false texts by code of some images, int64[n, pool], and the nearest images of texts."""
        model, pool, stored = self.cfitr, self.recipe.negatives.pool, self.train
        width = self.recipe.negatives.mined_with
        model.eval()
        of_images = signs(relaxed(model.image_hash, stored.images.embedding[self._usable], width))
        of_texts = signs(relaxed(model.text_hash, stored.texts.embedding, width))
        model.train()
        place = np.zeros(len(stored.corpus), np.int64)
        place[self._usable] = np.arange(len(self._usable))
        to_texts = _nearest(of_images[place[images]], of_texts, [self._distinct[i] for i in images], pool)
        to_images = _nearest(of_texts[texts], of_images, [place[self._owners[t]] for t in texts], pool)
        return to_texts, self._usable[to_images]


def _nearest(asked: Tensor, found: Tensor, true: Sequence[NDArray[np.int64]], pool: int) -> NDArray[np.int64]:
    """int64[n, pool]: numbers in `found` with the largest products, those that are true left out."""
    parts = []
    for start in range(0, len(asked), _ROWS):
        scores = asked[start : start + _ROWS] @ found.T
        for row, own in enumerate(true[start : start + len(scores)]):
            scores[row, torch.from_numpy(own)] = -torch.inf
        parts.append(scores.topk(min(pool, len(found)), 1).indices)
    return torch.cat(parts).numpy()


def _false(
    rng: np.random.Generator,
    near: NDArray[np.int64],
    hard: int,
    random: int,
    among: int | NDArray[np.int64],
) -> NDArray[np.int64]:
    """int64[M, hard + random]: hard ones drawn from what is near, others from all."""
    picks = rng.permuted(np.tile(np.arange(near.shape[1]), (len(near), 1)), axis=1)[:, :hard]
    return np.concatenate([np.take_along_axis(near, picks, 1), rng.choice(among, (len(near), random))], 1)


def words_of(texts: StoredTexts, rows: NDArray[np.int64], most: int = LENGTHS[-1]) -> tuple[Tensor, Tensor]:
    """Word vectors float[n, L, w] and bool[n, L] of some texts, L as short as they and `most` allow."""
    lengths = np.minimum(texts.lengths[rows], most)
    longest = int(lengths.max())
    valid = np.arange(longest)[None] < lengths[:, None]
    words = texts.words[rows, :longest].astype(np.float32)
    return torch.from_numpy(words), torch.from_numpy(valid)


def initialise(model: Cfitr, train: Stored) -> None:
    """Start the codes as training-free ones: centred by modality, rotated by what both modalities share."""
    sides = (
        (model.image_hash, train.images.embedding[train.corpus.usable].astype(np.float32)),
        (model.text_hash, train.texts.embedding),
    )
    centred = []
    for hasher, embedding in sides:
        mean = embedding.mean(0, dtype=np.float64).astype(np.float32)
        hasher.mean.copy_(torch.from_numpy(mean))
        centred.append(embedding - mean)
    both = np.concatenate([side[:: max(1, len(side) // SAMPLE)] for side in centred])
    rotations = []
    for width in model.image_hash.bits:
        rotation = fit_rotation(both, width)
        # The tanh bends where a bit's deviation is about 1.
        rotations.append(rotation / (both @ rotation).std())
    start = torch.from_numpy(np.concatenate(rotations, 1).T.astype(np.float32))
    with torch.no_grad():
        for hasher, _ in sides:
            hasher.rotation.weight.copy_(start)


def relaxed(hasher: Hasher, embedding: NDArray[np.floating], width: int) -> Tensor:
    """Relaxed bits float[n, width] of embeddings float[n, D]."""
    with torch.inference_mode():
        parts = [
            hasher.split(hasher(torch.from_numpy(embedding[i : i + _ROWS].astype(np.float32))))[width]
            for i in range(0, len(embedding), _ROWS)
        ]
    return torch.cat(parts)


def fine_scores(
    model: Cfitr, stored: Stored, images: NDArray[np.int64], texts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Scores float32[n] of n pairs of an image and a text of a corpus."""
    out = np.empty(len(images), np.float32)
    # Texts of one length together, so that short ones are not padded for the sake of a long one.
    order = np.argsort(stored.texts.lengths[texts], kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            words, valid = words_of(stored.texts, texts[rows])
            tokens = torch.from_numpy(stored.images.tokens[images[rows]].astype(np.float32))
            guides = torch.from_numpy(stored.texts.guide[texts[rows]])
            out[rows] = model.joint(tokens, guides, words, valid).numpy()
    return out


class Validation:
    """A validation set: how good codes are alone, and reordered by the joint blocks."""

    SHORTLIST = 20

    def __init__(self, stored: Stored) -> None:
        """One captioned set."""
        self.stored = stored
        corpus = stored.corpus
        self.name = corpus.sets[0].name
        self._images = corpus.usable
        place = {int(image): i for i, image in enumerate(self._images)}
        captions = [(place[int(i)], int(t)) for i in self._images for t in corpus.captions[i]]
        self._owners = np.array([owner for owner, _ in captions])
        self._texts = np.array([text for _, text in captions])
        lists: list[list[int]] = [[] for _ in self._images]
        for number, owner in enumerate(self._owners.tolist()):
            lists[owner].append(number)
        self._relevance = Relevance.of(lists), Relevance.of([[o] for o in self._owners.tolist()])

    def measure(self, model: Cfitr, width: int) -> dict[str, float]:
        """`{name} hash mr`, and `{name} cross mr` behind the 20 best by code, in per cent."""
        model.eval()
        images = signs(relaxed(model.image_hash, self.stored.images.embedding, width)).numpy()
        texts = signs(relaxed(model.text_hash, self.stored.texts.embedding, width)).numpy()
        coarse = images @ texts.T
        fine = self._reordered(model, coarse), self._reordered(model, coarse.T, texts_ask=True)
        return {
            f"{self.name} hash mr": self._mr(coarse, coarse.T),
            f"{self.name} cross mr": self._mr(*fine),
        }

    def _reordered(
        self, model: Cfitr, coarse: NDArray[np.float32], texts_ask: bool = False
    ) -> NDArray[np.float32]:
        best = np.argsort(-coarse, 1, kind="stable")[:, : self.SHORTLIST]
        asked = np.repeat(np.arange(len(coarse)), best.shape[1])
        found = best.reshape(-1)
        pair = (found, asked) if texts_ask else (asked, found)
        scores = coarse - np.float32(1e6)
        scores[asked, found] = fine_scores(model, self.stored, *pair)
        return scores

    def _mr(self, to_texts: NDArray[np.float32], to_images: NDArray[np.float32]) -> float:
        """Both matrices are [asked, found] over all images and distinct texts of the set."""
        by_image = np.ascontiguousarray(to_texts[self._images][:, self._texts])
        by_text = np.ascontiguousarray(to_images[self._texts][:, self._images])
        ranks = [
            rank_scores(scores, relevance)
            for scores, relevance in zip((by_image, by_text), self._relevance, strict=True)
        ]
        return round(100 * float(np.mean([r.hits(k).mean() for r in ranks for k in (1, 5, 10)])), 3)
