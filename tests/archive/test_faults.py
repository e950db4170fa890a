"""Full disks and I/O errors: some points of what `faults` tries in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archive import faults
from tests.archive.nursery import Nursery


@pytest.mark.slow
def test_a_disk_that_fails_costs_nothing_but_the_operation(tmp_path: Path, children: Nursery) -> None:
    outcomes = faults.run(tmp_path, children, every=190, first=60)
    assert set(outcomes) == {"add", "remove", "merge", "merge into one that is there", "reencode"}
    for name, outcome in outcomes.items():
        assert outcome.failures == [], name
        assert outcome.points > 90
    assert sum(outcome.told for outcome in outcomes.values()) > 6
