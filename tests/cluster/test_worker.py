"""What a worker refuses, and what is said where there is no cluster; no Ray is needed for it."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import swath
from swath.archive import Unit
from swath.archive.rows import Geometry
from swath.cluster.worker import encode
from swath.errors import ClusterError, InputError
from swath.imagery import Tiling
from tests.archive.world import picture
from tests.tiny_onnx import build


def test_a_worker_that_does_not_fit_says_so(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "away/cluster/0.unit", (), Tiling(), Geometry(32), tmp_path / "encoder")
    with pytest.raises(ClusterError, match=r"have swath .*, and this is swath 0\.0\.7: install the same"):
        encode(unit, 1, "0.0.7")
    with pytest.raises(
        ClusterError, match=r"do not see .*away/cluster: archive and sources must be on a file"
    ):
        encode(unit, 1, version("swath"))


@pytest.mark.parametrize("on", ["", "Ray", "spark://host:1", "ray//host"])
def test_what_names_no_cluster_is_refused(tmp_path: Path, on: str) -> None:
    source = picture(tmp_path / "in/a.png", 1)
    with pytest.raises(InputError, match="is no cluster"):
        swath.index(source, tmp_path / "a", build(tmp_path / "encoder"), on=on)


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    source = picture(tmp_path / "in/a.png", 1)
    with pytest.raises(InputError, match=r"pip install 'swath\[cluster\]'"):
        swath.index(source, tmp_path / "a", build(tmp_path / "encoder"), on="ray")
