"""Tiles in lists of tiles that lie close together, with the words of each: what a partial search reads.

They lie in `lists/` beside the hot columns, derived from these and disposable: losing them costs a rebuild.
"""

from swath.archive.lists.build import BUDGET, Plan, build, directions_of, in_memory
from swath.archive.lists.files import check, newest, read_tuned, write_tuned
from swath.archive.lists.keeping import build_lists, mended, open_lists, word_head
from swath.archive.lists.nouns import DamagedListsError, Lists, Postings, fixed
from swath.archive.lists.postings import NAMED, build_postings, is_word

__all__ = [
    "BUDGET",
    "NAMED",
    "DamagedListsError",
    "Lists",
    "Plan",
    "Postings",
    "build",
    "build_lists",
    "build_postings",
    "check",
    "directions_of",
    "fixed",
    "in_memory",
    "is_word",
    "mended",
    "newest",
    "open_lists",
    "read_tuned",
    "word_head",
    "write_tuned",
]
