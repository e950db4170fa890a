"""Writers beside writers, readers beside writers, and folders that may only be read."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import swath
from swath import archive
from swath.archive import table
from swath.archive.table import Table
from swath.imagery import Tiling
from tests.archive.world import content, ids, picture, pictures
from tests.tiny import TinyEncoder
from tests.tiny_onnx import build

_REPOSITORY = Path(__file__).parents[2]
_TILING = Tiling(size=32)


def start(code: str, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    """A process that waits for a line, and then runs the code with `Path` arguments in `given`."""
    head = (
        "import sys; from pathlib import Path; from swath import archive\n"
        "from swath.errors import SwathError\n"
        "from tests.archive.world import SlowEncoder\n"
        "given = [Path(one) for one in sys.argv[1:]]; print('ready', flush=True); sys.stdin.readline()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(_REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **more,
    )


def race(*processes: subprocess.Popen[str]) -> list[str]:
    """Let them go at once; what each prints."""
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in processes]


def test_of_two_writers_one_is_told(tmp_path: Path, tiny: TinyEncoder) -> None:
    store = archive.create(tmp_path / "archive", tiny, _TILING)
    folders = [pictures(tmp_path / "one", 12), tmp_path / "two"]
    for index in range(12):
        picture(folders[1] / f"{index}.png", 100 + index)
    code = (
        "try:\n"
        "    archive.open_store(given[0]).add(given[1:], SlowEncoder(0.05), commit_every=0.1)\n"
        "    print('done')\n"
        "except SwathError as error: print(error)\n"
    )
    said = race(*(start(code, store.path, folder) for folder in folders))
    assert "done" in said
    told = [line for line in said if line != "done"]
    assert all("is being written by another process (pid " in line for line in told)
    assert store.verify() == []
    assert store.info().tiles == 12 * said.count("done")
    store.add(folders, tiny)
    whole = archive.create(tmp_path / "whole", tiny, _TILING)
    whole.add(folders, tiny)
    assert content(store).keys() == content(whole).keys()
    assert store.verify() == []


def test_of_two_that_make_an_archive_one_is_told(tmp_path: Path, tiny: TinyEncoder) -> None:
    code = (
        "try: archive.create(given[0], SlowEncoder(0)); print('done')\n"
        "except SwathError as error: print(error)\n"
    )
    said = race(*(start(code, tmp_path / "archive") for _ in range(2)))
    assert said.count("done") == 1
    assert any(words in " ".join(said) for words in ("already", "written by another process"))
    assert archive.open_store(tmp_path / "archive").verify() == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not leased goes as soon as it is replaced."""
    monkeypatch.setattr(table, "_SPARED", timedelta(0))
    monkeypatch.setattr(table, "_CLEAN_EVERY", timedelta(0))


@pytest.mark.usefixtures("impatient")
def test_a_long_verification_keeps_its_version(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = archive.create(tmp_path / "archive", tiny, _TILING)
    store.add([pictures(tmp_path / "in", 12)], tiny)
    scan = Table.scan

    def slow_scan(of: Table, *arguments: Any, **options: Any) -> Any:
        for rows in scan(of, 4):
            monkeypatch.setattr(Table, "scan", scan)
            picture(tmp_path / "in/a/000.png", 1000 + len(ids(store)))
            store.add([tmp_path / "in"], tiny)
            yield rows

    monkeypatch.setattr(Table, "scan", slow_scan)
    assert store.verify() == []
    assert not (store.path / "leases").exists()


@pytest.mark.usefixtures("impatient")
def test_a_long_merge_keeps_what_it_reads(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = archive.create(tmp_path / "archive", tiny, _TILING)
    store.add([pictures(tmp_path / "in", 12)], tiny)
    before = content(store)

    def meddle(done: int, total: int | None, what: str) -> None:
        picture(tmp_path / "in/a/000.png", 1000 + len(ids(store)))
        store.add([tmp_path / "in"], tiny)

    archive.merge(tmp_path / "out", [store.path], meddle)
    assert content(archive.open_store(tmp_path / "out")) == before


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # noqa: PTH101
        yield Path(name)
        subprocess.run(["chmod", "-R", "u+w", name], check=True)


def test_a_folder_that_may_only_be_read_is_searched(shared: Path) -> None:
    """By a user who may not write it (root always may): search, thumbnails, verify, add."""
    encoder = build(shared / "encoder", name="tiny")
    swath.index(pictures(shared / "in", 6), shared / "archive", encoder)
    code = (
        "import os, swath; os.environ['SWATH_HOME'] = '/nowhere'\n"
        "def look():\n"
        "    archive = swath.open(given[0]); hits = archive.search('red', k=3)\n"
        "    assert len(archive._store.thumbnails([hit.tile.id for hit in hits])) == 3\n"
        "    return [(hit.tile.id, hit.raw) for hit in hits], archive.verify()\n"
        # Everything is imported before: another user may not be able to read the libraries.
        "swath.open(given[0]).add(given[1]); before = look()\n"
        "os.system(f'chmod -R a-w,a+rX {given[0]}')\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "assert not os.access(given[0], os.W_OK, effective_ids=True)\n"
        "assert look() == before and before[1] == [], before\n"
        "try: swath.open(given[0]).add(given[1])\n"
        "except SwathError as error: print(error)\n"
    )
    (said,) = race(start(code, shared / "archive", shared / "in"))
    assert "it can be searched, but adding to it needs a folder that may be written to" in said
