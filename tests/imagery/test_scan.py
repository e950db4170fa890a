from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from swath.errors import ImageryError, InputError
from swath.imagery import SUFFIXES, digest, scan, shown, tile_id
from swath.types import Window


def fill(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def names(*sources: Path) -> list[str]:
    return [file.name for file in scan(sources)]


def test_folders_are_walked_in_the_order_of_their_names(tmp_path: Path) -> None:
    fill(tmp_path, "b.JPG", "a/z.tif", "a/b/c.PNG", "c.WebP", "a.jpeg", "notes.txt", "a/x.tiff", "jpg")
    assert names(tmp_path) == ["a/b/c.PNG", "a/x.tiff", "a/z.tif", "a.jpeg", "b.JPG", "c.WebP"]
    first = next(scan([tmp_path]))
    assert first.root == tmp_path and first.path == tmp_path / "a/b/c.PNG"
    assert first.size == 9 and first.mtime_ns == first.path.stat().st_mtime_ns
    assert all(suffix == suffix.lower() for suffix in SUFFIXES)


def test_hidden_entries_are_skipped_unless_named(tmp_path: Path) -> None:
    fill(tmp_path, ".hidden/a.jpg", "._b.jpg", ".c.jpg", "d.jpg")
    assert names(tmp_path) == ["d.jpg"]
    assert names(tmp_path / ".hidden", tmp_path / ".c.jpg") == ["a.jpg", ".c.jpg"]


def test_a_file_that_is_named_is_listed_whatever_its_suffix(tmp_path: Path) -> None:
    fill(tmp_path, "scene.dat")
    (file,) = scan([tmp_path / "scene.dat"])
    assert (file.root, file.name, file.path) == (tmp_path, "scene.dat", tmp_path / "scene.dat")


def test_relative_sources_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "in/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert [(file.root, file.name) for file in scan([Path("in/../in")])] == [(tmp_path / "in", "a.jpg")]


def test_each_folder_is_walked_once(tmp_path: Path) -> None:
    fill(tmp_path, "a/b/c.jpg", "elsewhere/d.jpg")
    source = tmp_path / "a"
    (source / "b" / "up").symlink_to(source, target_is_directory=True)
    (source / "b" / "self").symlink_to("self")
    (source / "b" / "self.jpg").symlink_to("self.jpg")
    (source / "out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    skipped: list[str] = []
    found = [
        file.name for file in scan([source, source / "b"], lambda path, why: skipped.append(Path(path).name))
    ]
    assert found == ["b/c.jpg", "out/d.jpg"]
    assert skipped == ["self.jpg"]


def test_what_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, "good.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    skipped: dict[str, str] = {}
    found = [file.name for file in scan([tmp_path], lambda path, why: skipped.update({Path(path).name: why}))]
    assert found == ["good.jpg"]
    assert skipped == {"gone.jpg": "No such file or directory", "pipe.jpg": "not a regular file"}
    with pytest.raises(InputError, match=r"gone\.jpg: No such file"):
        names(tmp_path)


def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a/a.jpg", "locked/b.jpg", "z.jpg")
    scandir = os.scandir

    def guarded(path: Path) -> object:
        # The system lets root in everywhere, so the refusal is made here.
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    skipped: list[tuple[object, str]] = []
    found = [file.name for file in scan([tmp_path], lambda path, why: skipped.append((path, why)))]
    assert found == ["a/a.jpg", "z.jpg"]
    assert skipped == [(tmp_path / "locked", "Permission denied")]


def test_a_source_that_is_not_there_is_an_error_before_anything_is_listed(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg")
    with pytest.raises(InputError, match=r"missing: No such file or directory; check"):
        next(scan([tmp_path, tmp_path / "missing"]))
    with pytest.raises(InputError, match="null"):
        next(scan([Path("a\0b")]))


@pytest.mark.skipif(sys.platform == "darwin", reason="names are Unicode there")
def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe\x0anew\x1b.jpg")
    fill(tmp_path, "é b'\".jpg")
    (tmp_path / odd).write_bytes(b"x")
    found = {file.name: file for file in scan([tmp_path])}
    assert found.keys() == {"é b'\".jpg", odd}
    assert digest(found[odd].path) == digest(found[odd].path)
    assert shown(odd) == r"\xff\xfe\nnew\x1b.jpg"
    assert shown(Path("é.jpg")) == "é.jpg"
    with pytest.raises(ImageryError) as refusal:
        digest(tmp_path / "sub" / odd)
    str(refusal.value).encode()


def test_folders_nest_deeper_than_python_recurses(tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() + 50
    folders = [tmp_path]
    try:
        for _ in range(depth):
            deeper = folders[-1] / "d"
            deeper.mkdir()
            folders.append(deeper)
        (folders[-1] / "a.jpg").write_bytes(b"x")
        assert names(tmp_path) == ["d/" * depth + "a.jpg"]
    finally:
        # Whoever clears the temporary folder may well recurse.
        (folders[-1] / "a.jpg").unlink(missing_ok=True)
        for folder in folders[:0:-1]:
            folder.rmdir()


def test_digests_are_of_the_content(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"a.jpg")
    a, b, c = (digest(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert a == c != b
    assert len(a) == 32 and set(a) <= set("0123456789abcdef")
    (tmp_path / "empty").touch()
    assert digest(tmp_path / "empty") == "cae66941d9efbd404e4d88758ea67670"


def test_a_digest_of_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "gone", "No such"),
        (tmp_path, "not a regular"),
        (tmp_path / "pipe", "not a regular"),
    ):
        with pytest.raises(ImageryError, match=why):
            digest(path)


def test_tile_ids_name_content_and_window() -> None:
    one = tile_id("0" * 32, Window(1, 2, 3, 4))
    assert one == "018edd288276d7f653ab1f4953d3c275"
    assert one != tile_id("0" * 32, Window(12, 3, 4, 4)) != tile_id("1" * 32, Window(12, 3, 4, 4))
