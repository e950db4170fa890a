"""A moving average of the weights while they are trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of parameters (Polyak and Juditsky 1992).

    The decay rises to its value over the first steps, so that the average forgets the random start.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self._parameters, self._decay = parameters, decay
        self._steps = 0
        self._values = [p.detach().clone() for p in parameters]

    def update(self) -> None:
        """Move towards the parameters as they are now."""
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        with torch.no_grad():
            for value, parameter in zip(self._values, self._parameters, strict=True):
                value.lerp_(parameter, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters have the averaged values."""
        kept = [p.detach().clone() for p in self._parameters]
        self.apply()
        try:
            yield
        finally:
            _set(self._parameters, kept)

    def apply(self) -> None:
        """Give the parameters the averaged values."""
        _set(self._parameters, self._values)

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"steps": self._steps, "values": self._values}

    def load(self, state: dict[str, object]) -> None:
        """Take up a state that `state` gave."""
        steps, values = state["steps"], state["values"]
        assert isinstance(steps, int) and isinstance(values, list)
        self._steps = steps
        _set(self._values, values)


def _set(places: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for place, value in zip(places, values, strict=True):
            place.copy_(value)
