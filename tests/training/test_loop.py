"""The loop: seeded, resumable, logged, and it stops at nonsense."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from swath.errors import InputError  # noqa: E402
from swath.models.recipe import OptimiserPart  # noqa: E402
from swath.training.loop import fit, rate_at  # noqa: E402

PLAN = OptimiserPart(epochs=6, batch=4, rate=0.01, decay=0.1, warmup=0.1)


class Line:
    """Fits a line through noise with dropout, so that a wrong random state shows."""

    steps_per_epoch = 5

    def __init__(self, stop_after: int | None = None, factor: float = 1.0) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.stop_after, self.factor = stop_after, factor

    def batches(self, epoch: int) -> Iterator[Tensor]:
        if epoch == self.stop_after:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(epoch)
        for _ in range(self.steps_per_epoch):
            yield torch.randn(4, 3, generator=generator)

    def losses(self, batch: Tensor) -> dict[str, Tensor]:
        wanted = batch.sum(1, keepdim=True)
        return {"square": (self.model(batch) - wanted).square().mean() * self.factor}

    def validate(self) -> dict[str, float]:
        assert not self.model.training
        with torch.inference_mode():
            return {"at one": float(self.model(torch.ones(1, 3)))}


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = Line()
    figures = fit(whole, PLAN, 3, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(Line(stop_after=4), PLAN, 3, tmp_path / "parts")
    resumed = Line()
    assert fit(resumed, PLAN, 3, tmp_path / "parts") == figures
    for ours, theirs in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["validation"] == figures


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    ends = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        ends.append(fit(Line(), PLAN, seed, folder))
    assert ends[0] != ends[1]


def test_a_finished_run_is_only_measured_again(tmp_path: Path) -> None:
    figures = fit(Line(), PLAN, 0, tmp_path)
    assert fit(Line(stop_after=0), PLAN, 0, tmp_path) == figures


def test_a_loss_that_is_not_finite_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"square is nan at epoch 1, step 1"):
        fit(Line(factor=float("nan")), PLAN, 0, tmp_path)


def test_rate_rises_then_falls_to_zero() -> None:
    rates = [rate_at(step, 100, 0.05) for step in range(101)]
    assert rates[0] < rates[4] < 1 and rates[5] == pytest.approx(1)
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert rates[100] == pytest.approx(0, abs=1e-12)


def test_every_epoch_draws_anew(tmp_path: Path) -> None:
    drawn: list[float] = []

    class Drawing(Line):
        def batches(self, epoch: int) -> Iterator[Tensor]:
            drawn.append(float(torch.rand(())))
            yield from super().batches(epoch)

    fit(Drawing(), PLAN, 3, tmp_path)
    assert len(set(drawn)) == PLAN.epochs
