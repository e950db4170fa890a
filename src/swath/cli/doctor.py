"""`swath doctor`, `encoders`: what is installed, and whether it is sound."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, common
from swath.cli.output import note, say_facts, say_json, say_table, size


@click.command("doctor", short_help="Describe this installation, and an archive, for bug reports.")
@click.argument("path", type=PATH, metavar="[ARCHIVE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
def doctor_command(path: Path | None, as_json: bool) -> int:
    """Describe versions, processor, threads and encoders, and the health of ARCHIVE, for a bug report.

    Exit code 1: something is not as it should be. Files of the archive are looked at by their sizes; `swath
    verify` reads every byte.
    """
    from swath.serving import examine

    found = examine(path)
    if as_json:
        say_json(found)
    else:
        say_facts(_facts(found))
    for problem in found["problems"]:
        note(f"swath: problem: {problem}")
    return 1 if found["problems"] else 0


@click.command("encoders", short_help="List the installed encoders.")
@click.argument("place", type=PATH, metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
@common
def encoders_command(place: Path | None, as_json: bool) -> int:
    """List the encoders that can be used by name, those of the package and of the user, or those in DIR."""
    from swath.serving import encoders

    found = encoders(place)
    if as_json:
        say_json({"encoders": found})
    elif found:
        rows = [
            [
                one["name"],
                one["kind"],
                str(one["dim"] or ""),
                size(one["bytes"]),
                one["terms"],
                one["description"] or one["problem"],
            ]
            for one in found
        ]
        say_table(("name", "kind", "dim", "size", "terms", "description"), rows, right=("dim", "size"))
    else:
        note("no encoder is installed" if place is None else f"no encoder is in {place}")
    return 1 if any(one["problem"] for one in found) else 0


def _facts(found: dict[str, object]) -> list[tuple[str, str]]:
    facts = []
    for name, value in found.items():
        if isinstance(value, dict):
            facts += [(f"{name} {key}", _text(one)) for key, one in value.items()]
        elif name == "encoders" and isinstance(value, list):
            facts += [("encoder", _encoder(one)) for one in value]
        elif name != "problems":
            facts.append((name, _text(value)))
    return facts


def _encoder(one: dict[str, object]) -> str:
    return (
        f"{one['name']}, revision {str(one['revision'])[:12]}, {one['problem'] or 'sound'}, {one['folder']}"
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
