from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from swath.errors import InputError
from swath.evaluation import CEILINGS, FLAGS, Standing, published, standings
from swath.evaluation.leaderboard import TOLERANCE, read_source
from tests.evaluation.test_ceiling import KNOWN
from tests.evaluation.test_results import RETRIEVAL


def six(row: Standing) -> list[float | None]:
    return [row.i2t.r1, row.i2t.r5, row.i2t.r10, row.t2i.r1, row.t2i.r5, row.t2i.r10]


def source(**changes: Any) -> bytes:
    row = {
        "method": "M",
        "year": 2024,
        "dataset": "rsicd",
        "setting": "closed",
        "backbone": "CLIP ViT-B/32",
        "certainty": "secondary",
        "i2t": [1.0, 2.0, 3.0],
        "t2i": [4.0, 5.0, 6.0],
        "printed_mr": 3.5,
    }
    return json.dumps({"source": "a paper", "rows": [row | changes]}).encode()


def test_every_file_of_rows_passes_the_check() -> None:
    rows = published()
    assert len(rows) >= 304
    assert {flag for row in rows for flag in row.flags} <= set(FLAGS)


def test_means_are_those_of_the_six_and_contradictions_are_flagged() -> None:
    for row in published():
        known = [value for value in six(row) if value is not None]
        assert ("partial" in row.flags) == (len(known) < 6)
        if len(known) == 6:
            mean = sum(known) / 6
            assert row.mr == pytest.approx(mean, abs=0.0051)
            contradicts = row.printed_mr is not None and abs(mean - row.printed_mr) > TOLERANCE
            assert ("mr-contradicts" in row.flags) == contradicts
        else:
            assert row.mr == row.printed_mr


def test_a_contradicted_mean_that_is_known() -> None:
    (row,) = [row for row in standings("rsicd") if row.method == "KAMCL" and row.printed_mr == 23.26]
    assert row.mr == 22.99
    assert "mr-contradicts" in row.flags
    assert row.suspect


@pytest.mark.parametrize("method", ["PIR", "HarMA", "FISVL", "MSA", "MPS-CLIP", "POSAPL", "IEFT"])
def test_selection_on_test_is_marked(method: str) -> None:
    rows = [row for row in published() if row.method == method]
    assert rows
    assert all("test-selected" in row.flags and row.suspect for row in rows)


def test_ceilings_are_those_of_the_published_files() -> None:
    assert {name: best[0] for (name, _, split), best in KNOWN.items() if split == "test"} == CEILINGS
    assert all(row.mr is None or row.mr < CEILINGS[row.dataset] for row in published())


def test_filters_and_order() -> None:
    rows = standings("rsitmd", setting="open", backbone="clip", certainty="seen-in-paper")
    assert rows
    assert {(row.dataset, row.setting, row.certainty) for row in rows} == {
        ("rsitmd", "open", "seen-in-paper")
    }
    assert all("clip" in (row.backbone or "").lower() for row in rows)
    means = [-1.0 if row.mr is None else row.mr for row in standings("rsitmd")]
    assert means == sorted(means, reverse=True)
    assert standings("sydney") == ()
    with pytest.raises(InputError, match="no data set is called 'rscid'"):
        standings("rscid")


def test_ours_among_them() -> None:
    rows = standings("rsicd", setting="open", ours=[("val.json", RETRIEVAL)])
    (ours,) = [row for row in rows if row.certainty == "measured"]
    assert (ours.method, ours.source, ours.mr) == ("base (dense)", "val.json", 3.5)
    assert ours.flags == ("protocol:strict", "split:val")
    assert {row.setting for row in rows if row is not ours} == {"open"}
    with pytest.raises(InputError, match=r"val\.json is a result on ucm"):
        standings("rsicd", ours=[("val.json", msgspec.structs.replace(RETRIEVAL, dataset="ucm"))])


def test_a_new_row_is_checked() -> None:
    (row,) = read_source(source(), "new.json")
    assert (row.mr, row.flags, row.source) == (3.5, (), "a paper")
    (row,) = read_source(source(printed_mr=3.6), "new.json")
    assert (row.mr, row.flags) == (3.5, ("mr-contradicts",))
    (row,) = read_source(source(t2i=[4.0, None, None]), "new.json")
    assert (row.mr, row.flags) == (3.5, ("partial",))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"i2t": [3.0, 2.0, 1.0]}, "recall falls"),
        ({"i2t": [3.0, 20.0, 101.0]}, "<= 100"),
        ({"i2t": [3.0, 20.0]}, "length 3"),
        ({"flags": ["nonsense"]}, "'nonsense' is not a flag"),
        ({"flags": ["partial"]}, "'partial' is not a flag"),
        ({"dataset": "coco"}, "must be one of"),
        ({"setting": "half"}, "half"),
        ({"certainty": "sure"}, "sure"),
        ({"year": "2024"}, "year"),
        ({"mean": 3}, "mean"),
        ({"i2t": [None] * 3, "t2i": [None] * 3, "printed_mr": None}, "no figure"),
    ],
)
def test_a_wrong_row_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_source(source(**changes), "new.json")
    assert "new.json" in str(caught.value)


def test_a_file_that_is_not_one_is_refused() -> None:
    for content in (b"", b"[]", b'{"source": "", "rows": []}', b"\xff"):
        with pytest.raises(InputError, match=r"new\.json"):
            read_source(content, "new.json")
