"""The small parts: quantised tokens, file names, the catalogue, and what the table promises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from swath.archive import rows, table
from swath.archive.catalogue import Catalogue, Roots
from swath.archive.files import checksum, replace_file
from swath.archive.lease import Lease, leased
from swath.archive.rows import Geometry, Key, Row, Rows, Source
from swath.archive.table import Table
from swath.errors import ArchiveError
from swath.imagery import SourceFile
from swath.types import Window

SHAPES = Geometry(2)


@given(arrays(np.float32, (5, 16), elements=st.floats(-1, 1, width=32)))
def test_quantised_tokens_keep_their_direction(
    tokens: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    norms = np.linalg.norm(tokens.astype(np.float64), axis=1)
    tokens = tokens[norms > 1e-3] / norms[norms > 1e-3, None].astype(np.float32)
    stored = rows.quantise(tokens)
    assert stored.dtype == np.int8
    assert (np.abs(stored.astype(int)).max(initial=0, axis=1) == 127).all()
    again = stored / np.linalg.norm(stored.astype(np.float64), axis=1, keepdims=True)
    assert ((again * tokens).sum(1) > 0.999).all()


def test_a_token_of_zeros_stays_zero() -> None:
    assert not rows.quantise(np.zeros((2, 3), np.float32)).any()


@given(st.binary(max_size=20).filter(lambda name: b"\0" not in name))
def test_any_file_name_can_be_stored(name: bytes) -> None:
    path = os.fsdecode(name)
    stored = rows.storable(path)
    assert stored.encode("utf-8").decode("utf-8") == stored
    assert rows.original(stored) == path


@given(st.one_of(st.none(), st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))))
def test_times_are_kept_to_the_microsecond(time: datetime | None) -> None:
    aware = None if time is None else time.replace(tzinfo=rows.EPOCH.tzinfo)
    assert rows.moment(rows.microseconds(aware)) == aware


def test_replaced_files_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"one", b"two and more", b""):
        replace_file(path, data)
        assert path.read_bytes() == data
        assert checksum(path).size == len(data)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


# Roots and catalogue


def file(root: str, name: str) -> SourceFile:
    return SourceFile(Path(root), name, Path(root) / name, 1, 1)


def test_files_belong_to_the_nearest_root() -> None:
    roots = Roots(["/data/a"])
    assert roots.place(file("/data/a", "x/1.png")) == Key(0, "x/1.png")
    assert roots.place(file("/data", "b/1.png")) == Key(1, "b/1.png")
    assert roots.place(file("/data", "a/x/1.png")) == Key(0, "x/1.png")
    assert roots.place(file("/data/b", "1.png")) == Key(1, "b/1.png")
    assert roots.place(file("/", "1.png")) == Key(2, "1.png")
    assert roots.place(file("/", "other/1.png")) == Key(2, "other/1.png")
    assert roots.paths == ["/data/a", "/data", "/"]
    assert roots.path(Key(1, "b/1.png")) == Path("/data/b/1.png")


def tile(number: int, digest: str, *paths: str) -> tuple[str, str, Sequence[Source]]:
    return f"{number:032x}", digest, [Source(0, path, 1, 1) for path in paths]


def test_the_catalogue_knows_files_by_their_state() -> None:
    known = Catalogue([tile(1, "d", "a"), tile(2, "d", "a"), tile(3, "e", "b", "c")], partial=["e"])
    assert known.files == 3
    assert known.current(Key(0, "a"), 1, 1) == "d"
    assert known.current(Key(0, "a"), 2, 1) is None
    assert known.current(Key(0, "b"), 1, 1) is None  # incomplete
    assert known.contains([f"{3:032x}", f"{4:032x}", f"{0:032x}"]).tolist() == [True, False, False]
    assert Catalogue([]).contains(["0" * 32]).tolist() == [False]


def test_the_catalogue_collects_changes() -> None:
    known = Catalogue([tile(1, "d", "a"), tile(2, "e", "b")])
    assert not known.attach("d", Source(0, "a", 1, 1))
    assert known.changes() == {}
    assert known.attach("d", Source(0, "b", 5, 5))
    known.detach_others("d", Key(0, "b"))
    known.detach_others("d", Key(0, "b"))
    assert known.changes() == {"d": (Source(0, "a", 1, 1), Source(0, "b", 5, 5)), "e": ()}
    assert known.attach("new", Source(0, "z", 1, 1))
    assert "new" not in known.changes()  # none of its tiles is stored yet


# The table: a change of these is a change of Lance


def one(numbers: range, digest: str = "") -> Rows:
    tiles = [
        Row(f"{n:032x}", digest or f"{n:x}", Window(0, 0, 1, 1), None, n, {}, bytes([n % 256]))
        for n in numbers
    ]
    dense = np.array([[n, -n] for n in numbers], np.float16)
    return Rows(tiles, [(Source(0, f"{n}", n, n),) for n in numbers], {"dense": dense})


def numbers(of: Table) -> list[int]:
    return [int(tile_id, 16) for tile_id, _, _ in of.known()]


@pytest.fixture
def made(tmp_path: Path) -> Table:
    table.create(tmp_path, SHAPES)
    opened = Table(tmp_path, 1, SHAPES)
    for start in range(0, 40, 4):
        opened.append(one(range(start, start + 4)), {})
    return opened


def test_versions_that_were_not_acknowledged_are_discarded(made: Table, tmp_path: Path) -> None:
    acknowledged = made.version
    made.append(one(range(100, 104)), {"new": rows.TEXT})
    made.set_sources({"3": ()})
    again = Table(tmp_path, acknowledged, SHAPES)
    again.discard_newer()
    assert again.version > made.version
    assert numbers(again) == list(range(40))
    assert again.kinds == {}
    unchanged = again.version
    again.discard_newer()
    assert again.version == unchanged


def test_compaction_keeps_rows_and_their_order(made: Table, tmp_path: Path) -> None:
    made.set_sources({"5": ()})
    before, version = numbers(made), made.version
    made.compact(100)
    assert made.version == version
    made.compact(3)
    assert made.version > version
    assert numbers(made) == before
    assert len(made.files()) < 6
    assert numbers(Table(tmp_path, version, SHAPES)) == before  # until it is cleaned


def test_other_sources_leave_the_rest_of_a_row_alone(made: Table) -> None:
    made.append(one(range(100, 102), "twice"), {})
    expected = {n: bytes([n]) for n in (*range(40), 100, 101)}
    sources = (Source(0, "x", 1, 2), Source(1, "y", 3, 4))
    made.set_sources({"twice": sources, "7": (), "8": sources[:1]})
    expected.pop(7)
    assert sorted(numbers(made)) == sorted(expected)
    found = {int(tile_id, 16): tuple(kept) for tile_id, _, kept in made.known()}
    assert found[100] == found[101] == sources
    assert found[8] == sources[:1]
    assert found[9] == (Source(0, "9", 9, 9),)
    thumbnails = made.thumbnails([f"{n:032x}" for n in expected])
    assert {int(tile_id, 16): data for tile_id, data in thumbnails.items()} == expected
    for part in made.scan():
        for index, row in enumerate(part.rows):
            assert part.signals["dense"][index].tolist() == [int(row.id, 16), -int(row.id, 16)]


def test_cleaning_spares_what_was_replaced_lately(
    made: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made.version
    made.compact(1)
    made.clean()
    assert numbers(Table(tmp_path, before, SHAPES)) == list(range(40))
    monkeypatch.setattr(table, "_SPARED", timedelta(0))
    made.clean()
    assert numbers(Table(tmp_path, before, SHAPES)) == list(range(40))  # it is not time to look yet
    monkeypatch.setattr(table, "_CLEAN_EVERY", timedelta(0))
    made.clean()
    with pytest.raises(ArchiveError, match="cannot be opened"):
        Table(tmp_path, before, SHAPES)
    assert numbers(made) == numbers(Table(tmp_path, made.version, SHAPES)) == list(range(40))
    assert len(list((tmp_path / "tiles.lance/data").iterdir())) == 1


def test_leased_versions_stay(made: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_SPARED", timedelta(0))
    monkeypatch.setattr(table, "_CLEAN_EVERY", timedelta(0))
    with Lease(tmp_path, made.version) as lease, Lease(tmp_path, made.version):
        read = Table(tmp_path, made.version, SHAPES)
        made.compact(1)
        made.append(one(range(50, 51)), {})
        made.clean(leased(tmp_path))
        assert numbers(read) == list(range(40))
        lease.__exit__(None, None, None)
        assert leased(tmp_path) == {read.version}
    assert leased(tmp_path) == frozenset()
    assert not (tmp_path / "leases").exists()
    made.clean()
    with pytest.raises(ArchiveError, match="cannot be opened"):
        Table(tmp_path, read.version, SHAPES)


def test_a_lease_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from swath.archive.lease import Lease\n"
        "Lease(Path(sys.argv[1]), 3).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert [path.name[:2] for path in (tmp_path / "leases").iterdir()] == ["3-"]
    assert leased(tmp_path) == frozenset()
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_lease_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "leases").touch()
    with Lease(tmp_path, 3):
        assert leased(tmp_path) == frozenset()


def test_a_row_is_rewritten_a_few_times_however_small_the_additions(tmp_path: Path) -> None:
    table.create(tmp_path, SHAPES)
    grown = Table(tmp_path, 1, SHAPES)
    added = rewritten = 0
    for number in range(120):
        grown.append(one(range(number, number + 1)), {})
        first = set(data_files(grown))
        grown.compact(8)
        added += min(path.stat().st_size for path in first)
        rewritten += sum(path.stat().st_size for path in set(data_files(grown)) - first)
    assert numbers(grown) == list(range(120))
    assert len(data_files(grown)) <= 16
    assert 0 < rewritten < added


def data_files(of: Table) -> list[Path]:
    return [path for path in of.files() if path.parent.name == "data"]


def test_every_file_of_a_version_is_listed(made: Table, tmp_path: Path) -> None:
    made.set_sources({"3": ()})
    listed = {path.parent.name for path in made.files()}
    assert listed >= {"data", "_versions", "_deletions"}
    assert all(path.is_file() for path in made.files())
