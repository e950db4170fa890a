"""The stages that a pipeline may name. A new one is a file here and an entry below."""

from __future__ import annotations

from swath.search.stages.base import Cost, Kind, Parametric, Stage, Value
from swath.search.stages.btgi import Btgi
from swath.search.stages.cross import Cross
from swath.search.stages.dense import Dense
from swath.search.stages.exact import Exact
from swath.search.stages.hash import Hash
from swath.search.stages.lists import Ivf, PartialDense
from swath.search.stages.sparse import Sparse

__all__ = ["STAGES", "Cost", "Kind", "Parametric", "Stage", "Value"]

STAGES: dict[str, type[Stage]] = {
    stage.name: stage for stage in (Btgi, Cross, Dense, Exact, Hash, Ivf, PartialDense, Sparse)
}
"""Name to stage. Names are lower-case letters and underscores, without digits (those are bits)."""
