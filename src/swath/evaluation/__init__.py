"""How good retrieval is: protocols, figures with intervals, and result files that prove them.

result = evaluate(load("rsicd", root, "val"), encoder)
write_result(result, Path("rsicd-val.json"))
"""

from swath.evaluation.leaderboard import FLAGS, Standing, leaderboard, published
from swath.evaluation.metrics import Ranks, Relevance, rank_embeddings, rank_levels, rank_scores
from swath.evaluation.protocols import PROTOCOLS, Judgements, Protocol
from swath.evaluation.results import (
    EvalResult,
    Figures,
    Recalls,
    ZeroShotResult,
    read_result,
    to_json,
    write_result,
)
from swath.evaluation.run import evaluate
from swath.evaluation.zeroshot import RSSCN7, evaluate_zero_shot, zero_shot

__all__ = [
    "FLAGS",
    "PROTOCOLS",
    "RSSCN7",
    "EvalResult",
    "Figures",
    "Judgements",
    "Protocol",
    "Ranks",
    "Recalls",
    "Relevance",
    "Standing",
    "ZeroShotResult",
    "evaluate",
    "evaluate_zero_shot",
    "leaderboard",
    "published",
    "rank_embeddings",
    "rank_levels",
    "rank_scores",
    "read_result",
    "to_json",
    "write_result",
    "zero_shot",
]
