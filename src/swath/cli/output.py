"""What commands write: results to stdout, notes to stderr, tables for people or for pipes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from swath.errors import InputError


@contextmanager
def writing() -> Iterator[None]:
    """Raise `InputError` where stdout takes no more (a full disk), and leave a pipe that closed as it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        with suppress(OSError):  # what still waits would be tried again, and fail again, when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InputError(f"cannot write to stdout: {error.strerror}; the result is not complete") from error


def say(line: str = "") -> None:
    """A line of the result."""
    with writing():
        sys.stdout.write(f"{line}\n")


def note(line: str) -> None:
    """A line beside the result."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  this is the command line


def say_json(document: Mapping[str, Any]) -> None:
    """A document, in ASCII: it survives every terminal and every odd file name."""
    say(json.dumps(document, indent=2, allow_nan=False))


def say_json_line(document: Mapping[str, Any]) -> None:
    """One of many documents, in ASCII, on a line of its own."""
    say(json.dumps(document, allow_nan=False))


def is_all_said(document: str, file: Path | None) -> bool:
    """Write what `--json FILE` asks for. True where it went to stdout (`-`), which then takes nothing else.

    Raises `InputError` where the file cannot be written.
    """
    if file is None:
        return False
    text = document.rstrip("\n")
    if str(file) == "-":
        say(text)
        return True
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the result to {file}: {error.strerror}") from error
    return False


def say_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    wrap: Sequence[str] = ("source",),
) -> None:
    """A table: by rich on a terminal, else aligned text.

    `right` names the columns of numbers, `wrap` those that give way on a narrow terminal.
    """
    if sys.stdout.isatty():
        _rich_table(header, rows, right, wrap)
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, header, strict=True)
        ]
        say("  ".join(cells).rstrip())


def _rich_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], wrap: Sequence[str]
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name in header:
        number = name in right
        table.add_column(
            name, justify="right" if number else "left", no_wrap=name not in wrap, overflow="fold"
        )
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def say_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Names and what is to be said of them."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        say(f"{name:{width}}  {value}")


def count(number: int, noun: str) -> str:
    """So many of something."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
