from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from swath.errors import InputError
from swath.evaluation import Ranks, evaluate, read_result, to_json, write_result
from swath.evaluation.packing import PackedRanks, pack, unpack
from tests.evaluation.test_results import RETRIEVAL
from tests.evaluation.test_run import mixed, recalls
from tests.tiny import TinyEncoder

RANKS = Ranks(np.array([0, 7, 2**31 - 1]), np.array([1, 3, 1]), np.array([1, 2, 1]))
IMAGES = np.array([0, 0, 4])


def test_ranks_come_back_as_they_were() -> None:
    ranks, images = unpack(pack(RANKS, IMAGES))
    for name in ("above", "tied", "right"):
        assert getattr(ranks, name).tolist() == getattr(RANKS, name).tolist()
    assert images.tolist() == IMAGES.tolist()
    empty, nothing = unpack(pack(Ranks.empty(0), np.zeros(0, np.int64)))
    assert len(empty.above) == len(nothing) == 0


def test_they_are_small() -> None:
    random = np.random.default_rng(0)
    ranks = Ranks(random.integers(0, 1000, 5000), np.ones(5000, int), np.ones(5000, int))
    assert len(msgspec.json.encode(pack(ranks, np.arange(5000) // 5))) < 20_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"above": "%"}, "damaged in 'above'"),
        ({"above": "AAAA"}, "damaged in 'above'"),
        ({"queries": 4}, "bytes for 4 queries"),
        ({"right": pack(RANKS, IMAGES).above}, "contradict themselves"),
    ],
)
def test_damage_is_found(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        unpack(msgspec.structs.replace(pack(RANKS, IMAGES), **changes))


def test_a_rank_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        pack(Ranks(*(np.array([2**31]) for _ in range(3))), np.zeros(1, np.int64))


def test_a_result_keeps_the_ranks_of_its_figures(tmp_path: Path) -> None:
    dataset = mixed(tmp_path)
    result = evaluate(dataset, TinyEncoder())
    write_result(result, tmp_path / "result.json")
    again = read_result(tmp_path / "result.json")
    assert again == result
    assert result.ranks is not None
    packed: tuple[PackedRanks, PackedRanks] = (result.ranks.i2t, result.ranks.t2i)
    figures = [100 * unpack(side)[0].hits(k).mean() for side in packed for k in (1, 5, 10)]
    assert figures == pytest.approx(recalls(result))
    owners = [owner for owner, image in enumerate(dataset.images) for _ in image.captions]
    assert unpack(result.ranks.t2i)[1].tolist() == owners


def test_files_without_ranks_are_still_read(tmp_path: Path) -> None:
    old = to_json(RETRIEVAL).replace(',\n  "ranks": null', "")
    assert "ranks" not in old
    (tmp_path / "old.json").write_text(old)
    assert read_result(tmp_path / "old.json") == RETRIEVAL
