"""Indexing on a local cluster of two nodes: the archive of one machine, whatever is killed on the way."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swath import archive
from swath.archive import Store
from tests.archive.test_gathering import rows
from tests.archive.world import picture, pictures, raster
from tests.cluster.local import Cluster, free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(__import__("importlib.util").util.find_spec("ray") is None, reason="needs ray"),
]

PATIENCE = 180.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    try:
        with Cluster(folder) as started:
            started.start(f"--address={started.address}")
            yield started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and scenes, and a file that is neither."""
    folder = pictures(tmp_path_factory.mktemp("ray") / "in", 40)
    for index in range(12):
        raster(folder / f"scenes/{index:02}.tif", 100 + index, columns=16, rows=16)
    (folder / "broken.tif").write_bytes(b"II*\0 no picture")
    return folder


@pytest.fixture(scope="module")
def encoder(tiny_home: Path) -> Path:
    return tiny_home / "encoders/base"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, world: Path, encoder: Path) -> Store:
    """The archive that one machine makes."""
    import swath

    path = tmp_path_factory.mktemp("alone") / "a"
    swath.index(world, path, encoder, tile_size=32)
    return archive.open_store(path)


def index(cluster: Cluster, world: Path, path: Path, encoder: Path, on: str = "ray") -> list[str | Path]:
    return ["index", world, "--archive", path, "--encoder", encoder, "--tile-size", "32", "--on", on]


def test_two_workers_make_the_archive_of_one_machine(
    cluster: Cluster, world: Path, tmp_path: Path, encoder: Path, alone: Store
) -> None:
    run = cluster.swath(*index(cluster, world, tmp_path / "a", encoder))
    said, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, told
    assert "53 files" in said and "skipped" in told and "broken.tif" in told
    made = archive.open_store(tmp_path / "a")
    assert rows(made) == rows(alone)
    assert made.verify() == []
    assert not (tmp_path / "a/cluster").exists()
    # And what changes after that.
    changed = tmp_path / "in"
    shutil.copytree(world, changed)
    for path in ("one", "two"):
        shutil.copytree(tmp_path / "a", tmp_path / path)
    picture(changed / "a/000.png", 900)
    archive.open_store(tmp_path / "one").relocate(world, changed)
    archive.open_store(tmp_path / "two").relocate(world, changed)
    import swath

    swath.open(tmp_path / "one").add(changed)
    run = cluster.swath(*index(cluster, changed, tmp_path / "two", encoder))
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, told
    assert rows(archive.open_store(tmp_path / "two")) == rows(archive.open_store(tmp_path / "one"))


def test_a_killed_worker_and_a_killed_driver_cost_time_alone(
    cluster: Cluster, world: Path, tmp_path: Path, encoder: Path, alone: Store
) -> None:
    path, killed = tmp_path / "a", 0
    for kills in range(3):
        run = cluster.swath(*index(cluster, world, path, encoder))
        units = _wait(path / "cluster", 3)
        for pid in cluster.processes("ray::encode")[:1]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        if kills == 2 or not units:
            break
        run.kill()
        run.communicate(timeout=PATIENCE)
        assert archive.open_store(path).verify() == []
    said, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, said + told
    assert killed
    assert rows(archive.open_store(path)) == rows(alone)


def _wait(folder: Path, count: int) -> list[Path]:
    """Until so many units are finished; fewer where the job is done before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        units = list(folder.glob("*.unit")) if folder.is_dir() else []
        if len(units) >= count:
            return units
        time.sleep(0.02)
    return []


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ("spark", "'spark' is no cluster"),
        ("ray://127.0.0.1", "has no port"),
        ("ray://127.0.0.1:PORT", "cannot be used: Connection refused"),
    ],
)
def test_a_wrong_address_is_told(
    cluster: Cluster, world: Path, tmp_path: Path, encoder: Path, on: str, said: str
) -> None:
    on = on.replace("PORT", str(free_port()))
    run = cluster.swath(*index(cluster, world, tmp_path / "a", encoder, on))
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode in (1, 2)
    assert said in told
    assert "Traceback" not in told
