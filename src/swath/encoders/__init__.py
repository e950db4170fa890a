"""Pixels or words to vectors and tokens."""

from swath.encoders import devices, probes
from swath.encoders.adapted import AdaptedEncoder, adapt, copy_folder, write_adapted
from swath.encoders.bank import Bank, read_bank, write_bank
from swath.encoders.card import Calibration, Card, Source, read_card, write_card
from swath.encoders.fetching import PINS, fetch, fetched
from swath.encoders.hashing import HashHead, Modality, read_hash_head, write_hash_head
from swath.encoders.heads import Head, HeadCard, read_heads, write_head
from swath.encoders.onnx import OnnxEncoder, file_digest, session
from swath.encoders.pieces import piece_batches
from swath.encoders.registry import (
    DEFAULT,
    KINDS,
    LoadedEncoder,
    held_by,
    installed,
    load,
    names,
    user_folder,
)
from swath.encoders.space import NO_PICTURES, Space
from swath.encoders.terms import (
    STOP_WORDS,
    WORD_HEAD,
    SparseRows,
    Terms,
    quantised_rows,
    read_terms,
    words_of,
    write_terms,
)

__all__ = [
    "DEFAULT",
    "KINDS",
    "NO_PICTURES",
    "PINS",
    "STOP_WORDS",
    "WORD_HEAD",
    "AdaptedEncoder",
    "Bank",
    "Calibration",
    "Card",
    "HashHead",
    "Head",
    "HeadCard",
    "LoadedEncoder",
    "Modality",
    "OnnxEncoder",
    "Source",
    "Space",
    "SparseRows",
    "Terms",
    "adapt",
    "copy_folder",
    "devices",
    "fetch",
    "fetched",
    "file_digest",
    "held_by",
    "installed",
    "load",
    "names",
    "piece_batches",
    "probes",
    "quantised_rows",
    "read_bank",
    "read_card",
    "read_hash_head",
    "read_heads",
    "read_terms",
    "session",
    "user_folder",
    "words_of",
    "write_adapted",
    "write_bank",
    "write_card",
    "write_hash_head",
    "write_head",
    "write_terms",
]
