"""Texts as counts of their terms, and counts as weights."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.operation import Operation, Refused

_SPACES = re.compile(r"\s\s+")


@dataclass(frozen=True, eq=False)
class Terms(Operation):
    """How often each of the `terms` stands in each text of the one column.

    `unit` says what a term is made of: "word" (what `pattern` finds, but for `left_out`),
    "char", or "char_wb" (characters within words). Terms are `shortest` to `longest` of them.
    `accents` says how accents are taken away: "unicode", "ascii", or "" for not at all.
    """

    terms: tuple[str, ...]
    unit: str
    pattern: str
    shortest: int
    longest: int
    lower: bool
    accents: str
    left_out: tuple[str, ...]
    once: bool
    dtype: str

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    @cached_property
    def _terms_of(self) -> Callable[[str], Sequence[str]]:
        """What makes terms of a text."""
        if self.unit == "word":
            find_words, left_out = re.compile(self.pattern).findall, frozenset(self.left_out)
            if not left_out:
                return lambda text: self._joined(find_words(text))
            return lambda text: self._joined([w for w in find_words(text) if w not in left_out])
        return self._characters if self.unit == "char" else self._within_words

    def __call__(self, x: Columns, /) -> Array:
        """Shape (rows, terms).

        Raises:
            Refused: a text is missing.
        """
        out = np.zeros((x.rows, len(self.terms)), dtype=self.dtype)
        places, terms_of = self._places, self._terms_of
        for row, text in enumerate(x.arrays[0].tolist()):
            for term, count in Counter(terms_of(self._plain(text))).items():
                place = places.get(term)
                if place is not None:
                    out[row, place] = 1 if self.once else count
        return out

    def _plain(self, text: str | None) -> str:
        if not isinstance(text, str):
            raise Refused("a text is missing")
        plain = text.lower() if self.lower else text
        if not self.accents:
            return plain
        if self.accents == "unicode" and plain.isascii():
            return plain
        apart = unicodedata.normalize("NFKD", plain)
        if self.accents == "ascii":
            return apart.encode("ASCII", "ignore").decode("ASCII")
        return "".join(c for c in apart if not unicodedata.combining(c))

    def _joined(self, words: list[str]) -> list[str]:
        if self.longest == 1:
            return words
        return [
            " ".join(words[start : start + length])
            for length in range(self.shortest, min(self.longest, len(words)) + 1)
            for start in range(len(words) - length + 1)
        ]

    def _characters(self, text: str) -> list[str]:
        text = _SPACES.sub(" ", text)
        return [
            text[start : start + length]
            for length in range(self.shortest, min(self.longest, len(text)) + 1)
            for start in range(len(text) - length + 1)
        ]

    def _within_words(self, text: str) -> list[str]:
        terms: list[str] = []
        for bare in _SPACES.sub(" ", text).split():
            word = f" {bare} "
            for length in range(self.shortest, self.longest + 1):
                last = max(len(word) - length, 0)
                terms.extend(word[start : start + length] for start in range(last + 1))
                if not last:
                    # A word that is shorter still would be counted once per length.
                    break
        return terms


@dataclass(frozen=True, eq=False)
class TermWeights(Operation):
    """Counts weighed by how rare their terms are, and rows brought to length 1.

    `rarity` has one number per term; `logs` counts repeated terms by 1 + log(count); `norm` is
    "l1", "l2" or "" for none.
    """

    rarity: Array | None
    logs: bool
    norm: str

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        if self.logs:
            x = np.where(x == 0, x, np.log(np.where(x == 0, x.dtype.type(1), x)) + 1)
        if self.rarity is not None:
            x = x * self.rarity.astype(x.dtype, copy=False)
        if not self.norm:
            return x
        # One after the other, as along the entries that a sparse row stores.
        powers = x * x if self.norm == "l2" else np.abs(x)
        total = np.add.accumulate(powers, axis=1, dtype=np.float64)[:, -1:]
        lengths = np.sqrt(total) if self.norm == "l2" else total
        scaled: Array = np.divide(x, lengths, out=x.copy(), where=lengths > 0)
        return scaled
