from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.archive import kills


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_to_sigkill(tmp_path: Path) -> None:
    outcome = kills.run(tmp_path, int(os.environ.get("SWATH_KILLS", "4")), seed=1)
    assert outcome.finished >= 2
    assert (outcome.lost, outcome.problems, outcome.different) == (0, 0, 0)
    assert outcome.slowest_open < 1.0
