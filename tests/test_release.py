"""`scripts/release` refuses what is no release, before it builds anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean checkout of the files that matter, and a build that is not made."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(_ROOT / "scripts" / "release", tmp_path / "scripts")
    (tmp_path / "scripts" / "build").write_text("#!/bin/sh\necho building; exit 9\n")
    (tmp_path / "scripts" / "build").chmod(0o755)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.2.3 (2026-01-31)\n\nNew.\n\n## 1.2.2 (2025-01-31)\n"
    )
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *name, "commit", "-qm", "x"], cwd=tmp_path, check=True)
    return tmp_path


def release(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["scripts/release", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_a_clean_and_dated_checkout_is_built(checkout: Path) -> None:
    assert release(checkout, "python3").stdout == "building\n"


def test_without_a_date_nothing_is_built(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3 (unreleased)\n")
    done = release(checkout, "python3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a release has '## 1.2.3 (YYYY-MM-DD)'" in done.stderr
    assert release(checkout, "--trial", "python3").stdout == "building\n"


def test_with_changes_nothing_is_built(checkout: Path) -> None:
    (checkout / "new.py").touch()
    done = release(checkout, "python3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the checkout has changes" in done.stderr


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    version = next(
        line for line in (_ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version")
    )
    heading = next(
        line for line in (_ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")
    )
    assert heading.split()[1] == version.split('"')[1]
