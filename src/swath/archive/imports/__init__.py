"""Embeddings that somebody else computed: tables of vectors with ids, places, times and attributes."""

from swath.archive.imports.columns import Columns, recognise
from swath.archive.imports.importer import ImportReport, import_table

__all__ = ["Columns", "ImportReport", "import_table", "recognise"]
