"""A process that forks children which are killed or refused by the disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.archive import nursery
from tests.archive.nursery import Nursery


@pytest.fixture(scope="session")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Skips, with the reason, where there is no C compiler."""
    library = nursery.build(tmp_path_factory.mktemp("nursery"))
    if library is None:
        pytest.skip("no C compiler (cc), which the library that injects faults is built with")
    with Nursery(library) as started:
        yield started
