"""Processes that change an archive are killed; short runs of `kills`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.archive import kills
from tests.archive.faults import held, make_world
from tests.archive.nursery import Fault, Job, Nursery


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_to_sigkill(tmp_path: Path, children: Nursery) -> None:
    outcome = kills.run(tmp_path, int(os.environ.get("SWATH_KILLS", "8")), 1, children)
    assert outcome.finished >= 5
    assert (outcome.lost, outcome.problems, outcome.different) == (0, 0, 0)
    assert outcome.slowest_open < 1.0


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.95])
@pytest.mark.parametrize("operation", ["remove", "reencode"])
def test_a_kill_leaves_the_old_archive_or_the_new(
    tmp_path: Path, children: Nursery, operation: str, share: float
) -> None:
    job = make_world(tmp_path)[operation]
    path = Path(job.path)
    before = held(path)
    points = children.run(Job(operation, str(path), job.others, Fault.KILL_AFTER, 10**6)).calls
    after = held(path)
    assert after != before
    restored = make_world(tmp_path / "again")[operation]
    fault = Job(operation, restored.path, restored.others, Fault.KILL_AFTER, round(points * share))
    assert children.run(fault).how == "killed"
    assert len(held(Path(restored.path))) in (len(before), len(after))
    assert children.run(restored).how == "done"
    assert held(Path(restored.path)).keys() == after.keys()
