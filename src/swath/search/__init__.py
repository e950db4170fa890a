"""From a query to hits: the pipeline, its stages, filters, and the engine that runs them.

A search imports NumPy and nothing heavier.
"""

from swath.search.engine import run, run_many, search, search_many
from swath.search.expression import parse_expression
from swath.search.filters import mask
from swath.search.gallery import MemoryGallery, text_id
from swath.search.ordering import exact_scores
from swath.search.parser import parse
from swath.search.pipeline import Fuse, Pipeline, Source, Step
from swath.search.planner import resolve
from swath.search.query import EncodedQuery, encode, find

__all__ = [
    "EncodedQuery",
    "Fuse",
    "MemoryGallery",
    "Pipeline",
    "Source",
    "Step",
    "encode",
    "exact_scores",
    "find",
    "mask",
    "parse",
    "parse_expression",
    "resolve",
    "run",
    "run_many",
    "search",
    "search_many",
    "text_id",
]
