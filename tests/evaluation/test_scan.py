"""Exact scans beside those of faiss, and new processes: that they run, agree and say what they measured."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from swath.encoders import OnnxEncoder
from swath.errors import InputError
from swath.evaluation.cold import ColdResult, archive_of, measure_cold, measure_throughput, result_of
from swath.evaluation.scan import measure_scans, scans_json


def test_exact_scans_agree_with_faiss() -> None:
    pytest.importorskip("faiss", reason="the peers are faiss indexes: pip install 'swath[bench]'")
    result = measure_scans([500, 300], dim=64, k=5, calls=2, threads=1)
    assert [one.tiles for one in result.scans] == [300] * 4 + [500] * 4
    by = {one.method: one for one in result.scans[4:]}
    assert by["swath int8, exact"].agreement == by["swath float16"].agreement == 1
    assert 0.7 < by["faiss SQ8"].agreement <= 1
    for one in result.scans:
        assert 0 < one.best <= one.single and one.batch > 0
        assert one.floor == pytest.approx(1e3 * one.tiles * one.bytes_per_tile / result.bandwidth)
    assert by["swath int8, exact"].bytes_per_tile == 64 + 12
    assert msgspec.json.decode(scans_json(result))["format"] == "swath.scan/1"


def test_what_cannot_be_scanned_is_said() -> None:
    with pytest.raises(InputError, match="needs 20 tiles"):
        measure_scans([100, 10])
    with patch.dict(sys.modules, {"faiss": None}), pytest.raises(InputError, match=r"swath\[bench\]"):
        measure_scans([100])


def test_new_processes_and_sessions_are_timed(tiny_home: Path) -> None:
    encoder = OnnxEncoder(tiny_home / "encoders" / "base")
    with archive_of(130, encoder) as path:
        cold = measure_cold(path, runs=1)
    assert cold.tiles == 130 and cold.ratio == cold.search / cold.bare > 0 and cold.first > 0
    assert not path.exists()
    throughput = measure_throughput(encoder, pictures=5)
    assert min(throughput.index, throughput.bare_images, throughput.texts, throughput.bare_texts) > 0
    written = msgspec.json.encode(result_of(cold, throughput))
    assert msgspec.json.decode(written, type=ColdResult).cold == cold
    with pytest.raises(InputError, match="failed"):
        measure_cold(tiny_home, runs=1)
    with pytest.raises(InputError, match="1 tile"), archive_of(0, encoder):
        pass
