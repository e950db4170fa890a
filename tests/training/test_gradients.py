"""Gradient caching, several processes, lower precision: the gradients are those of the whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from swath.errors import InputError  # noqa: E402
from swath.models.recipe import OptimiserPart  # noqa: E402
from swath.training.gradients import _seed, add_gradients  # noqa: E402
from swath.training.loop import fit  # noqa: E402
from swath.training.parallel import World, device_of, together  # noqa: E402
from tests.training.pairs import Pairs, train  # noqa: E402
from tests.training.test_loop import Line  # noqa: E402

PLAN = OptimiserPart(epochs=3, batch=8, rate=0.01, decay=0.1, warmup=0.1)


def found(task: Pairs, **options: int) -> dict[str, Tensor]:
    parameters = list(task.model.parameters())
    plan = msgspec.structs.replace(PLAN, **options)
    add_gradients(task, next(task.batches(0)), parameters, plan, World(), seed=4)
    return {name: p.grad for name, p in task.model.named_parameters() if p.grad is not None}


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    near = (torch.allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-14) for name in theirs)
    return ours.keys() == theirs.keys() and all(near)


@pytest.mark.parametrize("chunk", [0, 1, 3, 8, 20])
def test_cached_gradients_are_those_of_the_whole_batch(chunk: int) -> None:
    whole = Pairs()
    torch.autograd.backward(list(whole.losses(next(whole.batches(0))).values()))
    wanted = {name: p.grad for name, p in whole.model.named_parameters() if p.grad is not None}
    assert "cold" in wanted and "unused" not in wanted
    assert same(found(Pairs(), chunk=chunk), wanted)


def test_with_dropout_both_passes_draw_the_same() -> None:
    task = Pairs(dropout=0.5)
    batch = next(task.batches(0))
    parts = []
    for start in (0, 3, 6):
        torch.manual_seed(_seed(4, start))
        parts.append(task.embed(batch, slice(start, min(start + 3, 8))))
    losses = task.losses_of(tuple(map(torch.cat, zip(*parts, strict=True))), batch)
    torch.autograd.backward(list(losses.values()))
    wanted = {name: p.grad for name, p in task.model.named_parameters() if p.grad is not None}
    assert same(found(Pairs(dropout=0.5), chunk=3), wanted)


def test_parts_of_a_mean_add_up() -> None:
    task, twice = Pairs(), Pairs()
    found(task)
    for _ in range(2):
        add_gradients(
            twice, next(twice.batches(0)), list(twice.model.parameters()), PLAN, World(), seed=4, share=0.5
        )
    for ours, theirs in zip(twice.model.parameters(), task.model.parameters(), strict=True):
        assert (ours.grad is None and theirs.grad is None) or torch.allclose(ours.grad, theirs.grad)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_two_processes_equal_one(dropout: float, tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, chunk=2, accumulate=2, average=0.5)
    ends = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        with together(processes, "cpu", train, (folder, plan, dropout)) as world:
            assert world.size == processes
            ends.append(train(folder, plan, dropout, world).model.state_dict())
        assert (folder / "log.csv").read_text().count("\n") == 4
    for name, value in ends[0].items():
        assert torch.allclose(ends[1][name], value, rtol=1e-9, atol=1e-12), name


def test_torchrun_says_who_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with together(7, "cpu", train, ()) as world:
        assert (world.rank, world.size, world.first) == (0, 1, True)


def test_bf16_computes_embeddings_in_bf16_and_trains(tmp_path: Path) -> None:
    task = Pairs(dtype=torch.float32)
    before = task.validate()["match"]
    task.seen.clear()
    figures = fit(task, msgspec.structs.replace(PLAN, precision="bf16", epochs=20), 0, tmp_path)
    assert task.seen[0] == torch.bfloat16
    assert {p.dtype for p in task.model.parameters()} == {torch.float32}
    assert figures["match"] < before


def test_what_cannot_be_shared_is_refused() -> None:
    line = Line()
    for plan, world in ((msgspec.structs.replace(PLAN, chunk=2), World()), (PLAN, World(0, 2))):
        with pytest.raises(InputError, match="Line needs whole batches"):
            add_gradients(line, torch.ones(4, 3), list(line.model.parameters()), plan, world, seed=0)
    with pytest.raises(InputError, match="a batch of 8 cannot be shared by 3"):
        World(0, 3).share(8)
    with pytest.raises(InputError, match="on device 'tpu'"):
        device_of("tpu", 0)


@dataclass(frozen=True)
class Named:
    rows: Tensor
    names: tuple[str, ...]


def test_batches_move_whole() -> None:
    from swath.training.loop import moved

    batch = Named(torch.ones(2), ("a",))
    there = moved((batch, 3), torch.device("meta"))
    assert there[0].rows.device.type == "meta" and there[0].names == ("a",) and there[1] == 3
    assert moved(batch, torch.device("cpu")) is batch
