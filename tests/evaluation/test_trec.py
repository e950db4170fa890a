from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swath.errors import InputError
from swath.evaluation import PROTOCOLS, evaluate
from swath.evaluation.packing import unpack
from swath.evaluation.trec import judge, trec_files
from tests.evaluation.test_run import mixed
from tests.tiny import TinyEncoder

QRELS = "q1 0 a 1\nq1 0 b 1\nq1 0 c 0\nq2 0 a 2\n\nq3 0 c 0\nq4 0 z 1\n"
RUN = "q1 Q0 c 1 9.5 t\nq1 Q0 b 2 3 t\nq1 Q0 a 3 3 t\nq1 Q0 d 4 3 t\nq2 Q0 a 1 -1 t\nq9 Q0 a 1 1 t\n"


def files(folder: Path, run: str = RUN, qrels: str = QRELS) -> tuple[Path, Path]:
    (folder / "run").write_text(run)
    (folder / "qrels").write_text(qrels)
    return folder / "run", folder / "qrels"


def test_judging_by_hand(tmp_path: Path) -> None:
    queries, ranks = judge(*files(tmp_path))
    assert queries == ("q1", "q2", "q4")
    assert ranks.above[:2].tolist() == [1, 0]
    assert ranks.tied.tolist() == [3, 1, 1]
    assert ranks.right.tolist() == [2, 1, 1]
    assert ranks.hits(1).tolist() == [0, 1, 0]
    assert ranks.hits(2) == pytest.approx([2 / 3, 1, 0])
    assert ranks.hits(10**6).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("run", "qrels", "says"),
    [
        (RUN + "q1 Q0 a 9 9 t", QRELS, "line 7: query q1 lists a twice"),
        (RUN, QRELS + "q1 0 a 1", "line 8: a is judged twice"),
        ("q1 Q0 a 1 nan t", QRELS, "'nan' is not a number"),
        ("q1 Q0 a 1 t", QRELS, "line 1: expected 'query Q0"),
        (RUN, "q1 0 a 0", "no query with a right item"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, run: str, qrels: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        judge(*files(tmp_path, run, qrels))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    run, qrels = files(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        judge(run, tmp_path / "none")
    run.write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="UTF-8"):
        judge(run, qrels)
    with pytest.raises(InputError, match="cannot write TREC files"):
        evaluate(mixed(tmp_path / "set"), TinyEncoder(), trec=qrels)


def test_an_evaluation_judged_from_its_files_is_the_same(tmp_path: Path) -> None:
    dataset = mixed(tmp_path)
    result = evaluate(dataset, TinyEncoder(), trec=tmp_path / "trec")
    assert result.ranks is not None
    for side in ("i2t", "t2i"):
        queries, ranks = judge(tmp_path / "trec" / f"{side}.run", tmp_path / "trec" / f"{side}.qrels")
        own, _ = unpack(getattr(result.ranks, side))
        assert len(queries) == len(own.above)
        for name in ("above", "tied", "right"):
            assert getattr(ranks, name).tolist() == getattr(own, name).tolist()


def test_names_and_depth(tmp_path: Path) -> None:
    dataset = mixed(tmp_path / "set of", 4)
    judged = PROTOCOLS["strict"].judge(dataset)
    with trec_files(tmp_path, dataset, judged, "my encoder:dense", depth=2) as (hear, _):
        assert hear is not None
        hear(np.array([1]), np.array([3, 1, 1, 0, 1, 9, 9, 9, 9, 9]))
    assert (tmp_path / "i2t.run").read_text().splitlines() == [
        "1.png Q0 2.png#0 1 0 my%20encoder:dense",
        "1.png Q0 1.png#0 2 -1 my%20encoder:dense",
        "1.png Q0 1.png#1 3 -1 my%20encoder:dense",
        "1.png Q0 2.png#1 4 -1 my%20encoder:dense",
    ]
    assert (tmp_path / "t2i.qrels").read_text().splitlines()[:2] == ["0.png#0 0 0.png 1", "1.png#0 0 1.png 1"]
    with trec_files(None, dataset, judged, "x") as listeners:
        assert listeners == (None, None)
