"""Some rows of a file, as they go from reading to writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from serve_app.batch.bad_rows import BadRow
from serve_app.core.messages import RawColumns
from serve_app.core.signature import Column


class Wanted(NamedTuple):
    """What is read of a row: the columns that the model takes, and those that are kept."""

    columns: Sequence[Column]
    kept: Sequence[str]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*(column.name for column in self.columns), *self.kept)))


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that were read together, in the order of the file.

    `ordinals` are their places in the file, from 0. `columns` are what the model takes, one value
    per row; `kept` what stands in the output as it is, as lists or arrays of Arrow. `raw` gives a
    row as it stands in the file, by its place in the block, and `offsets` where rows begin there,
    where that is known. Rows that could not be read are in none of these, but in `bad`.
    """

    ordinals: Sequence[int]
    columns: RawColumns
    kept: Mapping[str, Any]
    raw: Callable[[int], str]
    offsets: Sequence[int] | None = None
    bad: tuple[BadRow, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows could be read."""
        return len(self.ordinals)
