"""From a query to hits: the pipeline, its stages, filters, and the engine that runs them.

A search imports NumPy and nothing heavier.
"""

from swath.search.calibrate import calibrate
from swath.search.engine import run, run_many
from swath.search.expression import parse_expression
from swath.search.filters import mask
from swath.search.gallery import MemoryGallery, text_id
from swath.search.heat import heat_maps
from swath.search.kernels.compiling import compile_kernels
from swath.search.ordering import exact_scores
from swath.search.parser import parse
from swath.search.pipeline import Fuse, Pipeline, Source, Step
from swath.search.planner import resolve
from swath.search.query import EncodedQuery, encode, find
from swath.search.scores import PICTURE, WORDS
from swath.search.searching import search, search_many
from swath.search.shards import Shards
from swath.search.words import matched_words

__all__ = [
    "PICTURE",
    "WORDS",
    "EncodedQuery",
    "Fuse",
    "MemoryGallery",
    "Pipeline",
    "Shards",
    "Source",
    "Step",
    "calibrate",
    "compile_kernels",
    "encode",
    "exact_scores",
    "find",
    "heat_maps",
    "mask",
    "matched_words",
    "parse",
    "parse_expression",
    "resolve",
    "run",
    "run_many",
    "search",
    "search_many",
    "text_id",
]
