"""Generators of tiny data sets that look like the published ones; each is a script beside its test."""

from tests.captions.drawing import SPLITS, annotate, five, karpathy, picture
from tests.captions.make_nwpu import nwpu
from tests.captions.make_rs5m import rs5m, shard
from tests.captions.make_rsicd import rsicd
from tests.captions.make_rsitmd import RSITMD, pairs, precomp, rsitmd, tables
from tests.captions.make_sydney import sydney
from tests.captions.make_ucm import ucm

__all__ = [
    "RSITMD",
    "SPLITS",
    "annotate",
    "five",
    "karpathy",
    "nwpu",
    "pairs",
    "picture",
    "precomp",
    "rs5m",
    "rsicd",
    "rsitmd",
    "shard",
    "sydney",
    "tables",
    "ucm",
]
