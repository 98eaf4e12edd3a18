"""One column of the reference: its cells, how many rows fell into each, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal

Kind = Literal["numbers", "values", "categories"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column and the cells that its values are counted in.

    `counts` are those of the reference, in the order of the cells:

    * of `numbers` the cells are what lies below the first of `edges`, the bins between them, what
      lies above the last. A bin holds its lower edge, the last one its upper edge too;
    * of `values`, numbers of which there are few, each value, then 0 (`other`), then all that
      the reference has not (`unseen`);
    * of `categories` each name, the most frequent first, then the rarer ones (`other`), then
      `unseen`. `others` tells rare names from unseen ones, by the CRC-32 of each; where there
      are too many to be listed, it is not `closed`: all that is not named is `other`.

    Missing values and infinities are counted apart. Dates and times are seconds since 1970, truth
    values 0 and 1. Statistics are of the finite values: `deviation` is the population's standard
    deviation. `distinct` is how many different finite values, or names, there were, `singletons`
    how many of the names one row had. `note` says in words what the cells leave out.
    """

    name: str
    dtype: str
    kind: Kind
    counts: tuple[int, ...]
    missing: int = 0
    minus_infinity: int = 0
    plus_infinity: int = 0
    edges: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    others: tuple[int, ...] = ()
    closed: bool = True
    distinct: int = 0
    singletons: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    note: str | None = None

    @property
    def cells(self) -> int:
        """How many cells there are, without those for what is missing or infinite."""
        return len(self.counts)

    @property
    def size(self) -> int:
        """How many numbers count it: the cells, missing, and of numbers both infinities."""
        return self.cells + (1 if self.kind == "categories" else 3)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The counts of the reference as they lie in a vector: cells, missing, -inf, inf."""
        if self.kind == "categories":
            return (*self.counts, self.missing)
        return (*self.counts, self.missing, self.minus_infinity, self.plus_infinity)

    def to_json(self) -> dict[str, Any]:
        """The feature as JSON values, without what it does not say."""
        body: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING or value != field.default:
                body[field.name] = list(value) if isinstance(value, tuple) else value
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Feature:
        """Read what `to_json` wrote.

        Raises:
            TypeError: it lacks a field or has an unknown one.
            ValueError: it has not as many counts as cells.
        """
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
        }
        feature = cls(**given)
        named = {"numbers": len(feature.edges) + 1, "values": len(feature.values) + 2}
        cells = named.get(feature.kind, len(feature.categories) + 2)
        if feature.cells != cells:
            msg = f"feature {feature.name!r} has {feature.cells} counts for {cells} cells"
            raise ValueError(msg)
        return feature


@dataclass(frozen=True, slots=True)
class Skipped:
    """A column that is not counted, and why not."""

    name: str
    reason: str
