from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search.stages import registered


@pytest.fixture
def stages() -> Iterator[None]:
    with registered():
        yield
