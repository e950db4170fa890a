from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from swath.errors import InputError
from swath.evaluation import (
    FORMATS,
    EvalResult,
    Ranks,
    Recalls,
    Result,
    difference,
    differences,
    recall_chart,
    recall_curves,
    tables,
    write_plot,
)
from swath.evaluation.packing import QueryRanks, pack
from swath.evaluation.plots import KS
from swath.evaluation.significance import by_image
from tests.evaluation.test_results import FIGURES, RETRIEVAL, ZERO_SHOT


def result(i2t: list[int], t2i: list[int], **changes: object) -> EvalResult:
    """Made-up ranks without ties, as many captions for each image as fit."""
    images = len(i2t)
    owner = np.arange(len(t2i)) * images // len(t2i)
    sides = []
    figures = []
    for above, own in ((i2t, np.arange(images)), (t2i, owner)):
        ranks = Ranks(np.array(above), np.ones(len(above), np.int64), np.ones(len(above), np.int64))
        sides.append(pack(ranks, own))
        figures.append(Recalls(*(100 * float(ranks.hits(k).mean()) for k in (1, 5, 10))))
    mean = sum(getattr(side, f"r{k}") for side in figures for k in (1, 5, 10)) / 6
    return msgspec.structs.replace(
        RETRIEVAL,
        **{
            "images": images,
            "captions": len(t2i),
            "i2t": figures[0],
            "t2i": figures[1],
            "mr": mean,
            "ranks": QueryRanks(sides[0], sides[1]),
            **changes,
        },
    )


BAD = result([20, 20, 7, 3, 0, 20], [20] * 12)
GOOD = result([0, 0, 0, 0, 0, 0], [0, 20] * 6)


def test_p_values_are_those_of_every_exchange() -> None:
    found = difference(BAD, GOOD)
    (one, weights), (other, _) = by_image(BAD), by_image(GOOD)
    shares = (other - one) / weights.sum(0)
    observed = abs(shares.sum(0).mean())
    reached = [
        abs((np.array(signs) @ shares).mean()) >= observed - 1e-12
        for signs in itertools.product((1, -1), repeat=len(shares))
    ]
    assert found.p.mr == pytest.approx(np.mean(reached), abs=0.01)
    assert found.delta.mr == pytest.approx(GOOD.mr - BAD.mr)
    assert found.delta.i2t.r1 == pytest.approx(GOOD.i2t.r1 - BAD.i2t.r1)
    assert found.low.mr <= found.delta.mr <= found.high.mr
    assert found == difference(BAD, GOOD)
    back = difference(GOOD, BAD)
    assert back.delta.mr == -found.delta.mr
    assert back.p == found.p


def test_a_result_does_not_differ_from_itself() -> None:
    found = difference(GOOD, GOOD)
    assert (found.delta.mr, found.low.mr, found.high.mr, found.p.mr) == (0, 0, 0, 1)


def test_a_large_difference_on_many_images_is_significant() -> None:
    found = difference(result([20] * 100, [20] * 100), result([0] * 60 + [20] * 40, [20] * 100))
    assert found.p.i2t.r1 == 0.0001
    assert found.p.t2i.r1 == 1
    assert found.low.i2t.r1 > 45


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"protocol": "lenient"},
            "one and two cannot be compared query by query: protocol strict and lenient",
        ),
        ({"split_hash": "ef" * 16}, "split hash"),
        ({"dataset": "ucm"}, "dataset rsicd and ucm"),
        ({"split": "test"}, "split val and test"),
        ({"ranks": None}, "two holds no per-query ranks"),
        ({"ranks": result([0], [0]).ranks}, "two has per-query ranks that contradict its 12 captions"),
        ({"images": 2}, "do not belong to its 2 images"),
        ({"i2t": Recalls(1.0, 2.0, 3.0)}, "contradict its recalls"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        differences([("one", BAD), ("two", msgspec.structs.replace(GOOD, **changes))])


def test_images_without_captions_are_no_units() -> None:
    values, weights = by_image(msgspec.structs.replace(GOOD, images=9))
    assert values.shape == weights.shape == (6, 6)
    assert weights[:, 5].tolist() == [2] * 6


def test_other_queries_under_one_hash_are_refused() -> None:
    with pytest.raises(InputError, match="other queries"):
        difference(BAD, result([0] * 6, [0] * 18))


def test_tables_of_every_kind() -> None:
    named: list[tuple[str, Result]] = [("one", BAD), ("classes", ZERO_SHOT), ("two", GOOD)]
    retrieval, classes = tables(named, differences(named))
    assert retrieval.header[-3:] == ("mR", "mR change", "p")
    assert [row[0] for row in retrieval.rows] == ["one", "two"]
    assert retrieval.rows[0][-2:] == ("", "")
    assert retrieval.rows[1][-2].startswith(f"{GOOD.mr - BAD.mr:+.2f} [")
    assert classes.rows == (("classes", "rsscn7", "base", "7", "50.00 [40.00, 60.00]"),)
    assert tables(named[:1], {})[0].header[-1] == "mR"
    assert differences(named[:2]) == {}
    flagged = msgspec.structs.replace(GOOD, flags=("test-selected",))
    (table,) = tables([("one", BAD), ("two", flagged)], {})
    assert (table.header[-1], table.rows[0][-1], table.rows[1][-1]) == ("flags", "", "test-selected")
    limited = msgspec.structs.replace(GOOD, ceiling=FIGURES)
    (table,) = tables([("one", BAD), ("two", limited)], {})
    assert (table.header[-1], table.rows[0][-1], table.rows[1][-1]) == ("ceiling", "", "3.50")


def test_forms_of_a_table() -> None:
    header, rows = ("name", "R@1"), [("a_b & <c> | 5%", "1.0")]
    assert FORMATS["markdown"](header, rows, ("R@1",)) == (
        "| name | R@1 |\n| --- | ---: |\n| a_b & <c> \\| 5% | 1.0 |\n"
    )
    assert FORMATS["latex"](header, rows, ("R@1",)) == (
        "\\begin{tabular}{lr}\n\\toprule\nname & R@1 \\\\\n\\midrule\n"
        "a\\_b \\& \\textless{}c\\textgreater{} | 5\\% & 1.0 \\\\\n\\bottomrule\n\\end{tabular}\n"
    )
    page = ElementTree.fromstring(FORMATS["html"](header, rows, ("R@1",)))
    assert [cell.text for cell in page.iter("td")] == ["a_b & <c> | 5%", "1.0"]


def test_recall_curves(tmp_path: Path) -> None:
    (curve,) = recall_curves([("o<ne", BAD), ("classes", ZERO_SHOT)])
    assert [curve.i2t[KS.index(k)] for k in (1, 5, 10)] == [BAD.i2t.r1, BAD.i2t.r5, BAD.i2t.r10]
    assert (curve.t2i[0], curve.t2i[-1]) == (0, 100)
    write_plot(recall_chart([("o<ne", BAD)]), tmp_path / "plot.svg")
    drawn = ElementTree.parse(tmp_path / "plot.svg").getroot()
    lines = list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))
    assert [len(line.attrib["points"].split()) for line in lines] == [len(KS)] * 2
    assert any(text.text == "o<ne" for text in drawn.iter("{http://www.w3.org/2000/svg}text"))
    with pytest.raises(InputError, match="no recall curves"):
        recall_curves([("classes", ZERO_SHOT)])
    with pytest.raises(InputError, match="old holds no per-query ranks"):
        recall_curves([("old", RETRIEVAL)])
    with pytest.raises(InputError, match="cannot write the plot"):
        write_plot("", tmp_path / "none" / "plot.svg")
