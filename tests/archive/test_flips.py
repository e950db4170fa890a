"""Flipped bytes and cut files: a short run of `flips`."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.archive import flips


@pytest.mark.slow
def test_damage_is_found_or_harmless(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    outcome = flips.run(tmp_path, flips=80, cuts=20, seed=2)
    assert outcome.wrong == []
    assert outcome.found + outcome.harmless == 100
    assert outcome.found > outcome.harmless
    assert set(outcome.by_part) == {"swath.json", "tiles.lance", "hot", "encoder", "lock"}
