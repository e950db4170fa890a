"""Lists on disk: the same as in memory, found again after changes, never answered from when damaged."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import swath
from swath.archive import open_store
from swath.archive.lists import (
    DamagedListsError,
    Lists,
    Plan,
    build,
    build_lists,
    directions_of,
    files,
    keeping,
    newest,
    read_tuned,
    write_tuned,
)
from swath.archive.lists.files import Layout
from swath.search import EncodedQuery, matched_words, run
from swath.types import Query
from tests.archive.world import picture
from tests.tiny import TinyEncoder

pytestmark = pytest.mark.usefixtures("narrow_lead")


FILES = (
    *("rows", "ends", "centroids", "directions", "lead_codes", "lead_scale", "rest_codes", "rest_norm"),
    *("places", "impacts", "weights", "manifest.json"),
)
SPEC = "sparse:5 > lists(tiles=1.0):50"


def scenes(folder: Path, count: int) -> None:
    """Pictures of two sizes, whose names are words."""
    for seed in range(count):
        name = ("harbour", "airport", "forest")[seed % 3]
        picture(
            folder / name / f"{name} {'north' if seed % 4 else 'south'} {seed:03}.png",
            seed,
            40 + 8 * (seed % 2),
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lists")
    scenes(folder / "scenes", 40)
    made = swath.index(folder / "scenes", folder / "a.swath", TinyEncoder())
    build_lists(open_store(made.path).gallery(), made.path, Plan(6), None)
    return folder


@pytest.fixture
def archive(world: Path, tmp_path: Path) -> swath.Archive:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    return swath.open(tmp_path / "a.swath", encoder=TinyEncoder())


def lists(archive: swath.Archive) -> Lists:
    found = open_store(archive.path).gallery().lists
    assert found is not None
    return found


def same_answers(archive: swath.Archive, count: int) -> None:
    """Partial searches over all lists, and the lists' words, agree with the exact search."""
    gallery = open_store(archive.path).gallery()
    assert len(gallery) == count
    for row in range(0, count, 7):
        query = EncodedQuery(gallery.signal("dense")[row].astype(np.float32), ("harbour",))
        exact, _ = run("dense", gallery, query, 10)
        found, _ = run(SPEC, gallery, query, 10)
        np.testing.assert_array_equal(found.rows, exact.rows)
        np.testing.assert_array_equal(found.scores, exact.scores)


def test_on_disk_as_in_memory(archive: swath.Archive) -> None:
    gallery, stored = open_store(archive.path).gallery(), lists(archive)
    made = build(gallery.signal("dense"), Plan(6), words_of=gallery.words)
    for name in ("rows", "ends", "centroids"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(made, name))
    for part in ("lead", "rest"):
        for term in ("codes", "scale", "error", "norm"):
            np.testing.assert_array_equal(*(getattr(getattr(one, part), term) for one in (stored, made)))
    assert stored.postings is not None and made.postings is not None
    for name in ("words", "ends", "places", "impacts", "weights", "blocks", "firsts", "maxima"):
        np.testing.assert_array_equal(getattr(stored.postings, name), getattr(made.postings, name))
    same_answers(archive, 40)


def test_names_are_words(archive: swath.Archive) -> None:
    picture(archive.path.parent / "more" / "Lighthouse north" / "IMG_0099.png", 99)
    archive.add(archive.path.parent / "more")
    for late in (True, False):
        hits = archive.search_many([Query(("the lighthouse",))], pipeline="sparse:5")[0]
        assert "Lighthouse" in hits[0].tile.source and len(hits) == 1
        assert "words: lighthouse" in next(one for one in hits.trace if one.stage == "sparse:5").note
        shared = matched_words(
            open_store(archive.path).gallery(), EncodedQuery(np.zeros(32, np.float32), ("lighthouse",)), 40
        )
        assert list(shared) == ["lighthouse"]
        if late:
            build_lists(open_store(archive.path).gallery(), archive.path, Plan(6), None)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["changed", "short", "missing"])
def test_damage_is_found_and_mended(
    archive: swath.Archive, name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = newest(archive.path)
    assert folder is not None
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 4
    if how == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content if how == "changed" else content[:-1])
    (problem,) = open_store(archive.path).verify()
    assert problem.where.startswith("lists/") and "built again" in problem.remedy
    with caplog.at_level(logging.WARNING):
        same_answers(archive, 40)
    assert "building the lists again" in caplog.text
    caplog.clear()
    same_answers(archive, 40)
    assert not caplog.text, "mended once and for all"
    assert not open_store(archive.path).verify()


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", ["lead_codes", "rest_codes", "places", "weights"])
def test_either_kernel_finds_what_changed(
    archive: swath.Archive, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = newest(archive.path)
    assert folder is not None
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 3] ^= 1
    (folder / name).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        same_answers(archive, 40)
    assert "building the lists again" in caplog.text


def test_lists_survive_what_happens_to_the_archive(archive: swath.Archive) -> None:
    before = lists(archive).name
    scenes(archive.path.parent / "more", 47)  # the first 40 are known
    archive.add(archive.path.parent / "more")
    assert lists(archive).name == before and len(lists(archive).tail) == 7
    same_answers(archive, 47)
    assert archive.remove(where="width = 48").tiles == 23
    same_answers(archive, len(archive))
    assert (lists(archive).rows < 0).any() and lists(archive).name == before


def test_a_reader_keeps_what_it_opened(archive: swath.Archive) -> None:
    gallery = open_store(archive.path).gallery()
    query = EncodedQuery(gallery.signal("dense")[3].astype(np.float32), ("harbour",))
    expected, _ = run(SPEC, gallery, query, 10)
    problems: list[object] = []

    def search() -> None:
        for _ in range(30):
            found, _ = run(SPEC, gallery, query, 10)
            if found.rows.tolist() != expected.rows.tolist():
                problems.append(found)

    thread = threading.Thread(target=search)
    thread.start()
    for count in (3, 9, 5):
        build_lists(open_store(archive.path).gallery(), archive.path, Plan(count), None)
    thread.join()
    assert not problems
    assert len(list((archive.path / "lists").iterdir())) == 1, "old layouts and temporary folders are gone"


def test_lists_built_after_a_gallery_was_opened_hold_more_than_it_shows(archive: swath.Archive) -> None:
    early = open_store(archive.path).gallery()
    scenes(archive.path.parent / "more", 45)
    archive.add(archive.path.parent / "more")
    build_lists(open_store(archive.path).gallery(), archive.path, Plan(6), None)
    query = EncodedQuery(early.signal("dense")[3].astype(np.float32), ("harbour",))
    found, _ = run(SPEC, early, query, 50)
    assert sorted(found.rows.tolist()) == list(range(40))


def test_without_lists_a_search_says_what_to_do(archive: swath.Archive) -> None:
    shutil.rmtree(archive.path / "lists")
    with pytest.raises(swath.SwathError, match="needs the signal"):
        archive.search("red", pipeline=SPEC)


def test_what_was_measured_is_kept_whole_or_not_at_all(archive: swath.Archive) -> None:
    write_tuned(archive.path, {"layout": lists(archive).name, "asked": 0.99})
    assert read_tuned(archive.path)["asked"] == 0.99 and lists(archive).facts["asked"] == 0.99
    path = archive.path / "lists" / "tuned.json"
    path.write_bytes(path.read_bytes().replace(b"0.99", b"0.09"))
    assert read_tuned(archive.path) == {} and lists(archive).facts == {}
    write_tuned(archive.path, {"layout": "another", "asked": 0.9})
    assert lists(archive).facts == {}


def test_a_manifest_that_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(DamagedListsError, match="cannot be read"):
        Layout(tmp_path)


def test_mended_lists_keep_their_directions_and_so_what_was_measured_on_them(archive: swath.Archive) -> None:
    gallery = open_store(archive.path).gallery()
    queries = np.random.default_rng(0).normal(size=(30, 32)).astype(np.float32)
    directions = directions_of(gallery.signal("dense"), queries)
    build_lists(gallery, archive.path, Plan(6), None, directions=directions)
    made = lists(archive)
    np.testing.assert_array_equal(made.directions, directions)
    for damaged, same in (("rest_codes", True), ("directions", False)):
        folder = newest(archive.path)
        assert folder is not None
        content = bytearray((folder / damaged).read_bytes())
        content[7] ^= 1
        (folder / damaged).write_bytes(content)
        same_answers(archive, 40)
        mended = lists(archive)
        assert (mended.name == made.name) is same
        assert np.array_equal(mended.directions, directions) is same


def test_lists_of_another_format_have_another_name(
    archive: swath.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured on them does not count."""
    names = []
    for number in (files.FORMAT, files.FORMAT, files.FORMAT + 1):
        for module in (files, keeping):
            monkeypatch.setattr(module, "FORMAT", number)
        build_lists(open_store(archive.path).gallery(), archive.path, Plan(6), None)
        names.append(lists(archive).name)
    assert names[0] == names[1] != names[2]
