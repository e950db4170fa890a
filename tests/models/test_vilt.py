"""The paper's geometry: sizes, masks, and the key map of its checkpoint."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from swath.errors import EncoderError
from swath.models.joint import AttentionPool, HashHead, JointBlock, LocalEnhancement, PositionPool
from swath.models.vilt import ViltCfitr, load_vilt

SMALL = {"width": 12, "heads": 3, "blocks": 4, "split": 2, "side": 3, "patch": 4, "vocabulary": 50}
MORE = {"length": 8, "hidden": 16, "lfem": 4}


def _small(bits: int = 16, pool: str = "attention") -> ViltCfitr:
    torch.manual_seed(0)
    return ViltCfitr(bits, **SMALL, **MORE, pool=pool, dropout=0.0)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _checkpoint(
    width: int, blocks: int, side: int, patch: int, vocabulary: int, length: int, device: str = "cpu"
) -> dict[str, Tensor]:
    """A state dict with the keys and shapes of vilt_200k_mlm_itm.ckpt, filled with different numbers."""
    shapes: dict[str, tuple[int, ...]] = {
        "text_embeddings.word_embeddings.weight": (vocabulary, width),
        "text_embeddings.position_embeddings.weight": (length, width),
        "text_embeddings.token_type_embeddings.weight": (2, width),
        "text_embeddings.LayerNorm.weight": (width,),
        "text_embeddings.LayerNorm.bias": (width,),
        "text_embeddings.position_ids": (1, length),
        "token_type_embeddings.weight": (2, width),
        "transformer.cls_token": (1, 1, width),
        "transformer.pos_embed": (1, 1 + side**2, width),
        "transformer.patch_embed.proj.weight": (width, 3, patch, patch),
        "transformer.patch_embed.proj.bias": (width,),
        "transformer.norm.weight": (width,),
        "transformer.norm.bias": (width,),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
        "itm_score.fc.weight": (2, width),
        "itm_score.fc.bias": (2,),
        "mlm_score.transform.dense.weight": (width, width),
        "mlm_score.transform.LayerNorm.bias": (width,),
        "mlm_score.decoder.weight": (vocabulary, width),
        "mlm_score.bias": (vocabulary,),
    }
    for i in range(blocks):
        start = f"transformer.blocks.{i}"
        for norm in ("norm1", "norm2"):
            shapes |= {f"{start}.{norm}.weight": (width,), f"{start}.{norm}.bias": (width,)}
        shapes |= {
            f"{start}.attn.qkv.weight": (3 * width, width),
            f"{start}.attn.qkv.bias": (3 * width,),
            f"{start}.attn.proj.weight": (width, width),
            f"{start}.attn.proj.bias": (width,),
            f"{start}.mlp.fc1.weight": (4 * width, width),
            f"{start}.mlp.fc1.bias": (4 * width,),
            f"{start}.mlp.fc2.weight": (width, 4 * width),
            f"{start}.mlp.fc2.bias": (width,),
        }
    torch.manual_seed(7)
    return {name: torch.randn(shape, device=device) for name, shape in shapes.items()}


def _small_checkpoint() -> dict[str, Tensor]:
    return _checkpoint(12, 4, 3, 4, 50, 8)


def _hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same state under the port's names, written out by hand; the port has no matching head."""
    named: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith(("itm_score", "mlm_score")):
            continue
        if key.startswith("text_embeddings"):
            named[f"vilt.embeddings.{key}"] = value
        elif ".blocks." in key:
            _, _, number, *rest = key.split(".")
            layer = f"vilt.encoder.layer.{number}"
            if rest[:2] == ["attn", "qkv"]:
                query, a_key, a_value = value.chunk(3)
                for name, part in (("query", query), ("key", a_key), ("value", a_value)):
                    named[f"{layer}.attention.attention.{name}.{rest[2]}"] = part
            else:
                place = {
                    "norm1": "layernorm_before",
                    "norm2": "layernorm_after",
                    "attn.proj": "attention.output.dense",
                    "mlp.fc1": "intermediate.dense",
                    "mlp.fc2": "output.dense",
                }[".".join(rest[:-1])]
                named[f"{layer}.{place}.{rest[-1]}"] = value
        else:
            name = {
                "token_type_embeddings.weight": "vilt.embeddings.token_type_embeddings.weight",
                "transformer.cls_token": "vilt.embeddings.cls_token",
                "transformer.pos_embed": "vilt.embeddings.position_embeddings",
                "transformer.patch_embed.proj.weight": "vilt.embeddings.patch_embeddings.projection.weight",
                "transformer.patch_embed.proj.bias": "vilt.embeddings.patch_embeddings.projection.bias",
                "transformer.norm.weight": "vilt.layernorm.weight",
                "transformer.norm.bias": "vilt.layernorm.bias",
                "pooler.dense.weight": "vilt.pooler.dense.weight",
                "pooler.dense.bias": "vilt.pooler.dense.bias",
            }[key]
            named[name] = value
    return named


def test_parts_have_the_published_sizes() -> None:
    with torch.device("meta"):
        assert _size(JointBlock(768, 12, 0.1)) == 7_087_872
        assert _size(LocalEnhancement(768, 384)) == 8_999_424
        sizes = {16: 3_223_568, 32: 3_289_120, 64: 3_420_224, 128: 3_682_432, 256: 4_206_848}
        assert {bits: _size(HashHead(768, 4096, bits)) for bits in sizes} == sizes
        assert _size(ViltCfitr(128, pool="position")) == 127_961_790 - 1_538  # without the two-way head


def test_a_checkpoint_of_the_right_shapes_loads_whole() -> None:
    with torch.device("meta"):
        model = ViltCfitr(128)
    report = load_vilt(model, _checkpoint(768, 12, 12, 32, 30522, 40, device="meta"))
    assert len(report.loaded) == 10 + 12 * 16 + 6
    assert all(name.startswith(("image_", "text_hash", "text_pool", "lfem")) for name in report.new)
    assert "mlm_score.decoder.weight" in report.dropped


def test_numbers_arrive_where_they_belong() -> None:
    state, model = _small_checkpoint(), _small()
    load_vilt(model, state)
    ours = model.state_dict()
    stacked = state["transformer.blocks.2.attn.qkv.weight"]
    assert torch.equal(ours["blocks.2.attention.key.weight"], stacked[12:24])
    assert torch.equal(ours["match.score.weight"], state["itm_score.fc.weight"][1:])
    assert torch.equal(ours["modality.weight"], state["token_type_embeddings.weight"])
    assert torch.equal(ours["segments.weight"], state["text_embeddings.token_type_embeddings.weight"])
    with torch.no_grad():
        model.match.score.weight.zero_()
    assert state["itm_score.fc.weight"][1].abs().sum() > 0


def test_both_namings_give_the_same_model() -> None:
    state = _small_checkpoint()
    one, other = _small().eval(), _small().eval()
    load_vilt(one, state)
    report = load_vilt(other, _hugging_face(state))
    assert "match.score.weight" in report.new
    pixels, ids = torch.randn(2, 3, 12, 12), torch.randint(0, 50, (2, 5))
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    assert torch.equal(one.image(pixels), other.image(pixels))
    assert torch.equal(one.text(ids, valid), other.text(ids, valid))


@pytest.mark.parametrize("names", [dict, _hugging_face])
def test_what_does_not_fit_is_refused(names: object) -> None:
    state = names(_small_checkpoint())  # type: ignore[operator]
    block = next(key for key in state if key.endswith((".norm1.weight", "layernorm_before.weight")))
    with pytest.raises(EncoderError, match="lacks blocks"):
        load_vilt(_small(), {key: value for key, value in state.items() if key != block})
    with pytest.raises(EncoderError, match="another shape of blocks"):
        load_vilt(_small(), state | {block: torch.zeros(5)})
    with pytest.raises(EncoderError, match="no part of ViLT"):
        load_vilt(_small(), state | {"rank_output.weight": torch.zeros(1)})


@pytest.mark.parametrize("pool", ["attention", "position"])
def test_padding_reaches_neither_codes_nor_scores(pool: str) -> None:
    model = _small(pool=pool).eval()
    pixels, ids = torch.randn(3, 3, 12, 12), torch.randint(0, 50, (3, 5))
    valid = torch.ones(3, 5, dtype=torch.bool)
    image = model.image(pixels)
    text = model.text(ids, valid)
    longer = torch.nn.functional.pad(ids, (0, 3), value=9)
    more = torch.nn.functional.pad(valid, (0, 3))
    padded = model.text(longer, more)
    assert torch.allclose(model.scores(image, text, valid), model.scores(image, padded, more), atol=1e-5)
    for one, other in zip(model.codes(image, text, valid), model.codes(image, padded, more), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_picture_has_one_code_in_training_too() -> None:
    model = _small().train()
    pixels = torch.randn(1, 3, 12, 12).expand(4, -1, -1, -1)
    assert torch.equal(model.image(pixels)[0], model.image(pixels)[3])


def test_pooling_by_hand() -> None:
    x = torch.tensor([[[1, -2], [0.5, 0.25], [-1, 3]]], dtype=torch.float64)
    position = PositionPool(3).double()
    with torch.no_grad():
        position.weight.copy_(torch.tensor([0.2, -0.4, 0.6]))
        position.bias.fill_(0.1)
    whole, cut = torch.tensor([[True, True, True]]), torch.tensor([[True, True, False]])
    assert position(x, whole)[0].tolist() == pytest.approx([-0.462117157260, 0.885351648202])
    assert position(x, cut)[0].tolist() == pytest.approx([0.099667994625, -0.379948962255])
    attention = AttentionPool(2).double()
    with torch.no_grad():
        attention.query.copy_(torch.tensor([0.5, -0.25]))
    assert attention(x, cut)[0].tolist() == pytest.approx([0.846320991567, -1.308444462053])
