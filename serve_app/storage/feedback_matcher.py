"""Brings feedback together with the predictions that it is about, wherever those are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from serve_app.core.labelled import Match, Miss, PendingFeedback, PredictedRow
from serve_app.storage.feedback_labels import misfit, truth_of

Find = Callable[[str, Sequence[str], Mapping[str, float]], Iterable[PredictedRow]]
"""All rows of an endpoint that have one of some prediction ids, and of each of some keys at least
the newest until a time, in seconds since 1970, that goes with the key."""
Gave = Callable[[str, str], bool]
"""Whether a prediction was given to somebody, by its id and its owner."""
AT_ONCE = 1000
_SOONEST_S = 5.0
_LATEST_S = 86_400.0


class PendingStore(Protocol):
    """What the matcher needs of a store."""

    def pending(self, endpoint: str, limit: int, *, due_s: float) -> list[PendingFeedback]:
        """Up to so much feedback that is to be looked for at a time."""
        ...

    def match(self, decisions: Sequence[Match | Miss]) -> int:
        """Keep what was matched and missed, unless it changed meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class MatchingRun:
    """How much feedback was matched (`late` of it after the horizon), missed, and given up."""

    matched: int = 0
    late: int = 0
    missed: int = 0
    unmatched: int = 0


def nobody(prediction_id: str, owner: str) -> bool:  # noqa: ARG001
    """Nobody is known to have been given anything."""
    return False


def match_all(
    store: PendingStore,
    find: Find,
    endpoint: str,
    *,
    horizon_s: float,
    now_s: float,
    gave: Gave = nobody,
) -> MatchingRun:
    """Look for the predictions of all feedback of an endpoint that is due at `now_s`.

    What is not there is looked for again, after as long as it has waited already; what has waited
    for `horizon_s` seconds is given up. `gave` tells whose predictions are.

    Raises:
        RegistryFailed: the store cannot be read or written; what was matched before stands.
    """
    decided: list[Match | Miss] = []
    while True:
        due = store.pending(endpoint, AT_ONCE, due_s=now_s)
        decisions = _decisions(due, find, gave, endpoint, horizon_s, now_s)
        store.match(decisions)
        decided += decisions
        if len(due) < AT_ONCE:
            return _run(decided)


def _decisions(
    due: Sequence[PendingFeedback],
    find: Find,
    gave: Gave,
    endpoint: str,
    horizon_s: float,
    now_s: float,
) -> list[Match | Miss]:
    ids = sorted({one.prediction_id for one in due if one.prediction_id is not None})
    keys: dict[str, float] = {}
    for one in due:
        if one.prediction_id is None and one.key is not None:
            # The newest row of a key may be another one's: then all of them are looked at.
            until_s = one.before_s if one.owner is None else 0.0
            keys[one.key] = min(until_s, keys.get(one.key, until_s))
    by_id: dict[str, list[PredictedRow]] = {}
    by_key: dict[str, list[PredictedRow]] = {}
    for row in find(endpoint, ids, keys) if due else ():
        by_id.setdefault(row.prediction_id, []).append(row)
        if row.key is not None:
            by_key.setdefault(row.key, []).append(row)
    decisions: list[Match | Miss] = []
    for one in due:
        if one.prediction_id is not None:
            rows, why, for_good = _by_id(one, by_id.get(one.prediction_id, []))
        else:
            theirs = by_key.get(one.key or "", [])
            if one.owner is not None:
                theirs = [row for row in theirs if gave(row.prediction_id, one.owner)]
            rows, why, for_good = _by_key(one, theirs)
        if rows:
            late = one.first_at_s - rows[0].at_s > horizon_s
            decisions.append(Match(one, rows, late))
            continue
        again_at_s = None if for_good else _again_at_s(one, horizon_s, now_s)
        decisions.append(Miss(one, again_at_s, why))
    return decisions


def _by_id(
    one: PendingFeedback, rows: Sequence[PredictedRow]
) -> tuple[tuple[PredictedRow, ...], str, bool]:
    """The rows that feedback labels, or why there are none, and whether that is for good."""
    if not rows:
        return (), "no prediction has its id", False
    request = sorted({row.row: row for row in rows}.values(), key=lambda row: row.row)
    if one.row is not None:
        request = [row for row in request if row.row == one.row]
        if not request:
            return (), f"its prediction has no row {one.row}", True
    elif why := misfit(one.truth_json, len(request)):
        return (), why, True
    return _labelled(one, request, whole=one.row is None)


def _by_key(
    one: PendingFeedback, rows: Sequence[PredictedRow]
) -> tuple[tuple[PredictedRow, ...], str, bool]:
    """The newest row before the truth was known, or why there is none."""
    if not rows:
        return (), "no prediction has its key", False
    earlier = [row for row in rows if row.at_s <= one.before_s]
    if not earlier:
        return (), "all predictions with its key are newer", False
    newest = max(earlier, key=lambda row: (row.at_s, row.prediction_id, row.row))
    return _labelled(one, [newest], whole=False)


def _labelled(
    one: PendingFeedback, rows: Sequence[PredictedRow], *, whole: bool
) -> tuple[tuple[PredictedRow, ...], str, bool]:
    labelled = tuple(
        row
        for row in rows
        if one.reward is not None or truth_of(one.truth_json, row.row, whole=whole) is not None
    )
    return labelled, "its truth says nothing", True


def _again_at_s(one: PendingFeedback, horizon_s: float, now_s: float) -> float | None:
    waited_s = now_s - one.received_at_s
    if waited_s >= horizon_s:
        return None
    pause_s = min(max(waited_s, _SOONEST_S), _LATEST_S, max(horizon_s - waited_s, _SOONEST_S))
    return now_s + pause_s


def _run(decided: Sequence[Match | Miss]) -> MatchingRun:
    matched = [one for one in decided if isinstance(one, Match)]
    missed = [one for one in decided if isinstance(one, Miss)]
    given_up = sum(one.again_at_s is None for one in missed)
    return MatchingRun(
        len(matched), sum(one.late for one in matched), len(missed) - given_up, given_up
    )
