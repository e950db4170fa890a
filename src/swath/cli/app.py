"""`swath`: the commands, found when they are asked for, and how they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from swath.cli.output import writing
from swath.errors import SwathError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; docs/cli.md lists them."""

COMMANDS = {
    "index": ("archives", "Index imagery into an archive, new or begun."),
    "add": ("archives", "Index more imagery into an archive."),
    "import": ("importing", "Bring a table of embeddings into an archive."),
    "search": ("search", "Find tiles by words, pictures and tiles."),
    "serve": ("serve", "Search archives in a browser, and by programs over HTTP."),
    "show": ("tiles", "Show what is known of a tile, and cut it out of its file."),
    "remove": ("tiles", "Take files or tiles out of an archive."),
    "locate": ("locate", "Find where in a scene the words are."),
    "chips": ("chips", "Cut hits out of the original scenes."),
    "stac": ("stac", "Describe an archive as a STAC catalogue."),
    "dump": ("dump", "Write all tiles of an archive as GeoParquet."),
    "relocate": ("tiles", "Tell an archive where its files went."),
    "merge": ("merge", "Bring archives together that were made apart."),
    "reencode": ("reencode", "Change the encoder of an archive."),
    "upgrade": ("upgrade", "Bring an archive of an older format forward."),
    "info": ("archives", "Show what an archive holds and which encoder made it."),
    "verify": ("archives", "Check every byte and every tile of an archive."),
    "tune": ("tune", "Measure how much faster searches find, and choose one."),
    "eval": ("evaluate", "Measure retrieval on a captioned data set."),
    "leaks": ("leaks", "Find captions and pictures that data sets or splits share."),
    "union": ("leaks", "Make one training split of several data sets."),
    "leaderboard": ("leaderboard", "Show what was published on a data set."),
    "compare": ("compare", "Show result files side by side, with tests of significance."),
    "judge": ("compare", "Judge a TREC run by a qrels file."),
    "calibrate": ("calibrate", "Fit probabilities to the scores of an encoder."),
    "bench": ("bench", "Measure what a search costs."),
    "train": ("train", "Train an encoder by a recipe."),
    "export": ("export", "Turn a training run, or an open_clip model, into an encoder folder."),
    "fetch": ("train", "Bring the pinned files that training starts from."),
    "sample": ("sample", "Render a small georeferenced world to try things on."),
    "adapt": ("adapt", "Fit an encoder's words to captions or labels of your own."),
    "encoder": ("encoder", "Check an encoder, or let another one answer for an archive."),
    "encoders": ("doctor", "List the installed encoders."),
    "doctor": ("doctor", "Describe this installation, and an archive, for bug reports."),
    "completion": ("completion", "Print the lines that make a shell complete swath's words."),
}
"""Name to the module that holds `NAME_command`, and its line in the help, which must not import it."""


class Commands(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Names, in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(  # click's signature
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"swath.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command and write all of its output, while click still looks after a pipe that was closed."""
        result = super().invoke(ctx)
        with writing():
            sys.stdout.flush()
        return result


@click.group(cls=Commands, invoke_without_command=True, context_settings={"max_content_width": 100})
@click.version_option(package_name="swath", message="%(prog)s %(version)s")
@click.pass_context
def app(ctx: click.Context) -> None:
    """Find places in overhead imagery by words and by example.

    \b
      swath sample world
      swath index world --archive world.swath
      swath search world.swath "boats in a harbour" --sheet boats.html

    Queries are English. Every command has --help, --version, --quiet and --threads.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> int:
    """Run `swath` with `args` (None: those of the process) and give its exit code."""
    # Closed by the shell (>&-): what would be written there is for nobody.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what the terminal's encoding does not.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app.main(None if args is None else list(args), "swath", standalone_mode=False)
    except SystemExit:
        # Click ends like this after completing words for a shell, and when a pipe was closed: whoever closed
        # it has read enough, which is no reason to fail.
        return OK
    except click.UsageError as error:
        see = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _fail(f"{error.format_message().rstrip('.')}{see}", USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted; what was committed is kept, and the same command continues", INTERRUPTED)
    except SwathError as error:
        if os.environ.get("SWATH_DEBUG"):
            raise
        return _fail(str(error), error.exit_code)
    except OSError as error:
        if os.environ.get("SWATH_DEBUG"):
            raise
        where = f"{_place(error)}: " if _place(error) else ""
        why = error.strerror or str(error) or type(error).__name__
        return _fail(f"{where}{why} (the system's answer; SWATH_DEBUG=1 shows to what)", FAILED)
    except Exception as error:
        if os.environ.get("SWATH_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"unexpected {what} (SWATH_DEBUG=1 shows where; please report it)", FAILED)
    return code if isinstance(code, int) else OK


def _place(error: OSError) -> str:
    """What the system's answer was about; empty where it does not say."""
    if isinstance(error.filename, str | bytes):
        return os.fsdecode(error.filename)
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return "the working directory, which was removed (change to another one)"
    return ""


def _fail(message: str, code: int) -> int:
    print(f"swath: error: {message}", file=sys.stderr)  # noqa: T201  this is the command line
    return code
