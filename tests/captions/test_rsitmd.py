from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from swath.captions import load, read
from tests.captions import lookalike


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    dataset = load("rsitmd", lookalike.rsitmd(tmp_path), "train")

    assert [(image.name, image.label) for image in dataset.images] == [
        ("bridge_942.tif", "bridge"),
        ("park_7.tif", "park"),
    ]
    assert dataset.images[0].captions == tuple(lookalike.five("grey"))


def test_the_real_totals_of_both_layouts(data: Path) -> None:
    folder = data / "annotations" / "rsitmd"
    assert dict(read("rsitmd", folder / "precomp").splits) == {"train": 4291, "test": 452}
    splits = read("rsitmd", folder / "finetune").splits
    assert (splits["train"], splits["val"], splits["test"]) == (3435, 856, 452)
    blank = [record for record in read("rsitmd", folder).split("train") if not any(record.captions)]
    assert len(blank) == 4


@pytest.mark.parametrize("name", ["rsicd", "ucm", "sydney", "rsitmd", "nwpu", "rs5m"])
def test_every_data_set_has_a_script_that_makes_a_tiny_one(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"tests.captions.make_{name}", str(tmp_path)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    assert read(name, tmp_path).splits["train"] > 0
