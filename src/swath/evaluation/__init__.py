"""How good retrieval is: protocols, figures with intervals, and result files that prove them.

result = evaluate(load("rsicd", root, "val"), encoder)
write_result(result, Path("rsicd-val.json"))
"""

from swath.evaluation.blockwise import rank_embeddings
from swath.evaluation.ceiling import ceiling_of
from swath.evaluation.charts import class_chart, latency_chart
from swath.evaluation.compare import Table, differences, tables
from swath.evaluation.labels import LABEL_PROTOCOLS, LabelFigures, LabelProtocol
from swath.evaluation.leaderboard import (
    CEILINGS,
    FLAGS,
    HashingStanding,
    Standing,
    check_rows,
    hashing,
    published,
    standings,
)
from swath.evaluation.leaks import find_leaks
from swath.evaluation.markup import FORMATS
from swath.evaluation.metrics import Ranks, Relevance, rank_levels, rank_scores
from swath.evaluation.plots import recall_chart, recall_curves, write_plot
from swath.evaluation.protocols import PROTOCOLS, Judgements, Protocol
from swath.evaluation.reports import LeakReport, covering, read_report, report_json, write_report
from swath.evaluation.results import (
    EvalResult,
    Figures,
    Recalls,
    Result,
    SpeedResult,
    ZeroShotResult,
    read_result,
    schema,
    to_json,
    write_result,
)
from swath.evaluation.run import evaluate, evaluate_many
from swath.evaluation.selection import Chosen, choose
from swath.evaluation.significance import Difference, difference
from swath.evaluation.speed import measure_gallery, measure_random
from swath.evaluation.splits import MadeSplit, Tied, clean_split, union, write_split, write_union
from swath.evaluation.trec import judge
from swath.evaluation.zeroshot import RSSCN7, evaluate_zero_shot, zero_shot

__all__ = [
    "CEILINGS",
    "FLAGS",
    "FORMATS",
    "LABEL_PROTOCOLS",
    "PROTOCOLS",
    "RSSCN7",
    "Chosen",
    "Difference",
    "EvalResult",
    "Figures",
    "HashingStanding",
    "Judgements",
    "LabelFigures",
    "LabelProtocol",
    "LeakReport",
    "MadeSplit",
    "Protocol",
    "Ranks",
    "Recalls",
    "Relevance",
    "Result",
    "SpeedResult",
    "Standing",
    "Table",
    "Tied",
    "ZeroShotResult",
    "ceiling_of",
    "check_rows",
    "choose",
    "class_chart",
    "clean_split",
    "covering",
    "difference",
    "differences",
    "evaluate",
    "evaluate_many",
    "evaluate_zero_shot",
    "find_leaks",
    "hashing",
    "judge",
    "latency_chart",
    "measure_gallery",
    "measure_random",
    "published",
    "rank_embeddings",
    "rank_levels",
    "rank_scores",
    "read_report",
    "read_result",
    "recall_chart",
    "recall_curves",
    "report_json",
    "schema",
    "standings",
    "tables",
    "to_json",
    "union",
    "write_plot",
    "write_report",
    "write_result",
    "write_split",
    "write_union",
    "zero_shot",
]
