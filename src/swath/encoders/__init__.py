"""Pixels or words to vectors and tokens."""

from swath.encoders.card import Card, Source, read_card, write_card
from swath.encoders.onnx import OnnxEncoder, file_digest, session
from swath.encoders.registry import DEFAULT, load, names, user_folder

__all__ = [
    "DEFAULT",
    "Card",
    "OnnxEncoder",
    "Source",
    "file_digest",
    "load",
    "names",
    "read_card",
    "session",
    "user_folder",
    "write_card",
]
