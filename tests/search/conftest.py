from __future__ import annotations

from collections.abc import Iterator

import pytest

from swath.search.kernels import compiling
from tests.search.stages import registered


@pytest.fixture
def stages() -> Iterator[None]:
    with registered():
        yield


@pytest.fixture(scope="module", params=["numpy", "numba"])
def kernel(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs tests with either kind of kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "_module", None)
        if request.param == "numba":
            pytest.importorskip("numba")
            assert compiling.compile_kernels()
        yield
