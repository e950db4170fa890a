"""`swath adapt`: an encoder's words, fitted to captions or labels of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swath.cli.options import PATH, Settings, common
from swath.cli.output import note, say
from swath.cli.progress import progress

if TYPE_CHECKING:
    from swath.encoders import LoadedEncoder
    from swath.training.adapting import Examples


@click.command("adapt", short_help="Fit an encoder's words to captions or labels of your own.")
@click.argument("source", metavar="ARCHIVE|DATASET")
@click.option("--name", required=True, metavar="N", help="What to call the adapted encoder.")
@click.option("--label", metavar="ATTRIBUTE", help="An attribute of the archive's tiles that holds labels.")
@click.option("--prompt", default="{}", show_default=True, metavar="TEXT", help="What to say for a label {}.")
@click.option("--captions", type=PATH, metavar="FILE.csv", help="Captions of tiles: columns id and caption.")
@click.option("--root", type=PATH, metavar="DIR", help="The folder of the data set.")
@click.option("--split", default="train", show_default=True, metavar="S", help="Which part of the data set.")
@click.option("--encoder", metavar="E", help="What to adapt (default: the archive's encoder, or base).")
@click.option("--out", type=PATH, metavar="DIR", help="The folder to make (default: among your encoders).")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the split and the fit.")
@common
@click.pass_obj
def adapt_command(
    settings: Settings,
    source: str,
    name: str,
    label: str | None,
    prompt: str,
    captions: Path | None,
    root: Path | None,
    split: str,
    encoder: str | None,
    out: Path | None,
    seed: int,
) -> None:
    """Fit a small map behind the text tower to captions or labels of your own: minutes, on a processor.

    Pictures keep their vectors, so nothing is encoded anew. Three fifths of the pictures are fitted on, one
    fifth chooses, and one fifth, held out, says by how much it helped.

    \b
      swath adapt mine.swath --label crop --name crops
      swath encoder use mine.swath crops            # it answers from now on
      swath encoder use mine.swath                  # and back
    """
    from swath import encoders
    from swath.training.adapting import adapt_encoder

    is_archive = (Path(source) / "swath.json").is_file()
    if is_archive == (root is not None):
        raise click.UsageError("give an archive, or the name of a data set with --root")
    if is_archive and (label is None) == (captions is None):
        raise click.UsageError("say what is known of the tiles: --label ATTRIBUTE or --captions FILE")
    if is_archive:
        base, examples = _of_archive(Path(source), settings, encoder, label, prompt, captions)
    else:
        assert root is not None
        base, examples = _of_set(source, root, split, settings, encoder)
    folder = out or encoders.user_folder() / "encoders" / name
    made, gain = adapt_encoder(base, examples, folder, name=name, seed=seed)
    low, high = gain.interval
    say(f"encoder {made.folder}")
    say(
        f"{gain.figure} {gain.before:.2f} before, {gain.after:.2f} after: {gain.after - gain.before:+.2f} "
        f"[{low:+.2f}, {high:+.2f}] on {gain.held_out} pictures held out "
        f"({gain.fitted} fitted on, {gain.chosen} to choose)"
    )
    if not settings.quiet and low <= 0:
        note("the interval holds zero: these pictures do not show that it helped")
    if not settings.quiet and is_archive:
        note(f"let it answer with: swath encoder use {source} {name if out is None else folder}")


def _of_archive(
    path: Path,
    settings: Settings,
    encoder: str | None,
    label: str | None,
    prompt: str,
    captions: Path | None,
) -> tuple[LoadedEncoder, Examples]:
    from swath import encoders
    from swath.archive import open_store
    from swath.errors import EncoderError
    from swath.serving.encoder import checked, encoder_of
    from swath.training.adapting import examples_of_captions, examples_of_labels

    store = open_store(path)
    base = (
        encoder_of(store, settings.threads) if encoder is None else encoders.load(encoder, settings.threads)
    )
    checked(base, store)
    if isinstance(base, encoders.Space):
        raise EncoderError(f"{path} was imported without an encoder: name the one to adapt with --encoder")
    gallery = store.gallery()
    if captions is not None:
        return base, examples_of_captions(gallery, captions, path.name)
    assert label is not None
    return base, examples_of_labels(gallery, label, prompt, path.name)


def _of_set(
    name: str, root: Path, split: str, settings: Settings, encoder: str | None
) -> tuple[LoadedEncoder, Examples]:
    from swath import encoders
    from swath.captions import load
    from swath.training.adapting import examples_of_set

    base = encoders.load(encoder or encoders.DEFAULT, settings.threads)
    with progress(settings.quiet) as shown:
        return base, examples_of_set(load(name, root, split), base, shown)
