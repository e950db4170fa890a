"""What a figure was made with, and where its time went."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

_PACKAGES = ("numpy", "onnxruntime", "tokenizers", "pillow", "rasterio")


def swath_version() -> str:
    """Version of the installed package."""
    return version("swath")


def environment() -> dict[str, str]:
    """Versions of what the figures depend on, the platform and the processor, to be kept in a result."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    cores = os.cpu_count()
    return found | {"platform": platform.platform(), "processor": _processor(), "cores": str(cores)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


class Stopwatch:
    """Seconds by part; a part may be entered many times."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time of the block to `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start
