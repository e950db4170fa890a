"""What must stay out of a process: whoever imports swath or searches does not pay for the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = ("torch", "numba", "lance", "pyarrow", "rasterio", "faiss", "PIL", "rich", "shapely")


def _imported(code: str, home: Path, watched: tuple[str, ...] = _HEAVY) -> set[str]:
    """Which of the watched modules a new process has after running the code."""
    end = f"\nimport sys\nprint('\\n' + ' '.join(name for name in {watched} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + end],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SWATH_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import swath", "import swath.cli", "import swath; dir(swath)"])
def test_import_brings_nothing(code: str, tmp_path: Path) -> None:
    assert _imported(code, tmp_path, (*_HEAVY, "numpy", "msgspec", "onnxruntime", "tokenizers")) == set()


def test_public_names_need_no_heavy_module(tmp_path: Path) -> None:
    assert _imported("import swath\nfor name in swath.__all__: getattr(swath, name)", tmp_path) == set()


def test_help_brings_click_alone(tmp_path: Path) -> None:
    code = "from swath.cli import main\nassert main(['--help']) == 0"
    assert _imported(code, tmp_path, (*_HEAVY, "numpy", "msgspec")) == set()


def test_search_by_words(town: Path, tiny_home: Path) -> None:
    code = f"import swath\nassert swath.open({str(town / 'town.swath')!r}).search('red')"
    assert _imported(code, tiny_home) == set()


def test_search_by_words_and_filters_on_the_command_line(town: Path, tiny_home: Path) -> None:
    arguments = ["search", str(town / "town.swath"), "red", "--bbox", "10,40,20,50", "--where", "width > 1"]
    code = f"from swath.cli import main\nassert main({arguments}) == 0"
    assert _imported(code, tiny_home) == set()
    assert _imported(code.replace("'--where'", "'--json', '--where'"), tiny_home) == set()


def test_search_by_example_needs_no_model_at_all(town: Path, tiny_home: Path) -> None:
    path = str(town / "town.swath")
    code = f"import swath\na = swath.open({path!r})\nassert a.search(like=a._gallery().tile(0).id)"
    assert _imported(code, tiny_home, (*_HEAVY, "onnxruntime", "tokenizers")) == set()


def test_search_by_picture_brings_pillow_alone(town: Path, tiny_home: Path) -> None:
    picture = str(town / "scenes" / "red.png")
    code = f"import swath\nassert swath.open({str(town / 'town.swath')!r}).search(image={picture!r})"
    assert _imported(code, tiny_home) == {"PIL"}
