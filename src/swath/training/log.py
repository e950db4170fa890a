"""What a run says about itself while it trains: `log.csv`, and TensorBoard where that is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

Line: TypeAlias = dict[str, float | int]
"""Figures of one epoch by name: `epoch`, `seconds`, `items_per_second`, losses, `validation ...`."""


def write_log(folder: Path, lines: Sequence[Line]) -> None:
    """Write `log.csv` anew, one row an epoch, with a column for whatever any epoch has.

    Rewriting keeps a resumed run free of epochs told twice, and columns in line.
    """
    columns = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    temporary = folder / "log.tmp"
    temporary.write_text(text.getvalue())
    temporary.replace(folder / "log.csv")


def write_events(folder: Path, line: Line) -> None:
    """One epoch for TensorBoard, below `folder/tensorboard`; nothing where tensorboard is not installed."""
    if find_spec("tensorboard") is None:
        return
    from torch.utils.tensorboard import SummaryWriter

    epoch = int(line["epoch"])
    with SummaryWriter(str(folder / "tensorboard"), purge_step=epoch) as writer:
        for name, value in line.items():
            if name != "epoch":
                writer.add_scalar(name, value, epoch)
