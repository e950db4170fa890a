"""`swath completion`: the lines that teach a shell to complete commands and options."""

from __future__ import annotations

import click

from swath.cli.options import common
from swath.cli.output import say

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the lines that make a shell complete swath's words.")
@click.argument("shell", type=click.Choice(SHELLS))
@common
def completion_command(shell: str) -> None:
    """Print a script for SHELL: bash, zsh or fish.

    \b
      swath completion bash > ~/.local/share/bash-completion/completions/swath
      swath completion zsh > "${fpath[1]}/_swath"
      swath completion fish > ~/.config/fish/completions/swath.fish

    Or, for the running shell alone: eval "$(swath completion bash)".
    """
    from click.shell_completion import get_completion_class

    from swath.cli.app import app

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    say(kind(app, {}, "swath", "_SWATH_COMPLETE").source().rstrip("\n"))
