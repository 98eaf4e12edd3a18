"""Those who wait for one target: in turn, alike with alike, and no flow before the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable

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

    `number` grows with every arrival; `kind` is that of `kind_of`, `flow` says whose rows they
    are. It waits since `since_s`.
    """

    columns: Columns
    deadline: float
    number: int
    kind: Kind
    future: asyncio.Future[T]
    since_s: float = 0.0
    flow: Hashable = None
    waits: bool = True


@dataclass(slots=True)
class _Flow(Generic[T]):
    """Who of a flow waits, by number, and at which virtual time its next item may start."""

    waiting: dict[int, Item[T]] = field(default_factory=dict)
    rows: int = 0
    next_start: float = 0.0


class BatchQueue(Generic[T]):
    """Those who wait: flows share what is served by rows, and each flow's items go in turn.

    Start-time fair queueing (Goyal, Vin, Cheng, 1996): an item may start once all before it of
    its flow were served, counted from the start of what was served last, and the earliest start
    goes first. With one flow that is first come, first served; a flow that floods waits for
    itself and not before others. A batch is of the kind of the item that goes first.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._kinds: dict[Kind, list[tuple[float, int, Item[T]]]] = {}
        self._flows: dict[Hashable, _Flow[T]] = {}
        self._started = 0.0
        self._gone = 0
        self._arrivals_s = 0.0
        self.rows = 0
        self.items = 0

    def has_room(self, rows: int) -> bool:
        """Whether so many rows more may wait; the first in the queue always may."""
        return not self.rows or self.rows + rows <= self._max_rows

    def displaced(self, rows: int, flow: Hashable) -> list[Item[T]]:
        """Take out who must leave so that a flow may add so many rows, where that is fair.

        Those who came last of the flow with the most rows, as long as it keeps more than the
        other one would have; nobody where that does not make room.
        """
        mine = self._flows[flow].rows if flow in self._flows else 0
        largest = max(self._flows, key=lambda one: self._flows[one].rows, default=None)
        if largest is None or largest == flow:
            return []
        keeps, missing = self._flows[largest].rows, self.rows + rows - self._max_rows
        leaving: list[Item[T]] = []
        for item in reversed(self._flows[largest].waiting.values()):
            if missing <= 0:
                break
            keeps -= item.columns.rows
            if keeps < mine + rows:
                return []
            missing -= item.columns.rows
            leaving.append(item)
        if missing > 0:
            return []
        for item in leaving:
            self.discard(item)
        return leaving

    def add(self, item: Item[T]) -> None:
        """Let an item wait, behind all others of its flow."""
        flow = self._flows.get(item.flow)
        if flow is None:
            self._forget_idle()
            flow = self._flows[item.flow] = _Flow()
        start = max(self._started, flow.next_start)
        flow.next_start = start + item.columns.rows
        flow.rows += item.columns.rows
        flow.waiting[item.number] = item
        heappush(self._kinds.setdefault(item.kind, []), (start, item.number, item))
        self.rows += item.columns.rows
        self.items += 1
        self._arrivals_s += item.since_s

    def discard(self, item: Item[T]) -> None:
        """Take an item out, if it is still here."""
        if not item.waits:
            return
        self._leave(item)
        self._gone += 1
        # Its place in the heap is given up with others', so that whoever leaves pays little.
        if self._gone > _MOST_GONE and self._gone > self.items:
            self._forget_gone()

    def take(self, max_rows: int, max_bytes: int) -> list[Item[T]]:
        """The next batch, empty when nobody waits; one that is larger alone goes alone."""
        batch: list[Item[T]] = []
        alike = self._first()
        rows = size = 0
        while alike:
            start, _, item = alike[0]
            if not item.waits:
                heappop(alike)
                self._gone -= 1
                continue
            rows += item.columns.rows
            if batch:
                # Who goes alone need not be weighed.
                size = (size or batch[0].columns.nbytes) + item.columns.nbytes
                if rows > max_rows or size > max_bytes:
                    break
            heappop(alike)
            self._started = max(self._started, start)
            self._leave(item)
            batch.append(item)
        return batch

    def waited_s(self, now_s: float) -> float:
        """How long all that wait have waited until now, in seconds, added up."""
        return self.items * now_s - self._arrivals_s

    def clear(self) -> list[Item[T]]:
        """Take everybody out."""
        items = [entry[2] for alike in self._kinds.values() for entry in alike if entry[2].waits]
        for item in items:
            self._leave(item)
        self._kinds.clear()
        self._gone = 0
        return items

    def _first(self) -> list[tuple[float, int, Item[T]]]:
        """Those of the kind of whoever goes first; kinds of which nobody waits are forgotten."""
        first: list[tuple[float, int, Item[T]]] = []
        for kind in list(self._kinds):
            alike = self._kinds[kind]
            while alike and not alike[0][2].waits:
                heappop(alike)
                self._gone -= 1
            if not alike:
                del self._kinds[kind]
            elif not first or alike[0] < first[0]:
                first = alike
        return first

    def _leave(self, item: Item[T]) -> None:
        item.waits = False
        self.rows -= item.columns.rows
        self.items -= 1
        flow = self._flows[item.flow]
        flow.rows -= item.columns.rows
        del flow.waiting[item.number]
        if not self.items:
            # Begun anew whenever nobody waits, so that no rounding gathers.
            self._arrivals_s = self._started = 0.0
            self._flows.clear()
        else:
            self._arrivals_s -= item.since_s

    def _forget_idle(self) -> None:
        """Forget flows of which nobody waits and which are owed no turn, once there are many."""
        if len(self._flows) < _MOST_FLOWS:
            return
        for name, flow in list(self._flows.items()):
            if not flow.waiting and flow.next_start <= self._started:
                del self._flows[name]

    def _forget_gone(self) -> None:
        for kind, alike in list(self._kinds.items()):
            here = [entry for entry in alike if entry[2].waits]
            heapify(here)
            if here:
                self._kinds[kind] = here
            else:
                del self._kinds[kind]
        self._gone = 0


_MOST_GONE = 64
"""So many places of items that left are kept before they are given up."""
_MOST_FLOWS = 1000
"""So many flows are remembered before idle ones are looked for."""


def kind_of(columns: Columns) -> Kind:
    """What must be alike for rows to be stacked: names, dtypes, shapes, whether in one block."""
    if columns.block is not None:
        return (columns.names, columns.block.dtype)
    arrays = columns.arrays
    return (columns.names, *[a.dtype if a.ndim == 1 else (a.dtype, a.shape[1:]) for a in arrays])
