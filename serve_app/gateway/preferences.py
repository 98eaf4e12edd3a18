"""What clients prefer of an answer: the header `Prefer` of RFC 7240."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.request import parse_http_list

PREFER = b"prefer"
LONGEST_WAIT_S = 60
_LATER = "respond-async"
_WAIT = "wait"
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Preference:
    """Whether an answer may come later, and for how long the client waits for it at first."""

    later: bool = False
    wait_s: int | None = None


def preference_of(headers: Iterable[tuple[bytes, bytes]]) -> Preference:
    """What the headers of a request prefer; what is unknown or malformed is no preference.

    Of a preference that stands twice the first counts.
    """
    given: dict[str, str] = {}
    for name, value in headers:
        if name == PREFER:
            for one in parse_http_list(value.decode("latin-1")):
                word, _, text = one.partition(";")[0].partition("=")
                given.setdefault(word.strip().lower(), text.strip().strip('"'))
    wait = given.get(_WAIT, "")
    whole = wait.isascii() and wait.isdigit() and len(wait) <= _MOST_DIGITS
    return Preference(_LATER in given, min(int(wait), LONGEST_WAIT_S) if whole else None)
