"""Recall against latency, recall by class: what is drawn, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from swath.captions import load
from swath.errors import InputError
from swath.evaluation import class_chart, evaluate, latency_chart, measure_random
from swath.evaluation import speed as speed_module
from swath.evaluation.charts import costs
from swath.evaluation.plots import COLOURS, legend, stroke
from tests.captions import lookalike
from tests.evaluation.test_results import RETRIEVAL
from tests.tiny import TinyEncoder

SVG = "{http://www.w3.org/2000/svg}"
TIMED = msgspec.structs.replace(RETRIEVAL, stage_seconds={"dense": 0.06})


def test_latency_is_the_evaluations_own_or_that_of_bench_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_module, "_PROBE", 1 << 20)
    (own,) = costs([("a", TIMED)])
    assert own.milliseconds == pytest.approx(1e3 * 0.06 / 12) and own.mr == RETRIEVAL.mr
    speed = measure_random([10, 40], dim=8, calls=2, threads=1)
    (measured,) = costs([("a", TIMED), ("speed", speed)])
    assert measured.milliseconds == speed.sizes[-1].single.p50
    other = msgspec.structs.replace(TIMED, pipeline="dense:5 > btgi")
    with pytest.raises(InputError, match="no result of bench speed has the pipeline of b: dense:5 > btgi"):
        costs([("a", TIMED), ("b", other), ("speed", speed)])
    for nothing in ([("speed", speed)], [("old", RETRIEVAL)]):
        with pytest.raises(InputError, match="needs results of retrieval that know the time"):
            costs(nothing)


def test_every_result_is_a_point() -> None:
    slow = msgspec.structs.replace(TIMED, stage_seconds={"dense": 6.0}, mr=40.0)
    drawn = ElementTree.fromstring(latency_chart([("a<b", TIMED), ("slow", slow)]))
    one, two = ((float(c.attrib["cx"]), float(c.attrib["cy"])) for c in drawn.iter(f"{SVG}circle"))
    assert one[0] < two[0] and one[1] > two[1]
    assert "a<b: 3.50, 5 ms" in {text.text for text in drawn.iter(f"{SVG}text")}


def test_recall_by_class(tmp_path: Path) -> None:
    result = evaluate(load("rsitmd", lookalike.rsitmd(tmp_path), "train"), TinyEncoder())
    assert {label: figures.images for label, figures in result.classes.items()} == {"bridge": 1, "park": 1}
    assert result.classes["park"].mr == 100.0
    drawn = ElementTree.fromstring(class_chart([("one", result), ("two", result)]))
    assert len([bar for bar in drawn.iter(f"{SVG}rect") if "height" in bar.attrib]) == 1 + 4
    assert "bridge (1)" in {text.text for text in drawn.iter(f"{SVG}text")}
    with pytest.raises(InputError, match="no recall by class"):
        class_chart([("none", RETRIEVAL)])


def test_figures_by_class_are_those_of_the_images_of_the_class(tmp_path: Path) -> None:
    """Images and captions of the classes weigh as much together as the whole."""
    result = evaluate(load("rsicd", lookalike.rsicd(tmp_path), "val"), TinyEncoder())
    (airport,) = result.classes.values()
    assert (airport.images, set(result.classes)) == (2, {"airport"})


def test_twice_as_many_lines_as_colours_can_be_told_apart() -> None:
    drawn = [stroke(place) for place in range(2 * len(COLOURS))]
    assert len(set(drawn)) == len(drawn)
    marks = "".join(legend([str(place) for place in range(len(drawn))], 0, 0))
    assert all(one in marks for one in drawn)
