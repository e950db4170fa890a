"""Pixels or words to vectors and tokens."""

from swath.encoders.card import Card, Source, read_card, write_card
from swath.encoders.fetching import PINS, fetch, fetched
from swath.encoders.heads import Head, HeadCard, read_heads, write_head
from swath.encoders.onnx import OnnxEncoder, file_digest, session
from swath.encoders.pieces import piece_batches
from swath.encoders.registry import DEFAULT, installed, load, names, user_folder

__all__ = [
    "DEFAULT",
    "PINS",
    "Card",
    "Head",
    "HeadCard",
    "OnnxEncoder",
    "Source",
    "fetch",
    "fetched",
    "file_digest",
    "installed",
    "load",
    "names",
    "piece_batches",
    "read_card",
    "read_heads",
    "session",
    "user_folder",
    "write_card",
    "write_head",
]
