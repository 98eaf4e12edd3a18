"""Which deliveries of which sender were taken, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MAX_GAPS = 256
MAX_SENDERS = 4096


class Sequences:
    """Takes each delivery once. Those of a sender are numbered in the order of their making.

    Of each sender the number is kept up to which all are taken, and the few beyond a gap. When
    more than `max_gaps` are beyond one, what is missing will not come any more: it counts as
    taken, so that nothing is ever taken twice. Of more than `max_senders`, those that were silent
    longest are forgotten.
    """

    def __init__(self, max_gaps: int = MAX_GAPS, max_senders: int = MAX_SENDERS) -> None:
        self._max_gaps, self._max_senders = max_gaps, max_senders
        self._senders: OrderedDict[str, tuple[int, set[int]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._senders)

    def taken(self, sender: str, number: int) -> bool:
        """Whether a delivery was taken, or is given up."""
        upto, beyond = self._senders.get(sender, (-1, set()))
        return number <= upto or number in beyond

    def take(self, sender: str, number: int) -> bool:
        """Take a delivery; false where it was taken before.

        Raises:
            ValueError: the number is negative.
        """
        if number < 0:
            msg = f"delivery {number} of {sender}: numbers begin at 0"
            raise ValueError(msg)
        if self.taken(sender, number):
            return False
        upto, beyond = self._senders.get(sender, (-1, set()))
        beyond.add(number)
        if len(beyond) > self._max_gaps:
            upto = min(beyond) - 1
        while upto + 1 in beyond:
            upto += 1
            beyond.remove(upto)
        self._senders[sender] = (upto, beyond)
        self._senders.move_to_end(sender)
        while len(self._senders) > self._max_senders:
            self._senders.popitem(last=False)
        return True

    def to_json(self) -> dict[str, Any]:
        """What was taken as JSON values, the longest silent sender first."""
        return {name: [upto, sorted(more)] for name, (upto, more) in self._senders.items()}

    def restore(self, body: Mapping[str, Any]) -> None:
        """Know again what `to_json` wrote."""
        self._senders = OrderedDict(
            (name, (int(upto), set(map(int, more)))) for name, (upto, more) in body.items()
        )
