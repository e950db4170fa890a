"""Archives that were made apart, in one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swath import archive
from swath.archive import LockedError
from swath.archive.writer import Writer
from swath.errors import ArchiveError, InputError
from swath.imagery import Tiling
from tests.archive.world import content, flip, ids, picture, pictures, raster
from tests.tiny import TinyEncoder
from tests.tiny_onnx import build

TILING = Tiling(size=32)


@pytest.fixture
def parts(tmp_path: Path, tiny: TinyEncoder) -> list[Path]:
    """Two archives: 10 pictures and a raster; 6 other pictures, 2 of the same, and the raster again."""
    first, second = tmp_path / "in/first", tmp_path / "in/second"
    raster(pictures(first, 10) / "scene.tif", 7)
    for index in range(6):
        picture(second / f"{index}.png", 100 + index)
    for name in ("a/000.png", "scene.tif"):
        shutil.copy2(first / name, second)
    picture(second / "same.png", 1)
    for folder in (first, second):
        made = archive.create(tmp_path / folder.name, tiny, TILING)
        made.add([folder], tiny, attributes={"cloud": 5} if folder == second else None)
    return [tmp_path / "first", tmp_path / "second"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def expected(parts: list[Path]) -> dict[str, tuple[Any, ...]]:
    """What a merge must hold: the first archive's rows, the second's, and the sources of both."""
    first, second = (content(archive.open_store(path)) for path in parts)
    both = second | first
    for one in first.keys() & second.keys():
        both[one] = (*first[one][:6], tuple(sorted({*first[one][6], *second[one][6]})), *first[one][7:])
    return both


def test_equal_tiles_become_one_with_all_their_files(parts: list[Path], out: Path) -> None:
    report = archive.merge(out, parts)
    assert (report.archives, report.tiles_added, report.tiles_known) == (2, 28, 14)
    assert (report.tiles, report.files, report.changed) == (28, 20, 0)
    merged = archive.open_store(out)
    assert merged.verify() == []
    assert content(merged) == expected(parts)
    assert merged.info().attributes == {"cloud": "number", **archive.open_store(parts[0]).info().attributes}
    assert merged.info().incomplete == 0
    assert merged.gallery().signal("dense").shape == (28, 32)


def test_merging_again_changes_nothing(parts: list[Path], out: Path) -> None:
    archive.merge(out, parts)
    before, committed = content(archive.open_store(out)), archive.open_store(out).info().committed
    report = archive.merge(out, parts)
    assert (report.tiles_added, report.tiles_known, report.tiles) == (0, 42, 28)
    assert content(archive.open_store(out)) == before
    assert archive.open_store(out).info().committed == committed


def test_an_archive_can_be_merged_into_one_that_is_there(parts: list[Path], out: Path) -> None:
    whole = expected(parts)
    assert archive.merge(parts[0], [parts[1]]).tiles_added == 6
    assert content(archive.open_store(parts[0])) == whole


def test_files_stay_known_whatever_their_roots_are(tmp_path: Path, out: Path, tiny: TinyEncoder) -> None:
    folder = pictures(tmp_path / "in", 6)
    for name, source in (("inner", folder / "a"), ("outer", folder)):
        archive.create(tmp_path / name, tiny, TILING).add([source], tiny)
    for order in (["inner", "outer"], ["outer", "inner"]):
        report = archive.merge(out, [tmp_path / name for name in order])
        assert (report.tiles, report.files) == (6, 6)
        encoded = tiny.encoded
        assert archive.open_store(out).add([folder], tiny).tiles_known == 6
        assert tiny.encoded == encoded
        shutil.rmtree(out)


def test_a_file_with_two_contents_keeps_both(tmp_path: Path, out: Path, tiny: TinyEncoder) -> None:
    """Nobody can tell which is right: it may be another file with the same name on another machine."""
    folder = pictures(tmp_path / "in", 4)
    archive.create(tmp_path / "old", tiny, TILING).add([folder], tiny)
    picture(folder / "a/000.png", 50)
    archive.create(tmp_path / "new", tiny, TILING).add([folder], tiny)
    report = archive.merge(out, [tmp_path / "old", tmp_path / "new"])
    assert (report.tiles, report.files, report.changed) == (5, 4, 1)
    merged = archive.open_store(out)
    assert merged.add([folder], tiny).tiles_removed == 1
    assert ids(merged) == ids(archive.open_store(tmp_path / "new"))


def test_the_later_state_of_a_touched_file_counts(tmp_path: Path, out: Path, tiny: TinyEncoder) -> None:
    folder = pictures(tmp_path / "in", 2)
    archive.create(tmp_path / "old", tiny, TILING).add([folder], tiny)
    os.utime(folder / "a/000.png")
    archive.create(tmp_path / "new", tiny, TILING).add([folder], tiny)
    for order in (["old", "new"], ["new", "old"]):
        archive.merge(out, [tmp_path / name for name in order])
        assert content(archive.open_store(out)) == content(archive.open_store(tmp_path / "new"))
        shutil.rmtree(out)


def test_incomplete_files_stay_incomplete_until_an_archive_has_all(
    tmp_path: Path, parts: list[Path], out: Path, tiny: TinyEncoder
) -> None:
    first = archive.open_store(parts[0])
    whole = content(first)
    some = sorted(one for one, row in whole.items() if row[6][0][1] == "scene.tif")[:5]
    first.remove(ids=some)
    assert archive.merge(out, parts[:1]).tiles == 17
    assert archive.open_store(out).info().incomplete == 1
    archive.merge(out, parts)
    assert archive.open_store(out).info().incomplete == 0
    assert set(some) <= ids(archive.open_store(out))


def test_the_encoder_comes_along_with_its_heads(tmp_path: Path, out: Path) -> None:
    import swath

    encoder = build(tmp_path / "encoder", name="tiny")
    (encoder / "heads/sharp").mkdir(parents=True)
    (encoder / "heads/sharp/weights.bin").write_bytes(b"weights")
    swath.index(pictures(tmp_path / "in", 3), tmp_path / "one", encoder)
    archive.merge(out, [tmp_path / "one"])
    merged = archive.open_store(out)
    assert (merged.encoder_folder / "heads/sharp/weights.bin").read_bytes() == b"weights"
    assert merged.verify() == []
    flip(merged.encoder_folder / "heads/sharp/weights.bin", 2)
    assert [problem.where[-19:] for problem in merged.verify()] == ["heads/sharp/weights.bin"[-19:]]
    with pytest.raises(ArchiveError, match=r"weights\.bin is damaged"):
        archive.merge(tmp_path / "more", [out])


def make_other(tmp_path: Path, encoder: TinyEncoder, tiling: Tiling, value: object) -> Path:
    other = archive.create(tmp_path / "other", encoder, tiling)
    other.add([pictures(tmp_path / "in/other", 2)], encoder, attributes={"cloud": value})  # type: ignore[dict-item]
    return other.path


@pytest.mark.parametrize(
    ("encoder", "tiling", "value", "said"),
    [
        (TinyEncoder(1), TILING, 5, r"made with encoder tiny.*reencode"),
        (TinyEncoder(), Tiling(size=48), 5, "cut with size 48.*size 32"),
        (TinyEncoder(), TILING, "much", "attribute 'cloud' is a text"),
    ],
)
def test_what_does_not_go_together_is_refused(
    parts: list[Path],
    out: Path,
    tmp_path: Path,
    encoder: TinyEncoder,
    tiling: Tiling,
    value: object,
    said: str,
) -> None:
    other = make_other(tmp_path, encoder, tiling, value)
    with pytest.raises(ArchiveError, match=said):
        archive.merge(out, [parts[1], other])
    assert not out.exists()
    with pytest.raises(ArchiveError, match=said):
        archive.merge(parts[1], [other])


def test_what_is_no_merge_is_refused(parts: list[Path], out: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which archives"):
        archive.merge(out, [])
    with pytest.raises(InputError, match="one of the archives to merge"):
        archive.merge(parts[0], parts)
    with pytest.raises(ArchiveError, match="no archive at"):
        archive.merge(out, [*parts, tmp_path / "nothing"])
    assert not out.exists()
    archive.merge(out, parts)
    with Writer(out), pytest.raises(LockedError):
        archive.merge(out, parts)


def test_damage_is_not_copied(parts: list[Path], out: Path) -> None:
    data = max((parts[0] / "tiles.lance/data").iterdir(), key=lambda path: path.stat().st_size)
    flip(data, data.stat().st_size // 2)
    with pytest.raises(ArchiveError, match="is damaged"):
        archive.merge(out, parts)
    assert archive.open_store(out).info().tiles == 0


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_an_interrupted_merge_goes_on(
    parts: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """It is stopped after a number of commits of four tiles: files are incomplete there."""
    _scan_by(4, monkeypatch)
    append, count = Writer.append, 0

    def stopping(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count > batches:
            raise KeyboardInterrupt
        append(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Writer, "append", stopping)
        archive.merge(out, parts)
    half = archive.open_store(out)
    assert half.verify() == []
    assert (half.info().tiles, half.info().incomplete) == (4 * batches, batches == 3)
    report = archive.merge(out, parts)
    assert report.tiles_added == 28 - 4 * batches
    assert content(half) == expected(parts)
    assert half.info().incomplete == 0


def _scan_by(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from swath.archive.table import Table

    scan: Callable[..., Any] = Table.scan
    monkeypatch.setattr(Table, "scan", lambda table, batch_size=0, **options: scan(table, size, **options))
