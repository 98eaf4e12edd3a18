"""Which version an alias named before, and for how long it stays loaded since it was replaced."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from serve_app.core.reference import alias_of, model_of
from serve_app.registry.aliases import AliasMove
from serve_app.registry.manifest import timestamp_s

Histories = Mapping[str, Mapping[str, Sequence[AliasMove]]]
"""The moves of aliases, oldest first, by model and alias."""


def former_versions(
    references: Iterable[str], histories: Histories, now_s: float, keep_s: float
) -> dict[str, str]:
    """The version that each reference named last before, where that was less than `keep_s` ago.

    So there is at most one for each reference. `now_s` is in seconds since 1970.
    """
    kept = {}
    for reference in references:
        model, alias = model_of(reference), alias_of(reference) or ""
        replaced = _last_replaced(histories.get(model, {}).get(alias, ()))
        if replaced is not None and now_s - replaced[1] < keep_s:
            kept[reference] = f"{model}@{replaced[0]}"
    return kept


def _last_replaced(moves: Sequence[AliasMove]) -> tuple[int, float] | None:
    """The number of the last version that another one took the place of, and when it did."""
    current = moves[-1].version if moves else None
    if current is None:
        return None
    for later, earlier in pairwise(reversed(moves)):
        if earlier.version not in {None, current}:
            return earlier.version, timestamp_s(later.moved_at, -math.inf)
    return None
