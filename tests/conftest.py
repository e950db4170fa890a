"""Fixtures that several rooms use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

from swath.search.kernels import compiling
from tests.tiny import TinyEncoder, paint

# Examples are the same in every run, so no check fails by luck; HYPOTHESIS_PROFILE=explore draws new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture
def tiny() -> TinyEncoder:
    return TinyEncoder()


@pytest.fixture(scope="module", params=["numpy", "numba"])
def kernel(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs tests with either kind of kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "_module", None)
        if request.param == "numba":
            pytest.importorskip("numba")
            assert compiling.compile_kernels()
        yield


@pytest.fixture(scope="module")
def narrow_lead() -> Iterator[None]:
    """So that of few directions some do not lead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("swath.archive.lists.build"), "_WIDTH", 16)
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The real data folder; skips the test, with the reason, where it is absent."""
    folder = Path(os.environ.get("SWATH_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set SWATH_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's data folder with a tiny encoder called `base`; tests name it in SWATH_HOME."""
    from tests.tiny_onnx import build

    home = tmp_path_factory.mktemp("home")
    build(home / "encoders" / "base", name="base")
    return home


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, tiny_home: Path) -> Path:
    """A folder with `scenes` (seven flat colours and a raster of 4 x 3 windows) and their `town.swath`.

    Not to be changed: copy it first.
    """
    import swath
    from tests.archive.world import raster

    folder = tmp_path_factory.mktemp("town")
    raster(paint(folder / "scenes") / "raster.tif", seed=1)
    swath.index(folder / "scenes", folder / "town.swath", tiny_home / "encoders" / "base", tile_size=32)
    return folder
