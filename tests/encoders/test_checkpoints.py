"""Checkpoints are read without running what is in them; what cannot be read is told in a sentence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from swath.encoders.checkpoints import misfit, read_state  # noqa: E402
from swath.errors import EncoderError  # noqa: E402

WEIGHTS = {"visual.proj": torch.ones(4, 3), "text_projection": torch.zeros(5, 3)}


def _save(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def test_the_forms_in_which_checkpoints_are_published(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    training = {"epoch": 2, "state_dict": {f"module.{key}": value for key, value in WEIGHTS.items()}}
    for file in (
        _save(tmp_path / "w.pt", WEIGHTS),
        _save(tmp_path / "t.pt", training),
        tmp_path / "w.safetensors",
    ):
        state = read_state(file)
        assert state.keys() == WEIGHTS.keys() and torch.equal(state["visual.proj"], WEIGHTS["visual.proj"])


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 5, -20])
def test_a_truncated_file_is_told(tmp_path: Path, suffix: str, keep: int) -> None:
    file = tmp_path / f"w{suffix}"
    if suffix == ".pt":
        _save(file, WEIGHTS)
    else:
        save_file(WEIGHTS, file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(EncoderError, match="cut off, damaged or no checkpoint") as error:
        read_state(file)
    assert "\n" not in str(error.value)


def test_pickles_that_hold_more_than_weights_are_not_run(tmp_path: Path) -> None:
    file = _save(tmp_path / "w.pt", {"state_dict": WEIGHTS, "args": SimpleNamespace(lr=1)})
    with pytest.raises(EncoderError, match="holds more than weights"):
        read_state(file)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
def test_torchscript_is_told_apart(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "w.pt")
    with pytest.raises(EncoderError, match="TorchScript program, not weights"):
        read_state(tmp_path / "w.pt")


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="there is no file"):
        read_state(tmp_path / "none.pt")
    with pytest.raises(EncoderError, match="holds no weights by name"):
        read_state(_save(tmp_path / "list.pt", [torch.ones(2)]))


def test_the_first_tensor_that_does_not_fit_is_named() -> None:
    wanted = {"visual.proj": torch.ones(8, 3), "positional_embedding": torch.ones(77, 4)}
    assert misfit(WEIGHTS, wanted) == "visual.proj is (4, 3) in the file and (8, 3) in the architecture"
    assert "none of its tensors" in misfit({"a": torch.ones(1)}, wanted)
    longer = {"visual.proj": torch.ones(8, 3), "positional_embedding": torch.ones(99, 4)}
    assert misfit(longer, wanted) == ""
