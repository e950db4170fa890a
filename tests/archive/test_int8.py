"""The int8 rows of an archive: derived when tiles are added, read by searches, missing in older columns."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from swath import archive
from swath.archive import pointer
from swath.imagery import Tiling
from swath.int8 import quantise
from swath.search import run
from swath.search.query import EncodedQuery
from tests.archive.world import pictures
from tests.tiny import TinyEncoder


def test_int8_rows_follow_the_vectors(tmp_path: Path, tiny: TinyEncoder) -> None:
    store = archive.create(tmp_path / "archive", tiny, Tiling(size=32))
    store.add([pictures(tmp_path / "in", 14)], tiny)
    store.add([pictures(tmp_path / "more", 30)], tiny)
    gallery = store.gallery()
    dense, compact = gallery.signal("dense"), gallery.compact
    assert compact is not None and len(dense) == 30
    expected = quantise(dense)
    for name in ("codes", "scale", "error", "norm"):
        stored = getattr(compact, name)
        assert stored.dtype == getattr(expected, name).dtype
        assert stored.tobytes() == getattr(expected, name).tobytes()
    assert gallery.signals == {"dense", "tokens"}
    query = EncodedQuery(dense[3].astype(np.float32))
    found, (trace,) = run("dense", gallery, query, 5)
    assert found.rows[0] == 3 and trace.kernel.startswith("numkong int8")


def test_columns_without_int8_rows_are_searched_as_they_are(tmp_path: Path, tiny: TinyEncoder) -> None:
    store = archive.create(tmp_path / "archive", tiny, Tiling(size=32))
    store.add([pictures(tmp_path / "in", 14)], tiny)
    with_rows = store.gallery()
    stated = pointer.read(store.path)
    columns = {
        name: column
        for name, column in stated.hot.columns.items()
        if name not in ("dense_int8", "dense_scale", "dense_error", "dense_norm")
    }
    older = msgspec.structs.replace(stated.hot, columns=columns)
    pointer.write(store.path, msgspec.structs.replace(stated, hot=older))
    without = archive.open_store(store.path).gallery()
    assert without.compact is None
    query = EncodedQuery(with_rows.signal("dense")[3].astype(np.float32))
    found, (trace,) = run("dense", without, query, 3)
    assert trace.kernel == "numpy float32"
    assert found.rows.tolist() == run("dense", with_rows, query, 3)[0].rows.tolist()
