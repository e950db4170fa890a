"""Arrays that are derived from the tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import swath
from swath.archive import open_store
from swath.archive.kept import Kept


def test_what_was_kept_is_found_by_others(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    one = Kept(tmp_path)
    assert one.get("codes") is None
    one.put("codes", values)
    assert one.get("codes") is values
    found = Kept(tmp_path).get("codes")
    assert found is not None and (found == values).all() and found.dtype == np.uint8
    one.put("codes", values[:1])
    again = Kept(tmp_path).get("codes")
    assert again is not None and len(again) == 1


def test_a_damaged_or_cut_file_counts_as_missing(tmp_path: Path) -> None:
    Kept(tmp_path).put("codes", np.arange(100))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:3], whole[:50], whole[:-1] + b"x"):
        path.write_bytes(damaged)
        assert Kept(tmp_path).get("codes") is None


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "gone")
    kept.put("codes", np.arange(3))
    assert kept.get("codes") is not None
    assert Kept(tmp_path / "gone").get("codes") is None


def test_an_archive_keeps_what_is_derived_until_its_tiles_change(town: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "town.swath"
    shutil.copytree(town / "town.swath", folder)
    open_store(folder).gallery().kept.put("numbers", np.arange(3))
    assert open_store(folder).gallery().kept.get("numbers") is not None
    assert open_store(folder).verify() == []
    tile = swath.open(folder).search("red", k=1)[0].tile
    open_store(folder).remove(ids=[tile.id])
    assert open_store(folder).gallery().kept.get("numbers") is None
