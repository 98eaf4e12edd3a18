"""Deliveries as simulated clients ask about them, while the warehouse moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from serve_app.examples.clients import Answer, Case, Endpoint
from serve_app.examples.deliveries.table import DeliveryTable
from serve_app.examples.deliveries.world import Place, World


class Deliveries(Sequence[Case]):
    """So many deliveries by their numbers, from where the warehouse is at this moment."""

    def __init__(self, world: World, count: int, place: Place) -> None:
        self._world = world
        self._count = count
        self.place = place

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Case: ...

    @overload
    def __getitem__(self, number: slice) -> list[Case]: ...

    def __getitem__(self, number: int | slice) -> Case | list[Case]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._count))]
        one = self._world.delivery(number, self.place)
        return Case(one.row, one.outcome)


class TabledEndpoint:
    """An endpoint whose clients also keep how things turned out in a table.

    `clock` gives seconds since 1970.
    """

    def __init__(
        self, endpoint: Endpoint, table: DeliveryTable, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._endpoint = endpoint
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def predict(self, row: Mapping[str, Any], subject: int) -> Answer:
        """Ask; raises as the endpoint does."""
        left_s = self._clock()
        answer = self._endpoint.predict(row, subject)
        with self._lock:
            self._open[answer.prediction_id] = (left_s, row)
        return answer

    def give_feedback(self, answer: Answer, truth: Any) -> None:
        """Say how it turned out, and keep it; raises as the endpoint does."""
        self._endpoint.give_feedback(answer, truth)
        with self._lock:
            left = self._open.pop(answer.prediction_id, None)
        if left is not None:
            self._table.add(*left, str(truth))
