"""Choosing among settings by one split and reporting on another, and what choosing by test would claim.

A setting is an encoder and a pipeline: checkpoints of a training, seeds, numbers of a stage. Each one needs a
result on the split that chooses and on the one that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from swath.errors import InputError
from swath.evaluation.guard import ALOUD, HOLDS_TEST, MEANT, TEST, TEST_SELECTED
from swath.evaluation.results import EvalResult, Selection


@dataclass(frozen=True, slots=True)
class Chosen:
    """The setting with the highest mR on the split that chooses."""

    name: str
    """Of its reported result."""
    result: EvalResult
    """On the reported split; says how it was chosen, and that it was by test where it was."""


def choose(results: Sequence[tuple[str, EvalResult]], *, by: str, report: str = TEST) -> Chosen:
    """Choose by the split `by` the setting whose result on `report` counts; among equals the first.

    Choosing by test data is refused unless `by` is written with a `!` behind it; the result is then flagged.
    Raises `InputError` for that, where results are not of one data set and protocol, and where a setting has
    not one result on each of the two splits.
    """
    aloud, by = by.endswith(ALOUD), by.removesuffix(ALOUD)
    kinds = {(one.dataset, one.protocol) for _, one in results}
    if len(kinds) != 1:
        said = ", ".join(f"{dataset} ({protocol})" for dataset, protocol in sorted(kinds)) or "no result"
        raise InputError(f"settings are chosen among by results of one data set and protocol, not {said}")
    choosing, reported = _by_setting(results, by), _by_setting(results, report)
    for setting, (name, _) in (choosing | reported).items():
        if setting not in choosing or setting not in reported:
            missing = report if setting in choosing else by
            raise InputError(f"{name} has no partner: the same encoder and pipeline on {missing}")
    if not choosing:
        raise InputError(f"there is no result on {by} to choose by")
    on_test = any(by == TEST or HOLDS_TEST in one.flags for _, one in choosing.values())
    if on_test and not aloud:
        raise InputError(f"cannot choose by {by}: {MEANT} ({by}{ALOUD})")
    setting = max(choosing, key=lambda each: choosing[each][1].mr)
    name, result = reported[setting]
    flags = dict.fromkeys((*result.flags, *((TEST_SELECTED,) if on_test else ())))
    selection = Selection(by, len(choosing), choosing[setting][1].mr)
    return Chosen(name, msgspec.structs.replace(result, flags=tuple(flags), selection=selection))


def _by_setting(
    results: Sequence[tuple[str, EvalResult]], split: str
) -> dict[tuple[str, str], tuple[str, EvalResult]]:
    found: dict[tuple[str, str], tuple[str, EvalResult]] = {}
    for name, one in results:
        setting = one.encoder.revision, one.pipeline
        if one.split == split:
            if setting in found:
                raise InputError(
                    f"{found[setting][0]} and {name} are of one setting and split: name one of them"
                )
            found[setting] = name, one
    return found
