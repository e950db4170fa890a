"""Which kernels run: NumPy's, or compiled ones from when a long-lived process asks for them.

Compiled code gives the same answers, sooner. A single search is better off without importing a compiler.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

_module: ModuleType | None = None


def compile_kernels() -> bool:
    """Use compiled code from now on; False where numba (the extra `fast`) is not installed."""
    global _module
    if _module is None and find_spec("numba") is not None:
        from swath.search.kernels import compiled

        compiled.warm()
        _module = compiled
    return _module is not None


def module() -> ModuleType | None:
    """`swath.search.kernels.compiled`; None where nobody asked for it."""
    return _module


def name(otherwise: str) -> str:
    """Of what runs."""
    return otherwise if _module is None else "numba"
