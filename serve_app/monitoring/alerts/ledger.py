"""What a receiver was sent of each finding, and what it must be sent now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.monitoring.alerts.message import Announcement, Message, finding_from_json
from serve_app.monitoring.alerts.settings import Timing
from serve_app.monitoring.finding import Finding, FindingKey


@dataclass(frozen=True, slots=True)
class Known:
    """A finding that stands or did so lately; times are seconds since 1970.

    `announced_s` is when the receiver was last sent it, and `severity` what it was then; both
    are None before. It is away since `gone_s`.
    """

    finding: Finding
    since_s: float
    announced_s: float | None = None
    severity: str | None = None
    gone_s: float | None = None

    @property
    def is_new(self) -> bool:
        """Whether it is there, and the receiver was not sent it, or not as that grave."""
        worse = self.severity == "warning" and self.finding.severity == "critical"
        return self.gone_s is None and (self.announced_s is None or worse)

    def at_latest(self, now_s: float) -> Known:
        """With no time after `now_s`: a clock that was put back must not silence anything."""
        return replace(
            self,
            since_s=min(self.since_s, now_s),
            announced_s=None if self.announced_s is None else min(self.announced_s, now_s),
            gone_s=None if self.gone_s is None else min(self.gone_s, now_s),
        )

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            **self.finding.to_json(),
            "since_s": self.since_s,
            "announced_s": self.announced_s,
            "announced_severity": self.severity,
            "gone_s": self.gone_s,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Known:
        """What `to_json` wrote."""
        return cls(
            finding_from_json(body),
            body["since_s"],
            body["announced_s"],
            body["announced_severity"],
            body["gone_s"],
        )


@dataclass(frozen=True, slots=True)
class View:
    """What is seen at `now_s`: what stands, and of which kinds nothing is known yet.

    A monitor that just started has not looked at everything: of the `unknown` kinds what stood
    stands on.
    """

    now_s: float
    findings: Iterable[Finding]
    unknown: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a receiver knows: findings by key, and when it was sent a message, by endpoint."""

    known: Mapping[FindingKey, Known] = field(default_factory=dict)
    sent_s: Mapping[str, float] = field(default_factory=dict)

    def after(
        self, view: View, timing: Timing, receiver: str, ids: Callable[[], str]
    ) -> tuple[Ledger, list[Message]]:
        """What it knows once it was sent the messages that are due, and those."""
        known = self._seen(view, timing)
        now_s = view.now_s
        sent_s = {
            endpoint: min(at_s, now_s)
            for endpoint, at_s in self.sent_s.items()
            if now_s - at_s < timing.group_wait_s
        }
        messages = []
        for endpoint in sorted({one.finding.endpoint for one in known.values()} - sent_s.keys()):
            group = {key: one for key, one in known.items() if one.finding.endpoint == endpoint}
            due = _due(group, view, timing)
            if not due:
                continue
            messages.append(_message(ids(), receiver, group, due, now_s))
            sent_s[endpoint] = now_s
            for key, one in due.items():
                if one.gone_s is not None:
                    del known[key]
                else:
                    known[key] = replace(one, announced_s=now_s, severity=one.finding.severity)
        return Ledger(known, sent_s), messages

    def _seen(self, view: View, timing: Timing) -> dict[FindingKey, Known]:
        """The findings that stand, and those that did and are not yet over."""
        now_s = view.now_s
        known: dict[FindingKey, Known] = {}
        standing = {finding.key: finding for finding in view.findings}
        for key, finding in standing.items():
            earlier = self.known.get(key)
            if earlier is None:
                known[key] = Known(finding, now_s)
            else:
                known[key] = replace(earlier.at_latest(now_s), finding=finding, gone_s=None)
        for key, one in self.known.items():
            if key in standing:
                continue
            earlier = one.at_latest(now_s)
            if earlier.finding.kind in view.unknown:
                known[key] = earlier
                continue
            gone_s = now_s if earlier.gone_s is None else earlier.gone_s
            if earlier.announced_s is not None or now_s - gone_s < timing.resolve_s:
                known[key] = replace(earlier, gone_s=gone_s)
        return known

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "known": [one.to_json() for one in self.known.values()],
            "sent_s": dict(self.sent_s),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Ledger:
        """What `to_json` wrote."""
        every = [Known.from_json(one) for one in body["known"]]
        return cls({one.finding.key: one for one in every}, body["sent_s"])


def _due(group: Mapping[FindingKey, Known], view: View, timing: Timing) -> dict[FindingKey, Known]:
    """What an endpoint's next message lists, where one is due.

    That is all that is new, `group_wait_s` after the first of it; what is to be sent again; and
    what has ended.
    """
    now_s = view.now_s
    looked_at = {key: one for key, one in group.items() if one.finding.kind not in view.unknown}
    new = {key: one for key, one in looked_at.items() if one.is_new}
    again = {
        key: one
        for key, one in looked_at.items()
        if one.gone_s is None
        and not one.is_new
        and one.announced_s is not None
        and now_s - one.announced_s >= timing.repeat_s
    }
    over = {
        key: one
        for key, one in looked_at.items()
        if one.gone_s is not None
        and one.announced_s is not None
        and now_s - one.gone_s >= timing.resolve_s
    }
    waited = any(now_s - one.since_s >= timing.group_wait_s for one in new.values())
    return {**new, **again, **over} if waited or again or over else {}


def _message(
    identity: str,
    receiver: str,
    group: Mapping[FindingKey, Known],
    due: Mapping[FindingKey, Known],
    now_s: float,
) -> Message:
    announcements = [
        Announcement(
            one.finding, one.since_s, one.gone_s, is_repeat=not one.is_new and one.gone_s is None
        )
        for one in due.values()
    ]
    return Message(
        id=identity,
        receiver=receiver,
        endpoint=next(iter(due.values())).finding.endpoint,
        at_s=now_s,
        firing=tuple(one for one in announcements if one.ended_s is None),
        resolved=tuple(one for one in announcements if one.ended_s is not None),
        standing=sum(one.gone_s is None for one in group.values()),
    )
