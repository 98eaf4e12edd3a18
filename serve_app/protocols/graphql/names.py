"""Names of endpoints and columns as GraphQL can write them: letters, digits and `_` alone."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_RESERVED = "__"
_UNNAMED = "unnamed"
_DIGITS = 6


def unique(names: Iterable[str], worded: Callable[[str], str] | None = None) -> dict[str, str]:
    """One GraphQL name for each name, no two alike, whatever the order of the names.

    A name that GraphQL takes stays as it is. Of others that would be written alike, each gets
    a few digits that follow from its own letters. `worded` says how names are written, by
    default as `readable` does.
    """
    worded = worded or readable
    wanted = {name: worded(name) for name in names}
    counts = Counter(wanted.values())
    kept = {name for name, word in wanted.items() if name == word or counts[word] == 1}
    # What one name keeps can be what others are written as: these give way.
    chosen = {name: wanted[name] for name in kept}
    taken = set(chosen.values())
    for name in sorted(wanted.keys() - kept):
        chosen[name] = next(word for word in _marked(name, wanted[name]) if word not in taken)
        taken.add(chosen[name])
    return {name: chosen[name] for name in wanted}


def readable(name: str) -> str:
    """A GraphQL name that people read as the given one: `mean radius` is `mean_radius`."""
    if _NAME.fullmatch(name) and not name.startswith(_RESERVED):
        return name
    letters = unicodedata.normalize("NFKD", name)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _begun("_".join(re.findall("[0-9A-Za-z]+", bare)))


def pascal(name: str) -> str:
    """The same in the form of names of types: `diagnosis-ensemble` is `DiagnosisEnsemble`."""
    return _begun("".join(part[:1].upper() + part[1:] for part in readable(name).split("_")))


def _begun(word: str) -> str:
    """A word that begins as a name may."""
    if not word:
        return _UNNAMED
    return f"_{word}" if word[0].isdigit() else word


def _marked(name: str, word: str) -> Iterable[str]:
    for attempt in count():
        digest = hashlib.sha256(f"{attempt}:{name}".encode()).hexdigest()
        yield f"{word}_{digest[:_DIGITS]}"
