"""The loop: seeded, resumable, logged, and it stops at nonsense."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
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

    def __init__(self, stop_after: int | None = None, factor: float = 1.0, dropout: float = 0.5) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(dropout), nn.Linear(8, 1))
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


def first(task: Line) -> Tensor:
    return next(task.model.parameters()).detach()


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
    with (tmp_path / "parts" / "log.csv").open() as log:
        lines = list(csv.DictReader(log))
    assert [line["epoch"] for line in lines] == ["1", "2", "3", "4", "5", "6"]
    assert [line["validation at one"] for line in lines] == [""] * 5 + [str(figures["at one"])]
    assert all(float(line["items_per_second"]) > 0 and float(line["square"]) > 0 for line in lines)


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
    late = [rate_at(step, 140, 0.05, begin=40) for step in range(141)]
    assert late == [0.0] * 40 + rates


def test_every_epoch_draws_anew(tmp_path: Path) -> None:
    drawn: list[float] = []

    class Drawing(Line):
        def batches(self, epoch: int) -> Iterator[Tensor]:
            drawn.append(float(torch.rand(())))
            yield from super().batches(epoch)

    fit(Drawing(), PLAN, 3, tmp_path)
    assert len(set(drawn)) == PLAN.epochs


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.test_loop import AVERAGED, Line, fit

class Dying(Line):
    def losses(self, batch):
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == 18:  # in the middle of the fourth epoch
            os.kill(os.getpid(), signal.SIGKILL)
        return super().losses(batch)

fit(Dying(), AVERAGED, 3, Path(sys.argv[1]))
"""
AVERAGED = msgspec.structs.replace(PLAN, average=0.9, accumulate=2)


def test_a_run_that_was_killed_goes_on_bit_for_bit(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = Line()
    figures = fit(whole, AVERAGED, 3, tmp_path / "whole")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "killed" / "log.csv").read_text().count("\n") == 1 + 3
    resumed = Line()
    assert fit(resumed, AVERAGED, 3, tmp_path / "killed") == figures
    for ours, theirs in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_average_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    weights: list[Tensor] = []

    class Watched(Line):
        def losses(self, batch: Tensor) -> dict[str, Tensor]:
            weights.append(first(self).clone())
            return super().losses(batch)

    task = Watched(dropout=0.0)
    figures = fit(task, msgspec.structs.replace(PLAN, average=0.9), 3, tmp_path)
    assert task.validate() == figures
    mean, last = weights[0], None
    for step, weight in enumerate(weights[1:]):
        decay = min(0.9, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * weight
        last = weight
    assert last is not None
    ours = first(task)
    assert float((ours - mean).abs().max()) < float((ours - last).abs().max())


def test_accumulated_batches_are_one_step(tmp_path: Path) -> None:
    plain, twice = Line(dropout=0.0), Line(dropout=0.0)

    def doubled(epoch: int) -> Iterator[Tensor]:
        return (batch for batch in Line.batches(plain, epoch) for _ in range(2))

    ends = []
    for task, accumulate, name in ((plain, 1, "one"), (twice, 2, "two")):
        (tmp_path / name).mkdir()
        if accumulate == 2:
            task.batches = doubled  # type: ignore[method-assign]
            task.steps_per_epoch = 10
        fit(task, msgspec.structs.replace(PLAN, accumulate=accumulate), 3, tmp_path / name)
        ends.append(first(task))
    assert torch.allclose(ends[0], ends[1], rtol=1e-5)


def test_frozen_weights_are_not_in_checkpoints(tmp_path: Path) -> None:
    task = Line()
    for parameter in list(task.model.parameters())[:2]:
        parameter.requires_grad_(False)
    fit(task, PLAN, 0, tmp_path)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert set(saved["model"]) == {"2.weight", "2.bias"}
    with pytest.raises(InputError, match="another model"):
        fit(Line(), PLAN, 0, tmp_path)


def test_a_batch_that_cannot_be_filled_is_named(tmp_path: Path) -> None:
    task = Line()
    task.steps_per_epoch = 0
    with pytest.raises(InputError, match="do not fill one batch of 4"):
        fit(task, PLAN, 0, tmp_path)


def test_progress_tells_epoch_throughput_and_losses(tmp_path: Path) -> None:
    told: list[tuple[int, int | None, str]] = []
    fit(Line(), PLAN, 0, tmp_path, progress=lambda *one: told.append(one))
    assert [done for done, _, _ in told] == list(range(1, 31)) and told[0][1] == 30
    assert told[-1][2].startswith("training, epoch 6 of 6, ") and "items/s, square 0." in told[-1][2]


def test_tensorboard_where_it_is_installed(tmp_path: Path) -> None:
    fit(Line(), PLAN, 0, tmp_path)
    installed = importlib.util.find_spec("tensorboard") is not None
    assert (tmp_path / "tensorboard").is_dir() == installed
