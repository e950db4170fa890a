"""Options that every command has, and how arguments are read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])
Callback: TypeAlias = Callable[[click.Context, click.Parameter, str | None], tuple[float, ...] | None]


_MOST_THREADS = 1024
"""More than any machine has processors: a slip of the finger, which would start them all."""


class _Path(click.Path):
    """Paths as they are written; what is there is for the library to say: its messages tell what to do."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what `pathlib` would take for another path than was meant."""
        if value == "":
            self.fail("a path is empty: perhaps a variable of the shell is not set", param, ctx)
        if isinstance(value, str) and re.match(r"[a-z][a-z0-9+.-]+://", value):
            self.fail(f"{value} is an address, not a path: download the file first", param, ctx)
        return super().convert(value, param, ctx)


class _Source(_Path):
    """Paths, and addresses of what is read where it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Leave addresses as they are: as paths they would lose a slash."""
        if isinstance(value, str) and re.match(r"(https?|s3|gs)://[^/]", value, re.IGNORECASE):
            return value
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)
SOURCE = _Source(path_type=Path)


@dataclass(slots=True)
class Settings:
    """What --threads and --quiet say; commands get it by `click.pass_obj`."""

    threads: int | None = None
    quiet: bool = False


def common(command: Function) -> Function:
    """Give a command --threads, --device, --quiet and --version."""
    options = (
        click.option(
            "--threads",
            type=click.IntRange(1, _MOST_THREADS),
            callback=_limit_threads,
            expose_value=False,
            metavar="N",
            help="Threads to use at most (default: all processors).",
        ),
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            callback=_be_quiet,
            expose_value=False,
            help="No progress and no notes; results and errors only.",
        ),
        click.option(
            "--device",
            callback=_choose_device,
            expose_value=False,
            metavar="D",
            help="Where encoders compute: auto (default), cpu, cuda, rocm, openvino or coreml.",
        ),
        click.version_option(package_name="swath", message="swath %(version)s"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _limit_threads(ctx: click.Context, _option: click.Parameter, threads: int | None) -> None:
    ctx.ensure_object(Settings).threads = threads
    if threads is not None:
        # Read by the libraries below NumPy and torch when they are imported, which has not happened yet.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(min(threads, len(os.sched_getaffinity(0))))


def _choose_device(_ctx: click.Context, _option: click.Parameter, device: str | None) -> None:
    if device is not None:
        # Read where an encoder is opened; an option of every call on the way there would say no more.
        os.environ["SWATH_DEVICE"] = device


def _be_quiet(ctx: click.Context, _option: click.Parameter, quiet: bool) -> None:
    ctx.ensure_object(Settings).quiet = quiet


def numbers(kind: type[int] | type[float], count: int | None = None) -> Callback:
    """A callback that reads numbers with commas between them, as many as `count` says."""

    def read(ctx: click.Context, option: click.Parameter, value: str | None) -> tuple[float, ...] | None:
        if value is None:
            return None
        try:
            found = tuple(kind(part) for part in value.split(","))
        except ValueError:
            found = ()
        if not found or len(found) != (count or len(found)):
            what = f"{count or ''} {'whole numbers' if kind is int else 'numbers'}".lstrip()
            raise click.BadParameter(f"'{value}' is not {what} with commas between them", ctx, option)
        return found

    return read
