"""`swath serve`: a map and an interface for programs, over HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import count, note
from swath.errors import InputError


@click.command("serve", short_help="Search archives in a browser, and by programs over HTTP.")
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="ARCHIVE...")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8766,
    show_default=True,
    metavar="P",
    help="0: any free one.",
)
@click.option(
    "--token",
    envvar="SWATH_TOKEN",
    metavar="T",
    help="What clients must know; needed where others can reach the host. Better given in SWATH_TOKEN.",
)
@click.option("--log", is_flag=True, help="Write a line for every request.")
@common
@click.pass_obj
def serve_command(
    settings: Settings, paths: tuple[Path, ...], host: str, port: int, token: str | None, log: bool
) -> None:
    """Answer searches of ARCHIVE by HTTP, and show them on a map, until Ctrl-C.

    \b
      swath serve world.swath
      SWATH_TOKEN=... swath serve north.swath south.swath --host 0.0.0.0

    Nothing is changed, and what others add meanwhile is found. docs/serve.md describes page and routes.
    """
    try:
        from swath.serving import http
    except ModuleNotFoundError as error:
        raise InputError(
            f"`swath serve` needs {error.name}, which is not installed: pip install 'swath[serve]'"
        ) from error
    from swath import api, many

    if token is not None and len(token) < _LEAST:
        raise InputError(f"a token of {len(token)} characters can be guessed: give at least {_LEAST}")
    if token is None and not http.is_loopback(host):
        raise InputError(
            f"others can reach {host}: give a token that they must know, in SWATH_TOKEN or by --token"
        )
    archives = [api.open(path, threads=settings.threads) for path in paths]
    searched = archives[0] if len(archives) == 1 else many.open_many(paths, threads=settings.threads)
    service = http.Service(searched, archives, http.Limits())
    service.warm()
    listening = http.bind(host, port)
    if not settings.quiet:
        tiles = sum(len(archive) for archive in archives)
        shown = f"[{host}]" if ":" in host else host
        note(f"{count(tiles, 'tile')} at http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C ends)")
    http.run(service, listening, host, token, log=log)


_LEAST = 12
"""Characters of a token."""
