"""What one process sends to the monitor, one delivery after the other, each until it arrived."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_BYTES = 64 * 1024**2
LARGEST_DELIVERY_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something sent under a number of its sender's; the same number always has the same payload.

    `rows` is how many recorded rows are in it.
    """

    replica: str
    sequence: int
    payload: bytes
    rows: int


class Outbox:
    """Keeps what is to be sent, bounded: what does not fit is counted and let go.

    One delivery is on its way at a time. Until it is acknowledged it is the next one again, so
    that the receiver may take each number once.
    """

    def __init__(
        self,
        replica: str,
        *,
        most_bytes: int = MOST_BYTES,
        largest_delivery_bytes: int = LARGEST_DELIVERY_BYTES,
    ) -> None:
        self.dropped_rows = 0
        self._replica = replica
        self._most_bytes = most_bytes
        self._largest = largest_delivery_bytes
        self._parts: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._sequence = 0
        self._on_its_way: Delivery | None = None

    @property
    def has_any(self) -> bool:
        """Whether anything is kept that did not arrive yet."""
        return self._on_its_way is not None or bool(self._parts)

    def add(self, part: bytes, rows: int) -> None:
        """Keep a part with so many recorded rows for one of the next deliveries."""
        if self._bytes + len(part) > self._most_bytes:
            self.dropped_rows += rows
            return
        self._parts.append((part, rows))
        self._bytes += len(part)

    def next(self, more: Callable[[], bytes] = bytes) -> Delivery | None:
        """What is to be sent now; none where there is nothing.

        `more` gives what goes with a new delivery beside the parts: it is asked once for each.
        """
        if self._on_its_way is None:
            self._on_its_way = self._new(more())
        return self._on_its_way

    def acknowledge(self, sequence: int) -> None:
        """Let a delivery go that has arrived."""
        if self._on_its_way is not None and self._on_its_way.sequence == sequence:
            self._on_its_way = None

    def give_up(self, sequence: int) -> None:
        """Let a delivery go that will never be taken, and count its rows."""
        if self._on_its_way is not None and self._on_its_way.sequence == sequence:
            self.dropped_rows += self._on_its_way.rows
            self._on_its_way = None

    def forget(self) -> None:
        """Let everything go that is not on its way yet: nobody is there to whom it could go."""
        self._parts.clear()
        self._bytes = 0

    def _new(self, more: bytes) -> Delivery | None:
        parts, rows, size = [more] if more else [], 0, len(more)
        while self._parts and (not size or size + len(self._parts[0][0]) <= self._largest):
            part, recorded = self._parts.popleft()
            parts.append(part)
            rows += recorded
            size += len(part)
            self._bytes -= len(part)
        if not parts:
            return None
        self._sequence += 1
        return Delivery(self._replica, self._sequence, b"".join(parts), rows)
