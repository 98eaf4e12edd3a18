"""Which of the names that are known somebody meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_NEAR = 0.6
_SHORT = 4


def _plain(key: str) -> str:
    """A key without what people write otherwise: case, separators, plural."""
    return re.sub(r"[^a-z0-9]", "", key.lower()).rstrip("s")


def same_names(key: str, known: Iterable[str]) -> list[str]:
    """The names that are a key but for case, separators and a plural."""
    return [name for name in known if _plain(name) == _plain(str(key))]


def nearest_names(key: str, known: Iterable[str]) -> list[str]:
    """The names that are as near to a key as no other, if any is near."""
    ratios = {name: _likeness(_plain(str(key)), _plain(name)) for name in known}
    best = max(ratios.values(), default=0.0)
    return [name for name, ratio in ratios.items() if ratio == best] if best >= _NEAR else []


def _likeness(one: str, other: str) -> float:
    # Of two letters that changed places, the matcher sees only one that stayed.
    if len(one) < _SHORT and sorted(one) == sorted(other):
        return 1.0
    return difflib.SequenceMatcher(None, one, other).ratio()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to add to a message about a name that is none; empty where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
