"""The vision trunk whose patches are merged on the way."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from swath.errors import RecipeError  # noqa: E402
from swath.models.vit import VisionTransformer, merged  # noqa: E402
from tests.training import small  # noqa: E402


def test_patches_are_merged_two_by_two() -> None:
    patches = torch.arange(16.0).reshape(1, 16, 1)
    x = merged(torch.cat([torch.full((1, 1, 1), -7.0), patches], 1), 4)
    # Rows of four: 0 1 4 5, 2 3 6 7, 8 9 12 13, 10 11 14 15.
    assert x.flatten().tolist() == [-7, 2.5, 4.5, 10.5, 12.5]


def test_blocks_behind_it_read_the_merged_patches() -> None:
    torch.manual_seed(0)
    trunk = VisionTransformer(56, taps=(2, 3), merge=2).eval()
    pixels = torch.from_numpy(small.pixels(2))
    with torch.no_grad():
        x = trunk.blocks[1](trunk.blocks[0](trunk.embed(pixels)))
        second = merged(x, 4)
        third, taps = trunk.blocks[2](second), trunk(pixels)
    assert [tuple(tap.shape) for tap in taps] == [(2, 1 + 4, 384)] * 2
    assert torch.equal(taps[0], second)
    assert torch.allclose(taps[1], third, atol=1e-6)


@pytest.mark.parametrize("merge", [0, 1])
def test_every_cell_sees_its_own_part_of_the_picture(merge: int) -> None:
    """Attention is switched off, so a cell can only tell of the pixels below it."""
    towers = small.towers(small.recipe(**{"image.taps": [2], "image.merge": merge}))
    for block in towers.image.trunk.blocks:
        torch.nn.init.zeros_(block.scale1)
    black = torch.zeros(1, 56, 56, 3, dtype=torch.uint8)
    for cell in range(4):
        lit = black.clone()
        row, column = divmod(cell, 2)
        lit[:, 28 * row : 28 * row + 28, 28 * column : 28 * column + 28] = 255
        with torch.inference_mode():
            change = (towers.image.features(lit) - towers.image.features(black)).abs().amax(-1)[0]
        assert (change > 1e-3).nonzero().flatten().tolist() == [cell]


@pytest.mark.parametrize(
    "change",
    [
        {"image.grid": 3},
        {"image.size": 42, "image.grid": 1, "image.merge": 1},
        {"image.merge": 1, "image.grid": 4},
    ],
)
def test_cells_that_patches_do_not_make_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(RecipeError, match="which do not make"):
        small.towers(small.recipe(**{"image.taps": [2], **change}))
