from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swath.errors import InputError, SpecError
from swath.evaluation import SpeedResult, measure_gallery, measure_random, read_result, schema, write_result
from swath.evaluation import speed as module
from swath.search import MemoryGallery
from swath.search.kernels.int8 import ROW_TERMS
from tests.tiny import TinyEncoder


@pytest.fixture(autouse=True)
def small_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROBE", 1 << 20)


def test_random_galleries_of_growing_size(tmp_path: Path) -> None:
    told: list[tuple[int, int | None, str]] = []
    result = measure_random(
        [300, 20], dim=16, k=5, calls=4, threads=1, progress=lambda *step: told.append(step)
    )
    assert [size.tiles for size in result.sizes] == [20, 300]
    assert (result.gallery, result.pipeline, result.dim, result.threads) == ("random", "dense", 16, 1)
    for size in result.sizes:
        assert size.bytes_per_tile == 2 * 16 + 16 + ROW_TERMS + 32
        assert (size.single.queries, size.single.calls) == (1, 4)
        assert size.first_seconds and size.build_seconds and 0 < size.first_seconds < size.build_seconds
        assert (size.batch.queries, size.batch.calls) == (32, 4)
        assert 0 < size.single.p50 <= size.single.p95 <= size.single.p99
        (stage,) = size.stages
        assert stage.stage == "dense" and stage.bytes_read >= size.tiles * (16 + ROW_TERMS)
        assert stage.single.p50 <= size.single.p99
        assert size.floor == pytest.approx(1e3 * stage.bytes_read / result.bandwidth)
        assert size.peak_bytes > 1e6
    assert told == [(1, 2, "galleries"), (2, 2, "galleries")]
    write_result(result, tmp_path / "speed.json")
    assert read_result(tmp_path / "speed.json") == result


def test_stages_are_told_apart() -> None:
    result = measure_random([50], pipeline="dense:10 > btgi", dim=8, calls=2, threads=1)
    assert [stage.stage.partition(":")[0] for stage in result.sizes[0].stages] == ["dense", "btgi"]
    assert result.sizes[0].bytes_per_tile > 2 * 8 + 32


def test_an_encoder_brings_its_width_and_is_measured() -> None:
    encoder = TinyEncoder()
    result = measure_random([5], encoder=encoder, calls=1, threads=1)
    assert result.dim == encoder.dim
    assert result.encode is not None
    assert min(result.encode.text, result.encode.text_batched, result.encode.image) > 0
    assert result.encoder is not None
    assert result.encoder.revision == encoder.revision


def test_a_gallery_that_is_there() -> None:
    gallery = MemoryGallery(["a", "b"], {"dense": np.eye(2, 4, dtype=np.float16)})
    result = measure_gallery(gallery, "town.swath", 123.0, calls=1, threads=1)
    assert (result.gallery, result.dim, result.encode) == ("town.swath", 4, None)
    assert (result.sizes[0].bytes_per_tile, result.sizes[0].build_seconds) == (123.0, None)


def test_refusals() -> None:
    with pytest.raises(InputError, match="1 tile at least"):
        measure_random([10, 0])
    with pytest.raises(SpecError):
        measure_random([10], pipeline="nonsense")
    empty = MemoryGallery([], {"dense": np.zeros((0, 4), np.float16)})
    with pytest.raises(InputError, match=r"empty\.swath has no tiles"):
        measure_gallery(empty, "empty.swath", 0.0)


def test_the_schema_knows_every_kind_of_result() -> None:
    found = schema()
    formats = {
        one["properties"]["format"]["enum"][0]
        for one in found["$defs"].values()
        if "format" in one.get("properties", {})
    }
    assert formats >= {"swath.retrieval/1", "swath.zero-shot/1", "swath.speed/1"}
    assert SpeedResult.__name__ in found["$defs"]
    assert "ranks" not in found["$defs"]["EvalResult"]["required"]
