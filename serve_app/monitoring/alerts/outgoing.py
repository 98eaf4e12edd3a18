"""Messages to one receiver that wait until they are delivered, the oldest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serve_app.monitoring.alerts.message import Message
from serve_app.monitoring.alerts.settings import Timing


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is tried at `next_s`, in seconds since 1970, after `attempts` failures."""

    message: Message
    next_s: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What waits for one receiver.

    Only the first is tried: no recovery arrives before that from which it is one.
    """

    waiting: tuple[Waiting, ...] = ()

    def due(self, now_s: float) -> Message | None:
        """The message to try now, if any."""
        if not self.waiting or self.waiting[0].next_s > now_s:
            return None
        return self.waiting[0].message

    def with_more(
        self, messages: Sequence[Message], now_s: float, timing: Timing
    ) -> tuple[Outgoing, list[Message]]:
        """With more messages, and those that leave: the oldest where too many wait, or too long."""
        every = [
            *(replace(one, next_s=min(one.next_s, now_s + timing.longest_retry_s))
              for one in self.waiting),
            *(Waiting(one, now_s) for one in messages),
        ]  # fmt: skip
        kept = [one for one in every if now_s - one.message.at_s < timing.give_up_s]
        kept = kept[-timing.most_waiting :]
        ids = {one.message.id for one in kept}
        dropped = [one.message for one in every if one.message.id not in ids]
        return Outgoing(tuple(kept)), dropped

    def delivered(self, identity: str) -> Outgoing:
        """Without a message that arrived."""
        return Outgoing(tuple(one for one in self.waiting if one.message.id != identity))

    def failed(self, identity: str, now_s: float, timing: Timing) -> Outgoing:
        """With a message that did not arrive to be tried later."""
        return Outgoing(
            tuple(
                replace(
                    one,
                    attempts=one.attempts + 1,
                    next_s=now_s + timing.retry_s(one.attempts + 1),
                )
                if one.message.id == identity
                else one
                for one in self.waiting
            )
        )

    def to_json(self) -> list[dict[str, Any]]:
        """What waits, as JSON."""
        return [
            {"message": one.message.to_json(), "next_s": one.next_s, "attempts": one.attempts}
            for one in self.waiting
        ]

    @classmethod
    def from_json(cls, body: Sequence[Mapping[str, Any]]) -> Outgoing:
        """What `to_json` wrote."""
        return cls(
            tuple(
                Waiting(Message.from_json(one["message"]), one["next_s"], one["attempts"])
                for one in body
            )
        )
