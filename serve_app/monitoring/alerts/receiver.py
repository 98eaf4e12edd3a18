"""All that must be known again of one receiver: what it knows, what waits, what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from serve_app.monitoring.alerts.ledger import Ledger, View
from serve_app.monitoring.alerts.message import Message
from serve_app.monitoring.alerts.outgoing import Outgoing
from serve_app.monitoring.alerts.settings import Choice, Timing

SHOWN = 20
"""So many messages of each receiver are remembered, to be looked at."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message: it was sent, it failed and is tried again, or it was dropped.

    `at_s` is in seconds since 1970; `error` says why it was not sent.
    """

    id: str
    at_s: float
    endpoint: str
    status: str
    findings: int
    result: Literal["sent", "failed", "dropped"]
    error: str | None = None

    @classmethod
    def of(
        cls,
        message: Message,
        at_s: float,
        result: Literal["sent", "failed", "dropped"],
        error: str | None = None,
    ) -> Sent:
        """What became of this message."""
        number = len(message.announcements)
        return cls(message.id, at_s, message.endpoint, message.status, number, result, error)


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What is known of one receiver."""

    ledger: Ledger = Ledger()  # noqa: RUF009 - it is frozen
    outgoing: Outgoing = Outgoing()  # noqa: RUF009 - likewise
    sent: tuple[Sent, ...] = ()

    def after(
        self, view: View, choice: Choice, timing: Timing, receiver: str, ids: Callable[[], str]
    ) -> tuple[ReceiverState, list[Message]]:
        """What is known once the messages that are due wait to be sent, and those dropped."""
        findings = [one for one in view.findings if choice.takes(one)]
        ledger, messages = self.ledger.after(
            View(view.now_s, findings, view.unknown), timing, receiver, ids
        )
        outgoing, dropped = self.outgoing.with_more(messages, view.now_s, timing)
        error = f"it could not be delivered within {timing.give_up_s:g} s, or too many waited"
        gone = [Sent.of(one, view.now_s, "dropped", error) for one in dropped]
        return ReceiverState(ledger, outgoing, _last((*self.sent, *gone))), dropped

    def delivered(self, message: Message, now_s: float) -> ReceiverState:
        """What is known once a message has arrived."""
        sent = _last((*self._sent_without(message), Sent.of(message, now_s, "sent")))
        return replace(self, outgoing=self.outgoing.delivered(message.id), sent=sent)

    def failed(self, message: Message, now_s: float, timing: Timing, why: str) -> ReceiverState:
        """What is known once a message did not arrive."""
        sent = _last((*self._sent_without(message), Sent.of(message, now_s, "failed", why)))
        return replace(self, outgoing=self.outgoing.failed(message.id, now_s, timing), sent=sent)

    def _sent_without(self, message: Message) -> tuple[Sent, ...]:
        return tuple(one for one in self.sent if one.id != message.id)

    def to_json(self) -> dict[str, Any]:
        """What must be known again, as JSON values."""
        return {
            "ledger": self.ledger.to_json(),
            "outgoing": self.outgoing.to_json(),
            "sent": [asdict(one) for one in self.sent],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ReceiverState:
        """What `to_json` wrote."""
        return cls(
            Ledger.from_json(body["ledger"]),
            Outgoing.from_json(body["outgoing"]),
            tuple(Sent(**one) for one in body["sent"]),
        )


def _last(sent: tuple[Sent, ...]) -> tuple[Sent, ...]:
    return sent[-SHOWN:]
