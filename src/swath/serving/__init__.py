"""What people and programs see of an answer: contact sheets, and documents for JSON.

Pillow is imported when a PNG is drawn, not before.
"""

from swath.serving.documents import hit_document, hits_document, info_document
from swath.serving.geojson import geometry
from swath.serving.sheet import write_sheet

__all__ = ["geometry", "hit_document", "hits_document", "info_document", "write_sheet"]
