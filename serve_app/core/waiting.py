"""Those who wait for one target: first come, first served, alike with alike."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    import asyncio

    from serve_app.core.columns import Columns


class Sliceable(Protocol):
    """A result with one entry per row."""

    def slice(self, start: int, stop: int) -> Self:
        """The rows from `start` up to `stop`."""
        ...


T = TypeVar("T", bound=Sliceable)
Kind = tuple[object, ...]


@dataclass(slots=True, eq=False)
class Item(Generic[T]):
    """Rows that somebody waits for, and where the answer is awaited.

    `number` grows with every arrival; `kind` is that of `kind_of`. It waits since `since_s`.
    """

    columns: Columns
    deadline: float
    number: int
    kind: Kind
    future: asyncio.Future[T]
    since_s: float = 0.0
    waits: bool = True


class BatchQueue(Generic[T]):
    """Those who wait, first come first served; a batch is of the oldest one's kind."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._kinds: dict[Kind, OrderedDict[int, Item[T]]] = {}
        self._arrivals_s = 0.0
        self.rows = 0
        self.items = 0

    def has_room(self, rows: int) -> bool:
        """Whether so many rows more may wait; the first in the queue always may."""
        return not self.rows or self.rows + rows <= self._max_rows

    def add(self, item: Item[T]) -> None:
        """Let an item wait, behind all others."""
        alike = self._kinds.get(item.kind)
        if alike is None:
            alike = self._kinds[item.kind] = OrderedDict()
        alike[item.number] = item
        self.rows += item.columns.rows
        self.items += 1
        self._arrivals_s += item.since_s

    def discard(self, item: Item[T]) -> None:
        """Take an item out, if it is still here."""
        if not item.waits:
            return
        item.waits = False
        self.rows -= item.columns.rows
        self.items -= 1
        # Begun anew whenever nobody waits, so that no rounding gathers.
        self._arrivals_s = self._arrivals_s - item.since_s if self.items else 0.0
        alike = self._kinds[item.kind]
        del alike[item.number]
        if not alike:
            del self._kinds[item.kind]

    def take(self, max_rows: int, max_bytes: int) -> list[Item[T]]:
        """The next batch, empty when nobody waits; one that is larger alone goes alone."""
        if not self._kinds:
            return []
        alike = min(self._kinds.values(), key=lambda waiting: next(iter(waiting)))
        batch: list[Item[T]] = []
        rows = size = 0
        while alike:
            item = next(iter(alike.values()))
            rows += item.columns.rows
            if batch:
                # Who goes alone need not be weighed.
                size = (size or batch[0].columns.nbytes) + item.columns.nbytes
                if rows > max_rows or size > max_bytes:
                    break
            self.discard(item)
            batch.append(item)
        return batch

    def waited_s(self, now_s: float) -> float:
        """How long all that wait have waited until now, in seconds, added up."""
        return self.items * now_s - self._arrivals_s

    def clear(self) -> list[Item[T]]:
        """Take everybody out."""
        items = [item for alike in self._kinds.values() for item in alike.values()]
        for item in items:
            self.discard(item)
        return items


def kind_of(columns: Columns) -> Kind:
    """What must be alike for rows to be stacked: names, dtypes, shapes, whether in one block."""
    if columns.block is not None:
        return (columns.names, columns.block.dtype)
    arrays = columns.arrays
    return (columns.names, *[a.dtype if a.ndim == 1 else (a.dtype, a.shape[1:]) for a in arrays])
