"""The two towers: frozen trunks with trained heads, in the form that is trained and exported."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import RecipeError
from swath.models.bert import SentenceTransformer, masked_mean
from swath.models.heads import BagOfPieces, Projection, Standardise
from swath.models.recipe import Recipe
from swath.models.vit import VisionTransformer


class ImageTower(nn.Module):
    """Pixels to an embedding and a token grid.

    `features` is the frozen part (cached in training); `heads` is what is trained.
    """

    def __init__(self, recipe: Recipe, scenes: int = 0) -> None:
        super().__init__()
        image, heads = recipe.image, recipe.heads
        self.grid = image.grid
        self.trunk = TRUNKS[image.trunk](size=image.size, taps=image.taps, merge=image.merge)
        if self.trunk.side % (2 if image.merge else 1) or self.trunk.tapped_side % image.grid:
            raise RecipeError(
                f"pictures of {image.size} pixels (image.size) have {self.trunk.side} x {self.trunk.side} "
                f"patches, which do not make {image.grid} x {image.grid} cells (image.grid, image.merge)"
            )
        width = len(image.taps) * self.trunk.width
        self.standard = Standardise(width)
        self.members = nn.ModuleList(
            Projection(width, heads.hidden, heads.dim, heads.dropout) for _ in range(heads.members)
        )
        self.cell = Projection(width, heads.token_hidden, heads.token_dim, heads.dropout)
        self.whole = Projection(width, heads.token_hidden, heads.token_dim, heads.dropout)
        self.scenes = nn.ModuleList(
            nn.Linear(heads.hidden, scenes) for _ in range(heads.members if scenes else 0)
        )

    def features(self, pixels: Tensor) -> Tensor:
        """uint8[n, S, S, 3] -> float[n, G * G, width]: patch tokens of all taps, averaged to cells."""
        return self.pool(self.trunk(pixels))

    def pool(self, taps: Sequence[Tensor]) -> Tensor:
        """Outputs of the taps, float[n, 1 + P, width] each -> cells float[n, G * G, width of all]."""
        side, grid = self.trunk.tapped_side, self.grid
        step = side // grid
        patches = torch.cat([tap[:, 1:] for tap in taps], -1)
        cells = patches.reshape(-1, grid, step, grid, step, patches.shape[-1]).mean((2, 4))
        return cells.flatten(1, 2)

    def heads(self, cells: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """float[n, G * G, width] -> embeddings float[n, members, dim], tokens float[n, 1 + G * G, d], hidden.

        All rows have unit length.
        """
        embedding, hidden = self.embed(cells)
        return embedding, self.tokens(cells), hidden

    def embed(self, cells: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The first and last part of `heads`."""
        pooled = self.standard(cells).mean(1)
        outputs = [member(pooled) for member in self.members]
        embedding = torch.stack([F.normalize(out, dim=-1) for out, _ in outputs], 1)
        return embedding, [hidden for _, hidden in outputs]

    def tokens(self, cells: Tensor) -> Tensor:
        """The tokens of `heads`."""
        cells = self.standard(cells)
        tokens = torch.cat([self.whole(cells.mean(1))[0][:, None], self.cell(cells)[0]], 1)
        return F.normalize(tokens, dim=-1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """uint8[n, S, S, 3] -> embedding float[n, D] and tokens float[n, 1 + G * G, d], unit rows."""
        taps = [_never_one_row(tap) for tap in self.trunk(pixels)]
        embedding, tokens, _ = self.heads(self.pool(taps))
        return side_by_side(embedding)[:-1], tokens[:-1]


class TextTower(nn.Module):
    """Word pieces to an embedding and a guide in the space of the tokens."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        text, heads = recipe.text, recipe.heads
        self.trunk = TRUNKS[text.trunk](vocabulary=text.pieces, length=text.lengths[-1], layers=text.layers)
        self.bag = BagOfPieces(text.pieces, text.bag_rows, text.bag_dim)
        width = self.trunk.width + text.bag_dim
        self.standard = Standardise(width)
        self.members = nn.ModuleList(
            Projection(width, heads.hidden, heads.dim, heads.dropout) for _ in range(heads.members)
        )
        self.guide = Projection(width, heads.token_hidden, heads.token_dim, heads.dropout)

    def features(self, ids: Tensor, mask: Tensor) -> Tensor:
        """int64[n, L] piece ids and 0/1 mask -> float[n, width]: sentence vector and bag side by side."""
        return self.pool(self.trunk(ids, mask), ids, mask)

    def read(self, text: Tensor) -> Tensor:
        """`features` as they are, float[n, width], or of piece ids int64[n, L] that end in zeros.

        Rows of like length go through the trunk together, so that little of the work is padding.
        """
        if text.is_floating_point():
            return text
        mask = (text != 0).to(torch.int64)
        lengths = mask.sum(1)
        order = lengths.argsort(stable=True)
        parts = [
            self.features(text[rows, : int(lengths[rows[-1]])], mask[rows, : int(lengths[rows[-1]])])
            for rows in torch.split(order, _LIKE)
        ]
        return torch.cat(parts)[order.argsort()]

    def pool(self, words: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Word vectors float[n, L, d], ids and mask -> float[n, width]."""
        sentence = F.normalize(masked_mean(words, mask), dim=-1)
        return torch.cat([sentence, self.bag(ids, mask)], 1)

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """float[n, width] -> embeddings float[n, members, dim] and guide float[n, d], unit rows."""
        return self.embed(features), self.guides(features)

    def embed(self, features: Tensor) -> Tensor:
        """The embeddings of `heads`."""
        x = self.standard(features)
        return torch.stack([F.normalize(member(x)[0], dim=-1) for member in self.members], 1)

    def guides(self, features: Tensor) -> Tensor:
        """The guides of `heads`."""
        return F.normalize(self.guide(self.standard(features))[0], dim=-1)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Piece ids and 0/1 mask, int64[n, L], to what a search asks with.

        Returns:
            embedding float[n, D] and guide float[n, d], unit rows, and word vectors float[n, L, w].
        """
        words, ids_, mask_ = map(_never_one_row, (self.trunk(ids, mask), ids, mask))
        embedding, guide = self.heads(self.pool(words, ids_, mask_))
        return side_by_side(embedding)[:-1], guide[:-1], words[:-1]


def _never_one_row(x: Tensor) -> Tensor:
    """Repeat the first row at the end.

    ONNX Runtime sums and multiplies a single row by other kernels, which round otherwise. From two rows on, a
    vector alone equals the vector in any batch, bit for bit.
    """
    return torch.cat([x, x[:1]])


def side_by_side(members: Tensor) -> Tensor:
    """float[n, members, dim] of unit rows -> float[n, members * dim] of unit rows."""
    return members.flatten(1) / members.shape[1] ** 0.5


_LIKE = 128
"""Texts of like length that go through the trunk together."""
TRUNKS = {"vit_s14": VisionTransformer, "minilm": SentenceTransformer}
"""Trunks by the names that recipes use."""
