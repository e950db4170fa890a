"""What a bug report needs: versions, machine, encoders, and how an archive does."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath.errors import InputError, SwathError
from swath.imagery import shown

if TYPE_CHECKING:
    from swath.archive import Store

_PACKAGES = (
    *("numpy", "onnxruntime", "tokenizers", "pylance", "pyarrow", "rasterio", "pillow", "msgspec", "click"),
    *("rich", "pyyaml", "numba", "torch"),
)
_VARIABLES = (
    *("SWATH_HOME", "SWATH_DEBUG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("NO_COLOR", "LANG", "LC_ALL"),
)
_FEATURES = ("sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd", "sve")


def examine(archive: Path | None = None) -> dict[str, Any]:
    """A description of plain values: `swath`, `python`, `platform`, `processor`, `threads`, `packages`,
    `runtime`, `environment`, `encoders`, `archive` (None without one) and `problems`, a list of sentences.
    """
    problems: list[str] = []
    installed = encoders()
    problems += [f"encoder {one['name']}: {one['problem']}" for one in installed if one["problem"]]
    return {
        "swath": version("swath"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": {"cores": os.cpu_count(), "usable": len(os.sched_getaffinity(0))},
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "runtime": _runtime(problems),
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "encoders": installed,
        "archive": None if archive is None else _archive(archive, problems),
        "problems": problems,
    }


def encoders(place: Path | None = None) -> list[dict[str, Any]]:
    """The installed encoders, or those in a folder: name, kind, folder, dim, revision, bytes, terms,
    description, figures, and problem (empty: the files are those of the card).

    Raises `InputError` where there is no such folder.
    """
    from swath.encoders import held_by, installed, load

    if place is not None and not place.is_dir():
        raise InputError(f"there is no folder {shown(place)}: name one with encoders, or leave it out")

    found = []
    for name, folder in sorted((installed() if place is None else held_by(place)).items()):
        about: dict[str, Any] = {
            "name": name,
            "folder": str(folder),
            "kind": "",
            "bytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
            "dim": None,
            "revision": "",
            "terms": "",
            "description": "",
            "figures": {},
            "problem": "",
        }
        try:
            encoder = load(folder)
            about |= {
                "kind": encoder.card.kind,
                "dim": encoder.dim,
                "revision": encoder.revision,
                "terms": " ".join(encoder.card.terms.split()),
                "description": " ".join(encoder.card.description.split()),
                "figures": encoder.card.figures,
            }
            changed = encoder.verify()
            if changed:
                about["problem"] = (
                    f"{', '.join(changed)} is not the file that its card names: install it again"
                )
        except (SwathError, OSError) as error:
            about["problem"] = str(error)
        found.append(about)
    return found


def _archive(path: Path, problems: list[str]) -> dict[str, Any] | None:
    from swath.archive import open_store

    try:
        store = open_store(path)
        info = store.info()
        wrong = store.verify(quick=True)
    except SwathError as error:
        problems.append(str(error))
        return None
    problems += [f"{path}: {problem}" for problem in wrong]
    problems += _copy(store)
    roots = list(info.roots)
    problems += [f"{path}: its root {root} is not there" for root in roots if not os.path.isdir(root)]  # noqa: PTH112
    return {
        "path": str(path),
        "format": info.format,
        "software": info.software,
        "committed": info.committed.isoformat(),
        "tiles": info.tiles,
        "files": info.files,
        "incomplete": info.incomplete,
        "signals": [f"{name} {shape}" for name, shape in info.signals.items()],
        "encoder": f"{info.encoder.name}, revision {info.encoder.revision}",
        "roots": roots,
        "bytes": info.bytes_on_disk,
        "writable": os.access(path, os.W_OK),
    }


def _copy(store: Store) -> list[str]:
    """What is wrong with the encoder in an archive; one without a copy of it is fine."""
    from swath.encoders import load

    folder = store.path / "encoder" / store.encoder_revision
    if not folder.is_dir():
        return []
    try:
        return [
            f"{folder / name} is not the file that its card names: put back a copy of the encoder's folder"
            for name in load(folder).verify()
        ]
    except (SwathError, OSError) as error:
        return [str(error)]


def _runtime(problems: list[str]) -> dict[str, Any]:
    """What computes and decodes: kernels of searches, providers of encoders, GDAL."""
    import numpy as np

    configuration: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
    blas = configuration.get("Build Dependencies", {}).get("blas", {})
    found: dict[str, Any] = {
        "kernels": ["numpy", *(["numba"] if _version("numba") else [])],
        "blas": " ".join(str(blas.get(key, "")) for key in ("name", "version")).strip() or "unknown",
    }
    try:
        import onnxruntime

        found["providers"] = onnxruntime.get_available_providers()
    except ImportError as error:
        problems.append(f"onnxruntime cannot be imported ({error}): install it again")
        found["providers"] = []
    try:
        import rasterio

        found["gdal"] = rasterio.__gdal_version__
    except ImportError as error:
        problems.append(f"rasterio cannot be imported ({error}): install it again")
        found["gdal"] = ""
    return found


def _processor() -> dict[str, Any]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "name": facts.get("model name") or platform.processor() or platform.machine(),
        "features": [feature for feature in _FEATURES if feature in flags],
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
