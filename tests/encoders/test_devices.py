"""Devices are chosen by option and by what is installed, and batches shrink to memory. No GPU is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swath.encoders import OnnxEncoder, devices
from swath.encoders.devices import Batches, is_out_of_memory, onnx_providers, torch_device, wanted
from swath.errors import InputError
from tests.tiny_onnx import build

_CPU = "CPUExecutionProvider"


def test_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    assert wanted() == "auto"
    monkeypatch.setenv(devices.VARIABLE, "cpu")
    assert wanted() == "cpu" and wanted("cuda") == "cuda"
    with pytest.raises(InputError, match="no device 'gpu': auto, cpu, cuda"):
        wanted("gpu")


def test_providers_of_the_installed_runtime() -> None:
    with_cuda = ["TensorrtExecutionProvider", "CUDAExecutionProvider", _CPU]
    assert onnx_providers("auto", [_CPU]) == [_CPU]
    assert onnx_providers("auto", with_cuda) == ["CUDAExecutionProvider", _CPU]
    assert onnx_providers("cpu", with_cuda) == [_CPU]
    with pytest.raises(InputError, match="has no cuda"):
        onnx_providers("cuda", [_CPU])


def test_devices_of_torch() -> None:
    assert torch_device("auto", False) == torch_device("cpu", True) == "cpu"
    assert torch_device("auto", True) == torch_device("cuda", True) == torch_device("rocm", True) == "cuda"
    for device, has_cuda in (("cuda", False), ("coreml", True)):
        with pytest.raises(InputError, match=f"no {device}"):
            torch_device(device, has_cuda)


def test_batches_halve_until_they_fit_and_stay_so() -> None:
    seen: list[tuple[int, int]] = []

    def step(part: slice) -> None:
        if part.stop - part.start > 5:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        seen.append((part.start, part.stop))

    batches = Batches(16)
    batches.run(18, step)
    assert seen == [(0, 4), (4, 8), (8, 12), (12, 16), (16, 18)] and batches.size == 4


def test_other_errors_and_a_single_row_that_does_not_fit_are_raised() -> None:
    def broken(_part: slice) -> None:
        raise RuntimeError("shape mismatch")

    def full(_part: slice) -> None:
        raise MemoryError

    with pytest.raises(RuntimeError, match="shape"):
        Batches(8).run(8, broken)
    with pytest.raises(MemoryError):
        Batches(8).run(8, full)
    assert is_out_of_memory(RuntimeError("BFCArena: Failed to allocate memory for requested buffer"))


class FakeGpu:
    """Stands for a session on a GPU with memory for three pictures at a time."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.sizes: list[int] = []

    def run(self, names: None, inputs: dict[str, Any]) -> Any:
        self.sizes.append(len(inputs["pixels"]))
        if self.sizes[-1] > 3:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 9")
        return self._real.run(names, inputs)


def test_an_encoder_on_a_gpu_gives_the_same_vectors_in_smaller_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    folder = build(tmp_path / "tiny")
    batch = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)
    expected = OnnxEncoder(folder, device="cpu").encode_images(batch).embedding
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", _CPU])
    real = onnxruntime.InferenceSession(folder / "image.onnx", providers=[_CPU])
    fake = FakeGpu(real)
    asked: list[list[str]] = []

    def opened(_path: Path, _options: Any, providers: list[str]) -> FakeGpu:
        asked.append(providers)
        return fake

    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    found = OnnxEncoder(folder).encode_images(batch).embedding
    assert asked == [["CUDAExecutionProvider", _CPU]]
    assert fake.sizes == [7, 3, 3, 1] and np.array_equal(found, expected)
