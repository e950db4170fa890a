"""open_clip models: the vectors of open_clip itself, tokens, searches, export (scripts/test-clip)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

open_clip = pytest.importorskip("open_clip", reason="scripts/test-clip runs these: torchvision is gigabytes")

import torch  # noqa: E402
from PIL import Image  # noqa: E402

import swath  # noqa: E402
from swath import encoders  # noqa: E402
from swath.archive import open_store  # noqa: E402
from swath.encoders.check import check  # noqa: E402
from swath.encoders.clip import OpenClipEncoder  # noqa: E402
from swath.errors import ArchiveError, EncoderError, InputError  # noqa: E402
from swath.evaluation.questions import questions  # noqa: E402
from swath.evaluation.tuning import tune  # noqa: E402
from swath.imagery import fit  # noqa: E402
from swath.serving.encoder import encoder_of, switch  # noqa: E402
from swath.training.adapting import adapt_encoder, examples_of_captions  # noqa: E402
from swath.training.exporting import export_encoder  # noqa: E402
from tests.encoders import clip_models  # noqa: E402
from tests.tiny import paint  # noqa: E402

FAMILIES = tuple(clip_models.ARCHITECTURES)
TEXTS = ["boats in a harbour", "", "A very LONG   text, " * 30, "It's a café\n(from above)", "водохранилище"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clip")
    clip_models.register(folder)
    return {name: clip_models.checkpoint(name, folder / f"{name}.pt") for name in FAMILIES}


@pytest.fixture(scope="module")
def loaded(files: dict[str, Path]) -> dict[str, OpenClipEncoder]:
    found = {name: encoders.load(f"open_clip:{name}@{file}") for name, file in files.items()}
    assert all(isinstance(one, OpenClipEncoder) for one in found.values())
    return found  # type: ignore[return-value]


def _reference(name: str, file: Path) -> tuple[Any, Any, Any]:
    model, _, prepare = open_clip.create_model_and_transforms(name, pretrained=str(file))
    return model.eval(), prepare, open_clip.get_tokenizer(name)


def _pictures(count: int, side: int) -> Any:
    coarse = np.random.default_rng(side).integers(0, 256, (count, 9, 9, 3), np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BILINEAR)) for one in coarse]
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_vectors_are_those_of_open_clip(
    name: str, files: dict[str, Path], loaded: dict[str, OpenClipEncoder]
) -> None:
    model, prepare, tokenizer = _reference(name, files[name])
    encoder = loaded[name]
    tiles = _pictures(5, 256)
    with torch.inference_mode():
        images = model.encode_image(
            torch.stack([prepare(Image.fromarray(tile)) for tile in tiles]), normalize=True
        ).numpy()
        texts = model.encode_text(tokenizer(TEXTS), normalize=True).numpy()
    ours = encoder.encode_images(np.stack([fit(tile, encoder.image_size) for tile in tiles])).embedding
    assert np.ptp(images, axis=0).max() > 1e-3, (
        "the pictures are too much alike for this test to mean anything"
    )
    assert np.abs(ours - images).max() <= 1e-5
    assert np.abs(encoder.encode_texts(TEXTS).embedding - texts).max() <= 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_guides_and_batches(name: str, loaded: dict[str, OpenClipEncoder]) -> None:
    encoder = loaded[name]
    batch = _pictures(19, encoder.image_size)
    features = encoder.encode_images(batch)
    side = clip_models.SIDES[name]
    assert features.tokens is not None and features.tokens.shape == (19, 1 + side * side, encoder.dim)
    assert np.allclose(np.linalg.norm(features.tokens, axis=-1), 1, atol=1e-5)
    assert np.array_equal(features.tokens[:, 0], features.embedding)
    assert np.ptp(features.tokens[0, 1:], axis=0).max() > 1e-3, "places of a picture differ"
    texts = encoder.encode_texts(TEXTS)
    assert texts.guide is not None and np.array_equal(texts.guide, texts.embedding)
    alone = encoder.encode_images(batch[7:8])
    assert (alone.embedding * features.embedding[7:8]).sum() > 0.999999
    assert encoder.encode_images(batch[:0]).embedding.shape == (0, encoder.dim)
    assert encoder.encode_texts([]).embedding.shape == (0, encoder.dim)


def test_a_vit_s_pooled_token_is_its_embedding(loaded: dict[str, OpenClipEncoder]) -> None:
    """The projection of patches is the one of the class token: seen where every patch is the class token."""
    tower = loaded["tiny-vit"].image_tower
    with torch.inference_mode():
        x = torch.zeros(1, 3, 64, 64)
        tower.visual.output_tokens = False
        pooled = tower.visual(x)
        tower.visual.output_tokens = True
        assert tower._split is not None
        again, patches = tower._split(tower.visual, x)
    assert torch.equal(pooled, again) and patches.shape == (1, 64, 32)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_form_of_checkpoint_gives_the_same_vectors(
    name: str, files: dict[str, Path], loaded: dict[str, OpenClipEncoder], tmp_path: Path
) -> None:
    state = torch.load(files[name], weights_only=True)
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    torch.save(wrapped, tmp_path / "training.pt")
    safe = clip_models.checkpoint(name, tmp_path / "weights.safetensors")
    batch = _pictures(2, loaded[name].image_size)
    expected = loaded[name].encode_images(batch).embedding
    for file in (tmp_path / "training.pt", safe):
        other = encoders.load(f"open_clip:{name}@{file}")
        assert np.array_equal(other.encode_images(batch).embedding, expected)
        assert other.revision != loaded[name].revision  # another file


def test_what_does_not_fit_is_one_sentence(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"does not fit tiny-resnet.*looks like tiny-vit") as error:
        encoders.load(f"open_clip:tiny-resnet@{files['tiny-vit']}")
    assert len(str(error.value)) < 500 and "\n" not in str(error.value)
    with pytest.raises(EncoderError, match="no architecture 'tiny-vot': did you mean tiny-vit"):
        encoders.load(f"open_clip:tiny-vot@{files['tiny-vit']}")
    with pytest.raises(EncoderError, match="is not open_clip:ARCHITECTURE@FILE"):
        encoders.load("open_clip:tiny-vit")
    state = torch.load(files["tiny-vit"], weights_only=True)
    del state["text_projection"], state["visual.proj"]
    torch.save(state, tmp_path / "half.pt")
    with pytest.raises(EncoderError, match=r"does not fit tiny-vit.*text_projection") as error:
        encoders.load(f"open_clip:tiny-vit@{tmp_path / 'half.pt'}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", FAMILIES)
def test_export_needs_no_torch_and_keeps_the_vectors(
    name: str, files: dict[str, Path], loaded: dict[str, OpenClipEncoder], tmp_path: Path
) -> None:
    spec, folder = f"open_clip:{name}@{files[name]}", tmp_path / "exported"
    made = export_encoder(spec, folder, precision="fp32")
    assert made.pictures[0] > 0.99999 and made.texts[0] > 0.99999
    assert [finding for finding in check(folder, loaded[name]) if not finding.ok] == []
    ours, theirs = encoders.load(folder).encode_texts(TEXTS), loaded[name].encode_texts(TEXTS)
    assert np.abs(ours.embedding - theirs.embedding).max() <= 1e-5
    with pytest.raises(InputError, match="exists"):
        export_encoder(spec, folder)


@pytest.mark.parametrize(("precision", "least", "share"), [("fp16", 0.9999, 0.55), ("int8", 0.99, 0.3)])
def test_smaller_weights(
    precision: str, least: float, share: float, files: dict[str, Path], tmp_path: Path
) -> None:
    file = files["tiny-vit"]
    made = export_encoder(f"open_clip:tiny-vit@{file}", tmp_path / "small", precision=precision)
    assert made.pictures[0] > least and made.texts[0] > least
    # The tokenizer's file is as large as the tiny towers are.
    graphs = sum(path.stat().st_size for path in made.folder.glob("*.onnx"))
    assert graphs < share * file.stat().st_size


def test_a_walk_from_checkpoint_to_search(files: dict[str, Path], tmp_path: Path) -> None:
    spec = f"open_clip:tiny-vit@{files['tiny-vit']}"
    paint(tmp_path / "scenes")
    archive = swath.index(tmp_path / "scenes", tmp_path / "a.swath", spec)
    hits = archive.search("a red field", k=3)
    assert len(hits) == 3
    # No copy of the checkpoint lies in the archive: it is found by its name, wherever that is asked.
    again = swath.open(tmp_path / "a.swath").search("a red field", k=3, pipeline="dense:7 > btgi")
    assert again.pipeline.startswith("dense:7 > btgi")
    picture = swath.open(tmp_path / "a.swath").search(image=tmp_path / "scenes" / "red.png", k=1)
    assert picture[0].tile.source.endswith("red.png")
    other = clip_models.checkpoint("tiny-vit", tmp_path / "other.pt", seed=1)
    with pytest.raises(EncoderError, match="was made with encoder open_clip:tiny-vit"):
        swath.open(tmp_path / "a.swath", encoder=f"open_clip:tiny-vit@{other}")


@pytest.mark.parametrize("name", FAMILIES)
def test_stages_over_its_vectors_and_tokens(name: str, files: dict[str, Path], tmp_path: Path) -> None:
    """Codes without training, tokens, lists, and a bias by a bank of one's own captions."""
    spec = f"open_clip:{name}@{files[name]}"
    path = tmp_path / "a.swath"
    archive = swath.index(paint(tmp_path / "scenes"), path, spec)
    # To random weights flat pictures look much the same: hits of one look are not to become one.
    exact = [hit.tile.id for hit in archive.search("a red field", k=7, collapse=False)]
    assert len(set(exact)) == 7
    for pipeline in ("dense:7 > btgi", "hash64:7", "hash128:7 > btgi"):
        found = [hit.tile.id for hit in archive.search("a red field", k=7, collapse=False, pipeline=pipeline)]
        assert sorted(found) == sorted(exact)
    with pytest.raises(InputError, match=r"has no bank of queries.*swath adapt"):
        archive.search("a red field", pipeline="hash128(bias=ppsr):7")
    gallery = open_store(path).gallery()
    tiles = [gallery.tile(row).id for row in range(len(gallery))]
    captions = [f"{tile},a {word} field\n" for tile in tiles for word in ("red", "blue", "wide")]
    (tmp_path / "captions.csv").write_text("id,caption\n" + "".join(captions))
    examples = examples_of_captions(gallery, tmp_path / "captions.csv", "mine")
    many = replace(examples, images=np.tile(examples.images, (4, 1)), texts=examples.texts * 4)
    adapt_encoder(encoders.load(spec), many, tmp_path / "mine", name="mine")
    switch(open_store(path), tmp_path / "mine")
    hits = swath.open(path).search("a red field", k=7, collapse=False, pipeline="hash128(bias=ppsr):7")
    assert sorted(hit.tile.id for hit in hits) == sorted(exact)


def test_lists_over_its_vectors(files: dict[str, Path], tmp_path: Path) -> None:
    spec = f"open_clip:tiny-vit@{files['tiny-vit']}"
    archive = swath.index(paint(tmp_path / "scenes"), tmp_path / "a.swath", spec)
    exact = [hit.tile.id for hit in archive.search("a red field", k=7, collapse=False)]
    store = open_store(tmp_path / "a.swath")
    tune(store, encoder_of(store), questions(60), count=2)
    found = swath.open(tmp_path / "a.swath").search(
        "a red field", k=7, collapse=False, pipeline="ivf(tiles=1):7"
    )
    assert [hit.tile.id for hit in found] == exact


def test_an_archive_whose_checkpoint_is_gone_says_so(tmp_path: Path) -> None:
    file = clip_models.checkpoint("tiny-vit", tmp_path / "w.pt")
    swath.index(paint(tmp_path / "scenes"), tmp_path / "a.swath", f"open_clip:tiny-vit@{file}")
    file.rename(tmp_path / "moved.pt")
    with pytest.raises(ArchiveError, match=r"holds no copy of its encoder.*there is no file.*--encoder"):
        swath.open(tmp_path / "a.swath").search("red")
    moved = swath.open(tmp_path / "a.swath", encoder=f"open_clip:tiny-vit@{tmp_path / 'moved.pt'}")
    assert len(moved.search("red", k=2)) == 2
