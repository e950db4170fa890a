"""Where an encoder computes: on the processor, or on a GPU where one is installed, in batches that fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from swath.errors import InputError

VARIABLE = "SWATH_DEVICE"
"""Environment variable that names the device where no caller does; `--device` sets it."""

CPU = "cpu"
AUTO = "auto"
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Devices beside the processor, by preference, and what ONNX Runtime calls them."""

CPU_BATCH = 16
GPU_BATCH = 256
"""Images in one call to begin with; halved for as long as memory does not hold them."""


def wanted(device: str | None = None) -> str:
    """The device that was asked for: the argument, the environment variable, or `auto`.

    Raises `InputError` where there is no such device.
    """
    name = device or os.environ.get(VARIABLE) or AUTO
    known = (AUTO, CPU, *PROVIDERS)
    if name not in known:
        raise InputError(f"there is no device {name!r}: {', '.join(known)}")
    return name


def onnx_providers(device: str, available: Sequence[str]) -> list[str]:
    """Providers for ONNX Runtime, the first first; the processor is always the last resort.

    `auto` takes the best of the installed runtime. Raises `InputError` where the runtime lacks a device that
    was named: quietly slow is worse than an error.
    """
    if device == CPU:
        return ["CPUExecutionProvider"]
    if device != AUTO and PROVIDERS[device] not in available:
        raise InputError(
            f"the installed ONNX Runtime has no {device} (it has {', '.join(available)}): install its build "
            "for that device, or take the device cpu"
        )
    names = [PROVIDERS[device]] if device != AUTO else [p for p in PROVIDERS.values() if p in available][:1]
    return [*names, "CPUExecutionProvider"]


def torch_device(device: str, has_cuda: bool) -> str:
    """The device for torch, `cpu` or `cuda` (which is also what its ROCm build answers to).

    Raises `InputError` where torch does not have it.
    """
    if device in (AUTO, CPU):
        return "cuda" if has_cuda and device == AUTO else CPU
    if device not in ("cuda", "rocm") or not has_cuda:
        raise InputError(f"the installed torch has no {device}: install its build for it, or take cpu")
    return "cuda"


class Batches:
    """Cuts work into batches, and halves them from then on when memory runs out."""

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, count: int, step: Callable[[slice], None]) -> None:
        """Call `step` with slices that cover 0 to `count`, in order; what is not about memory is raised."""
        start = 0
        while start < count:
            part = slice(start, min(start + self.size, count))
            try:
                step(part)
            except Exception as error:
                if part.stop - start == 1 or not is_out_of_memory(error):
                    raise
                self.size = max(1, (part.stop - start) // 2)
                continue
            start = part.stop


def is_out_of_memory(error: Exception) -> bool:
    """Whether a runtime says that memory does not hold what it was given.

    ONNX Runtime and torch have no common exception for it, and the former has none of its own.
    """
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in words for sign in ("out of memory", "failed to allocate memory", "bad_alloc")
    )
