from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from swath.errors import InputError
from swath.evaluation import CEILINGS, FLAGS, Standing, check_rows, hashing, published, standings
from swath.evaluation.leaderboard import TOLERANCE, read_source
from swath.evaluation.leaderboard.hashing_rows import FLAGS as HASHING_FLAGS
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
    assert len(rows) == 304 + 23
    assert sum("direction-means" in row.flags for row in rows) == 23
    assert {flag for row in rows for flag in row.flags} <= set(FLAGS)


def test_means_are_those_of_the_six_and_contradictions_are_flagged() -> None:
    for row in published():
        known = [value for value in six(row) if value is not None]
        assert ("partial" in row.flags) == (len(known) < 6 and "direction-means" not in row.flags)
        if len(known) == 6:
            mean = sum(known) / 6
            assert row.mr == pytest.approx(mean, abs=0.0051)
            contradicts = row.printed_mr is not None and abs(mean - row.printed_mr) > TOLERANCE
            assert ("mr-contradicts" in row.flags) == contradicts
        elif "direction-means" in row.flags:
            assert row.i2t_mean is not None and row.t2i_mean is not None
            assert row.mr == pytest.approx((row.i2t_mean + row.t2i_mean) / 2, abs=0.0051)
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
    for row in published():
        above = row.mr is not None and row.mr > CEILINGS[row.dataset]
        assert ("above-ceiling" in row.flags) == above
        # Only UCM-Captions as the source asks it is beyond what can be had.
        assert not above or (row.dataset == "ucm" and row.suspect and "direction-means" in row.flags)


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
        ({"i2t_mean": 20.0}, "means of a direction are for rows without recalls"),
        ({"i2t": [None] * 3, "t2i": [None] * 3, "printed_mr": None, "i2t_mean": 2.0}, "no figure"),
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


def test_rows_that_print_the_means_of_directions_alone() -> None:
    means = {"i2t": [None] * 3, "t2i": [None] * 3, "i2t_mean": 14.62, "t2i_mean": 18.21}
    (row,) = read_source(source(**means, printed_mr=None), "new.json")
    assert row.mr == pytest.approx(16.41, abs=0.011)
    assert (row.i2t_mean, row.flags) == (14.62, ("direction-means",))
    (row,) = read_source(source(), "new.json")
    assert (row.i2t_mean, row.t2i_mean) == (2.0, 5.0)


def test_a_file_is_checked_before_it_joins(tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_bytes(source())
    assert check_rows(file) == 1
    twice = json.loads(source())
    file.write_text(json.dumps({**twice, "rows": twice["rows"] * 2}))
    with pytest.raises(InputError, match="has a row twice"):
        check_rows(file)
    with pytest.raises(InputError, match="cannot read"):
        check_rows(tmp_path / "none.json")
    there = files("swath.evaluation.leaderboard") / "rows" / "swan.json"
    file.write_bytes(there.read_bytes())
    assert check_rows(file) > 1


def test_rows_of_hashing() -> None:
    rows = hashing("rsicd")
    assert len(rows) == 43 and len(hashing("ucm")) == 43 and len(hashing("sydney")) == 1
    assert all(0 <= row.i2t <= 1 and row.setting == "hashing" and row.mr is None for row in rows)
    assert {flag for row in rows for flag in row.flags} <= set(HASHING_FLAGS)
    (duch,) = [row for row in rows if (row.method, row.noise) == ("DUCH", 50)]
    assert (round(duch.i2t, 3), round(duch.t2i, 3), duch.bits) == (0.475, 0.540, 64)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"i2t": 71.0}, "<= 1"), ({"flags": ["x"]}, "'x' is not a flag"), ({"metric": "mAP@5"}, "mAP@5")],
)
def test_a_wrong_row_of_hashing_is_refused(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    row = {
        "method": "M",
        "year": 2024,
        "dataset": "ucm",
        "metric": "mAP",
        "i2t": 0.1,
        "t2i": 0.2,
        "certainty": "secondary",
    }
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"source": "a paper", "rows": [row]}))
    assert check_rows(file) == 1
    file.write_text(json.dumps({"source": "a paper", "rows": [row | changes]}))
    with pytest.raises(InputError, match=says):
        check_rows(file)
