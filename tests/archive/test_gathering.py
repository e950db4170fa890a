"""Adding what others encode, beside adding on one machine: the archives are the same, row for row."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swath import archive
from swath.archive import AddReport, Store, Unit, encode_unit, gathering, pointer
from swath.archive.table import Table
from swath.archive.units import FinishedUnit
from swath.encoders import load
from swath.errors import ArchiveError
from swath.imagery import Tiling
from swath.types import Encoder
from tests.archive.world import flip, picture, pictures, raster
from tests.tiny_onnx import build

TILING = Tiling(size=32)


class Workers:
    """Two threads in the place of a cluster."""

    def __init__(self, encoder: Encoder, most: int = 1 << 30) -> None:
        """After `most` units it is as if the process were killed."""
        self.encoder, self.most = encoder, most
        self.units: list[Unit] = []

    @contextmanager
    def encoding(self, units: Sequence[Unit]) -> Iterator[Mapping[Path, Future[None]]]:
        with ThreadPoolExecutor(2) as pool:
            yield {unit.path: pool.submit(self._encode, unit) for unit in units}

    def _encode(self, unit: Unit) -> None:
        if len(self.units) >= self.most:
            raise ArchiveError("killed")
        self.units.append(unit)
        encode_unit(unit, self.encoder, batch=7)

    @property
    def files(self) -> list[str]:
        return sorted(part.file.path.name for unit in self.units for part in unit.parts)


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    return load(build(tmp_path / "encoder"))


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Pictures, two of the same; rasters; a file that is none, and one that ends early."""
    folder = pictures(tmp_path / "in/files", 20)
    picture(folder / "b/copy.png", 3)
    for name in ("a/scene.tif", "c/scene.tif"):
        raster(folder / name, len(name) + ord(name[0]), columns=5, rows=4)
    (folder / "b/broken.png").write_bytes(b"no picture")
    whole = raster(folder / "d/short.tif", 9, columns=6, rows=6).read_bytes()
    (folder / "d/short.tif").write_bytes(whole[: len(whole) * 2 // 3])
    return folder


def rows(store: Store) -> list[Any]:
    """All there is in the table, in its order."""
    state = pointer.read(store.path)
    found: list[Any] = []
    for part in Table(store.path, state.version, state.geometry).scan(thumbnails=True):
        signals = [
            {name: values[place].tobytes() for name, values in part.signals.items()}
            for place in range(len(part))
        ]
        found += zip(part.rows, part.sources, signals, strict=True)
    return found


def said(report: AddReport) -> AddReport:
    """Without what depends on the time."""
    names = [name for name in report.__dataclass_fields__ if name.endswith("seconds") or name == "commits"]
    none: dict[str, Any] = dict.fromkeys(names, 0)
    return replace(report, **none)


def same(one: Store, other: Store) -> None:
    assert rows(one) == rows(other)
    facts = [pointer.read(store.path) for store in (one, other)]
    for name in ("tiles", "files", "roots", "attributes", "partial"):
        assert getattr(facts[0], name) == getattr(facts[1], name)
    ids, other_ids = (store.gallery().ids.tolist() for store in (one, other))
    assert ids == other_ids
    assert other.verify() == []
    assert not (other.path / "cluster").exists()


class Twins:
    """An archive that is added to on one machine, and one that workers encode for."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self.encoder = encoder
        self.one, self.other = (archive.create(folder / name, encoder, TILING) for name in ("one", "other"))

    def add(self, *sources: Path, most: int = 1 << 30, **options: Any) -> Workers:
        """Add to both, and compare."""
        workers = Workers(self.encoder, most)
        alone = self.one.add(sources, self.encoder, **options)
        together = self.other.add_encoded(sources, self.encoder, workers.encoding, 2, **options)
        assert said(together) == said(alone)
        same(self.one, self.other)
        return workers


@pytest.fixture
def twins(tmp_path: Path, encoder: Encoder) -> Twins:
    return Twins(tmp_path, encoder)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes of the world are large ones."""
    monkeypatch.setattr(gathering, "UNIT_BYTES", 20_000)
    monkeypatch.setattr(gathering, "UNIT_WINDOWS", 7)


def test_the_archive_is_that_of_one_machine(twins: Twins, world: Path) -> None:
    workers = twins.add(world, attributes={"year": 2024})
    assert len(workers.units) >= 8
    assert len(twins.other.gallery()) > 60
    assert twins.add(world).files == ["broken.png", "short.tif"]  # tried again, as on one machine


def test_large_scenes_are_read_by_several(twins: Twins, world: Path, small: None) -> None:
    workers = twins.add(world)
    ranges = [(part.first, part.stop) for unit in workers.units for part in unit.parts if part.stop]
    assert ranges.count((0, 7)) >= 2
    assert (14, 20) in ranges


def test_what_changes_is_followed(twins: Twins, world: Path, small: None) -> None:
    twins.add(world)
    raster(world / "a/scene.tif", 77, columns=5, rows=3)
    picture(world / "a/000.png", 70)
    (world / "b/001.png").rename(world / "moved.png")
    os.utime(world / "b/003.png")
    shutil.copy2(world / "c/scene.tif", world / "again.tif")
    workers = twins.add(world, world / "moved.png")
    assert set(workers.files) == {"scene.tif", "000.png", "broken.png", "short.tif"}
    for store in (twins.one, twins.other):
        store.remove(where_ids(store))
    twins.add(world)


def where_ids(store: Store) -> list[Path]:
    return [Path(store.info().roots[0]) / "a/002.png"]


def test_a_file_named_twice_is_there_once(twins: Twins, world: Path) -> None:
    twins.add(world / "a/scene.tif", world, world / "a/scene.tif")
    twins.add(world / "a", world)


def test_attributes_that_do_not_fit_are_skipped_as_on_one_machine(twins: Twins, world: Path) -> None:
    twins.add(world / "a", attributes={"cloud": 3})
    for one in (twins.one, twins.other):
        assert one.info().attributes["cloud"] == "number"
    twins.add(world, attributes={"zone": "32"})


@pytest.mark.parametrize("most", [0, 1, 3, 6])
def test_what_was_done_is_not_done_again(twins: Twins, world: Path, most: int, small: None) -> None:
    killed = Workers(twins.encoder, most)
    with pytest.raises(ArchiveError, match="killed"):
        twins.other.add_encoded([world], twins.encoder, killed.encoding, 2)
    assert len(killed.units) == most
    left = list((twins.other.path / "cluster").glob("*.unit"))
    (twins.other.path / "cluster/.half.unit.0").write_bytes(b"PK")
    workers = twins.add(world)
    names = {part.name for unit in killed.units for part in unit.parts}
    assert left or most == 0
    assert not names & {part.name for unit in workers.units for part in unit.parts}


def test_units_of_files_that_changed_since_are_not_used(twins: Twins, world: Path) -> None:
    killed = Workers(twins.encoder, 2)
    with pytest.raises(ArchiveError, match="killed"):
        twins.other.add_encoded([world], twins.encoder, killed.encoding, 2)
    for unit in killed.units:
        for part in unit.parts:
            if part.file.path.suffix == ".png":
                picture(Path(part.file.path), 500 + len(part.file.name))
    twins.add(world)


def test_a_damaged_unit_is_encoded_again(twins: Twins, world: Path) -> None:
    killed = Workers(twins.encoder, 3)
    with pytest.raises(ArchiveError, match="killed"):
        twins.other.add_encoded([world], twins.encoder, killed.encoding, 2)
    unit = next((twins.other.path / "cluster").glob("*.unit"))
    unit.write_bytes(unit.read_bytes()[:-50])
    twins.add(world)


def test_damage_inside_a_unit_is_told(twins: Twins, world: Path, tmp_path: Path) -> None:
    killed = Workers(twins.encoder, 3)
    with pytest.raises(ArchiveError, match="killed"):
        twins.other.add_encoded([world], twins.encoder, killed.encoding, 2)
    unit = min((twins.other.path / "cluster").glob("*.unit"))
    with zipfile.ZipFile(unit) as content:
        place = content.getinfo("0").header_offset
    flip(unit, place + 60)
    finished = FinishedUnit(unit)
    digest = next(iter(finished.parts.values())).digest
    with pytest.raises(ArchiveError, match="damaged"):
        list(finished.tiles(digest))


def test_a_unit_is_whole_or_absent(twins: Twins, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any, batch: Any) -> Any:
        raise ArchiveError("no more")

    workers = Workers(twins.encoder)
    with monkeypatch.context() as patch:
        patch.setattr(type(twins.encoder), "encode_images", fails)
        with pytest.raises(ArchiveError, match="no more"):
            twins.other.add_encoded([world], twins.encoder, workers.encoding, 2)
    assert list((twins.other.path / "cluster").iterdir()) == []
    twins.add(world)


def test_units_go_when_their_tiles_are_committed(
    twins: Twins, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger does not double the archive: what is committed is removed on the way."""
    held: list[int] = []
    monkeypatch.setattr(gathering.Gatherer, "_finish", _watched(held, gathering.Gatherer._finish))
    monkeypatch.setattr(gathering.Gatherer, "_is_due", lambda self, tiles: True)
    workers = Workers(twins.encoder)
    twins.other.add_encoded([world], twins.encoder, workers.encoding, 2)
    assert held[0] < len(workers.units)


def _watched(held: list[int], then: Callable[[Any], int]) -> Callable[[Any], int]:
    def finish(self: Any) -> int:
        held.append(len(list(self._work.iterdir())))
        return then(self)

    return finish
