"""`index` and its kin with catalogues and addresses, and how what is skipped is told."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.imagery.stac import towns


def test_on_the_command_line(run: Run) -> None:
    towns(Path("in"))
    ended = run("index", "in/c.json", "--archive", "a", "--tile-size", 32, "--asset", "visual")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0].startswith("2 files: 24 tiles added in ")
    found = json.loads(run("search", "a", "red", "--where", "eo_cloud_cover = 10", "-k", 50, "--json").out)[
        "hits"
    ]
    assert len(found) == 12
    assert {hit["attributes"]["item"] for hit in found} == {"b"}
    ended = run("add", "a", "in/c.json", "--asset", "nir")
    assert ended.code == 1
    assert "skipped in/a/a.json: has no asset nir; it has visual (visual)" in ended.err.replace(
        f"{Path.cwd()}/", ""
    )
    assert run("remove", "a", "--where", "item = a").out.startswith("1 file, 12 tiles removed")
    assert run("remove", "a", "https://x.org/a").code == 2
    assert "index it at its new address" in run("relocate", "a", "https://x.org/a", "in").err


def test_many_skipped_files_are_grouped_by_their_reason(run: Run, scenes: Path) -> None:
    for number in range(25):
        (scenes / f"bad{number:02}.png").write_bytes(b"no picture")
    (scenes / "page.png").write_bytes(b"<html>")
    ended = run("index", scenes, "--archive", "a")
    lines = [line.replace(f"{scenes.absolute()}/", "") for line in ended.err.splitlines()]
    assert len(lines) == 3
    assert lines[0].startswith("skipped bad00.png, bad01.png, bad02.png and 22 more: is no picture")
    assert lines[1].startswith("skipped page.png: is an HTML page")
    assert lines[2] == "26 files skipped"
