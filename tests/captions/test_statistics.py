from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import Record, known_statistics, read, statistics

# NWPU-Captions' training captions are not there.
ROOTS = {"rsicd": "rsicd", "ucm": "ucm", "sydney": "sydney", "rsitmd": "rsitmd/precomp", "nwpu": "nwpu/csv"}

# images, captions, distinct, distinct per image summed, shared by several images in per cent, empty
PUBLISHED = {
    ("rsicd", "train"): (8734, 43670, 12970, 17813, 40.6, 2),
    ("rsicd", "val"): (1094, 5470, 2311, 2901, 37.0, 1),
    ("rsicd", "test"): (1093, 5465, 3330, 3618, 11.7, 0),
    ("ucm", "train"): (1680, 8400, 1635, 7998, 91.0, 0),
    ("ucm", "val"): (210, 1050, 391, 982, 83.4, 0),
    ("ucm", "test"): (210, 1050, 377, 1005, 82.7, 0),
    ("sydney", "train"): (497, 2485, 913, 2294, 80.0, 0),
    ("sydney", "val"): (58, 290, 143, 274, 67.9, 0),
    ("sydney", "test"): (58, 290, 136, 269, 71.4, 0),
    ("rsitmd", "train"): (4291, 21455, 19558, 19914, 3.3, 20),
    ("rsitmd", "test"): (452, 2260, 2097, 2101, 0.4, 0),
    ("nwpu", "val"): (2835, 14175, 7795, 14164, 59.5, 0),
    ("nwpu", "test"): (3150, 15750, 7658, 15746, 66.5, 1),
}


def test_counts_of_a_handful() -> None:
    counted = statistics(
        [
            Record("a", "test", ("A red field .", "a red field", "a lake")),
            Record("b", "test", ("a RED field!", " .")),
            Record("c", "test", ("a lake at night",)),
            Record("d", "test", ()),
        ]
    )
    assert (counted.images, counted.captions, counted.uncaptioned, counted.empty) == (4, 6, 1, 1)
    assert counted.distinct == 4
    assert counted.distinct_per_image == 2 + 2 + 1
    assert counted.shared == 3
    assert counted.shared_percent == 50.0


def test_no_captions_at_all() -> None:
    assert statistics([]).shared_percent == 0.0


@pytest.mark.parametrize(("name", "split"), list(PUBLISHED))
def test_the_committed_statistics_are_the_published_figures(name: str, split: str) -> None:
    known = known_statistics()[name][split]
    *counts, shared, empty = PUBLISHED[name, split]
    assert [known.images, known.captions, known.distinct, known.distinct_per_image] == counts
    assert round(known.shared_percent, 1) == shared
    assert (known.empty, known.uncaptioned) == (empty, 0)


@pytest.mark.parametrize("name", list(ROOTS))
def test_the_real_files_give_the_committed_statistics(data: Path, name: str) -> None:
    annotations = read(name, data / "annotations" / ROOTS[name])
    assert {
        split: statistics(annotations.split(split)) for split in annotations.splits
    } == known_statistics()[name]
