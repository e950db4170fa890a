"""Help, usage, errors, exit codes, interruptions: what all commands share."""

from __future__ import annotations

import importlib.abc
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from swath.cli import main
from swath.cli.app import COMMANDS, app
from swath.errors import ArchiveError, FetchError, SwathError
from tests.cli.conftest import Run, as_program, start

_ROOT = Path(__file__).parents[2]
PROGRAM = "import sys\nfrom swath.cli import main\nsys.argv = ['swath']\nsys.exit(main())"


def _command(name: str) -> click.Command:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    return command


def _leaves(name: str) -> dict[str, click.Command]:
    """A command, or those of a group, by what is typed."""
    command = _command(name)
    parts = command.commands if isinstance(command, click.Group) else {}
    return {f"{name} {part}": one for part, one in parts.items()} or {name: command}


def _flags(name: str) -> list[str]:
    params = [param for command in _leaves(name).values() for param in command.params]
    return [flag for param in params for flag in param.opts if flag.startswith("-")]


def test_help_lists_every_command(run: Run) -> None:
    for ended in (run(), run("--help")):
        assert ended.code == 0
        for name, (_, line) in COMMANDS.items():
            assert re.search(rf"^  {name} ", ended.out, re.M)
            assert f"{name} {line}" in " ".join(ended.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command(name: str, run: Run) -> None:
    command = _command(name)
    assert (command.name, command.short_help) == (name, COMMANDS[name][1])
    assert run(name, "--help").out.startswith(f"Usage: swath {name}")
    for typed, one in _leaves(name).items():
        assert {"--threads", "--quiet", "--version"} <= {flag for param in one.params for flag in param.opts}
        ended = run(*typed.split(), "--help")
        assert ended.code == 0
        assert ended.out.startswith(f"Usage: swath {typed}")
        assert re.fullmatch(r"swath \d+\.\d+\S*\n", run(*typed.split(), "--version").out)


@pytest.mark.parametrize("name", COMMANDS)
def test_manual_names_every_option(name: str) -> None:
    manual = (_ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"swath {name}" in manual
    for flag in _flags(name):
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", manual), f"{flag} of {name}"


def test_version(run: Run) -> None:
    assert re.fullmatch(r"swath \d+\.\d+\S*\n", run("--version").out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serach"], "No such command 'serach'"),
        (["search"], "Missing argument 'ARCHIVE' (see swath search --help)"),
        (["search", "a", "b", "c"], "unexpected extra argument"),
        (["search", "a", "x", "--colour", "red"], "No such option"),
        (["search", "a", "x", "-k", "many"], "'many' is not a valid integer"),
        (["search", "a", "x", "--bbox", "1,2,3"], "'1,2,3' is not 4 numbers with commas"),
        (["search", "a", "x", "--bbox", "1,2,3,north"], "is not 4 numbers"),
        (["search", "a", "x", "--threads", "9999"], "9999 is not in the range 1<=x<=1024"),
        (["search", "a", "x", "--threads", "0"], "0 is not in the range 1<=x<=1024"),
        (["index", "a", "--archive", "b", "--bands", "1,x"], "is not whole numbers"),
        (["index", "a"], "Missing option '--archive'"),
        (["index", "--archive", "b"], "Missing argument 'SOURCE...'"),
        (["add", "a"], "Missing argument 'SOURCE...'"),
        (["index", "", "--archive", "a"], "a path is empty: perhaps a variable of the shell is not set"),
        (["index", "ftp://x.org/a.tif", "--archive", "a"], "is an address, not a path: download the file"),
        (["show", "a"], "Missing argument 'ID'"),
        (["remove", "a"], "Say what to remove: SOURCE, --where, or both"),
        (["relocate", "a", "b"], "Missing argument 'NEW'"),
        (["eval", "rscid", "--root", "x"], "there are rsicd, ucm,"),
        (["eval", "rsscn7", "--root", "x", "--split", "val"], "takes no --split"),
        (["train", "base", "--data", "ucm"], "'ucm' is not NAME=VALUE"),
    ],
)
def test_usage_errors(arguments: list[str], says: str, run: Run) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("swath: error: ")
    assert ended.err.count("\n") == 1
    assert says in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["search", "nowhere", "red"], "no archive at nowhere"),
        (["info", "nowhere"], "no archive at nowhere"),
        (["verify", "nowhere"], "no archive at nowhere"),
        (["show", "nowhere", "3f2a"], "no archive at nowhere"),
        (["remove", "nowhere", "x"], "no archive at nowhere"),
        (["relocate", "nowhere", "x", "y"], "no archive at nowhere"),
        (["add", "nowhere", "x"], "no archive at nowhere"),
        (["index", "nowhere", "--archive", "a"], "nowhere"),
        (["index", ".", "--archive", "a", "--encoder", "bsae"], "Did you mean base?"),
        (["eval", "ucm", "--root", "nowhere"], "nowhere"),
        (["fetch", "nothing"], "nothing called 'nothing'"),
    ],
)
def test_bad_input(arguments: list[str], says: str, run: Run) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("swath: error: ")
    assert says in ended.err
    assert not Path("a").exists()


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ArchiveError("no archive"), 2, "swath: error: no archive\n"),
        (FetchError("no network"), 1, "swath: error: no network\n"),
        (OSError(28, "No space left on device"), 1, "swath: error: No space left on device (the"),
        (
            PermissionError(13, "Permission denied", "a/b"),
            1,
            "swath: error: a/b: Permission denied (the",
        ),
        (ZeroDivisionError("two\nlines"), 1, "unexpected ZeroDivisionError: two lines"),
        (KeyboardInterrupt(), 130, "interrupted; what was committed is kept"),
    ],
)
def test_how_errors_end(
    error: BaseException, code: int, says: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("swath.archive.open_store", fail)
    ended = run("verify", "a")
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("error", [SwathError("known"), ValueError("unknown")])
def test_debugging_shows_where(error: Exception, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("swath.archive.open_store", fail)
    monkeypatch.setenv("SWATH_DEBUG", "1")
    with pytest.raises(type(error)):
        run("verify", "a")


def test_threads_reach_the_libraries(run: Run) -> None:
    run("verify", "nowhere", "--threads", "1")
    assert os.environ["OMP_NUM_THREADS"] == "1"
    run("verify", "nowhere", "--threads", "1000")  # at most: more than there are would only wait
    assert os.environ["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))


def test_an_interrupt_while_it_starts_is_as_quiet_as_any(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname: str, *_: object) -> None:
            if fullname == "swath.cli.app":
                raise KeyboardInterrupt

    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "swath.cli.app")
    monkeypatch.delattr("swath.cli.app")
    assert main(["--help"]) == 130
    assert capsys.readouterr() == ("", "swath: error: interrupted\n")


def test_interrupt_keeps_what_was_committed(tiny_home: Path, tmp_path: Path, run: Run, scenes: Path) -> None:
    # Interrupted when the second batch comes, in the very moment.
    code = f"""
import os, signal, time
from swath.archive import builder
from swath.encoders import OnnxEncoder
builder.FIRST_COMMIT = 0.0
whole, calls = OnnxEncoder.encode_images, []
def encode(self, batch):
    if len(batch):
        calls.append(len(batch))
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    return whole(self, batch)
OnnxEncoder.encode_images = encode
{as_program("index", "scenes", "--archive", "a")}
"""
    process = start(code, tiny_home, tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert (
        err.strip() == "swath: error: interrupted; what was committed is kept, and the same command continues"
    )
    ended = run("index", "scenes", "--archive", "a")
    assert ended.code == 0
    assert "a holds 7 tiles" in ended.out
    assert run("verify", "a").code == 0


@pytest.mark.parametrize("arguments", [["search", "town.swath", "red"], ["info", "town.swath"], ["--help"]])
def test_closed_pipe_ends_quietly(arguments: list[str], town: Path, tiny_home: Path) -> None:
    process = start(as_program(*arguments), tiny_home, town)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), err) == (0, "")


@pytest.mark.parametrize("arguments", [["info", "town.swath"], ["search", "town.swath", "red"], ["--help"]])
def test_closed_streams_are_written_to_by_nobody(arguments: list[str], town: Path, tiny_home: Path) -> None:
    code = (
        f"import os, sys\nos.close(1), os.close(2)\nsys.stdout = sys.stderr = None\n{as_program(*arguments)}"
    )
    process = start(code, tiny_home, town)
    assert (process.communicate(timeout=60), process.returncode) == (("", ""), 0)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, run: Run) -> None:
    ended = run("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert f"_SWATH_COMPLETE={shell}_complete" in ended.out
    assert "csh" in run("completion", "csh").err


@pytest.mark.parametrize(
    ("words", "offered"), [("swath comp", {"compare", "completion"}), ("swath search --bb", {"--bbox"})]
)
def test_words_are_completed(words: str, offered: set[str], town: Path, tiny_home: Path) -> None:
    """As bash asks, by the script that `swath completion bash` prints."""
    asked = {"_SWATH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    out, err = start(PROGRAM, tiny_home, town, env=asked).communicate(timeout=60)
    assert err == ""
    assert {line.partition(",")[2] for line in out.splitlines()} == offered


def test_names_that_the_terminal_cannot_show(town: Path, tiny_home: Path) -> None:
    process = start(as_program("search", "töwn", "x"), tiny_home, town, env={"PYTHONIOENCODING": "ascii"})
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert r"t\xf6wn" in err


@pytest.mark.parametrize("no_colour", [False, True])
def test_terminal(no_colour: bool, town: Path, tiny_home: Path, tmp_path: Path) -> None:
    """On a terminal there is a bar and a table; NO_COLOR takes the colours away."""
    environment = {**os.environ, "SWATH_HOME": str(tiny_home), "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    if no_colour:
        environment["NO_COLOR"] = "1"
    index = ["index", str(town / "scenes"), "--archive", str(tmp_path / "a")]
    search = ["search", str(tmp_path / "a"), "red", "-k", "2", "--explain"]
    ours, theirs = pty.openpty()
    for arguments in (index, search):
        done = subprocess.run(
            [sys.executable, "-c", as_program(*arguments)],
            stdout=theirs,
            stderr=theirs,
            env=environment,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so at the end
            break
        shown += part
        if not part:
            break
    os.close(ours)
    assert b"tiles added" in shown
    assert b"red.png" in shown
    assert (b"\x1b[36m" in shown) is not no_colour


@pytest.mark.parametrize("buffered", [True, False])
def test_a_full_disk_behind_stdout_is_told(buffered: bool, town: Path, tiny_home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", as_program("info", "town.swath")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=town,
            env={**os.environ, "SWATH_HOME": str(tiny_home), "PYTHONUNBUFFERED": "" if buffered else "1"},
            check=False,
            timeout=60,
        )
    says = "swath: error: cannot write to stdout: No space left on device; the result is not complete\n"
    assert (ended.returncode, ended.stderr) == (2, says)


def test_a_working_directory_that_was_removed(run: Run, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Path("gone").absolute()
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ended = run("search", town / "town.swath", "red", "-k", 1)
    assert (ended.code, ended.err) == (0, "") and str(town / "scenes" / "red.png") in ended.out
    ended = run("index", "scenes", "--archive", "new.swath")
    assert ended.code == 1 and "the working directory, which was removed (change to another one)" in ended.err


def test_names_are_shown_in_any_locale() -> None:
    """Where the locale is plain ASCII, names that others wrote are still text."""
    code = r"from swath.imagery import shown; print(ascii(shown('a/\u00e9\u202e\udcff')))"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.check_output([sys.executable, "-c", code], env={**os.environ, **plain}, text=True)
    assert said == "'a/\\xe9\\\\u202e\\\\xff'\n"
