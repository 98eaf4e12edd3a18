"""A message to a receiver: what began or stands on, and what has ended, of one endpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from serve_app.monitoring.finding import Finding

VERSION = 1
"""Of the form in which messages are written as JSON."""
Status = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A finding in a message: it stands since `since_s`, or ended at `ended_s`.

    Times are seconds since 1970. With `is_repeat` it was announced before.
    """

    finding: Finding
    since_s: float
    ended_s: float | None = None
    is_repeat: bool = False

    @property
    def id(self) -> str:
        """The same for all that is sent of this finding until it ends."""
        what = json.dumps([*self.finding.key, self.since_s])
        return hashlib.sha256(what.encode()).hexdigest()[:24]

    @property
    def status(self) -> Status:
        """Whether it stands or has ended."""
        return "firing" if self.ended_s is None else "resolved"

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "id": self.id,
            "status": self.status,
            "since_s": self.since_s,
            "ended_s": self.ended_s,
            "is_repeat": self.is_repeat,
            **self.finding.to_json(),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Announcement:
        """What `to_json` wrote."""
        return cls(
            finding_from_json(body), body["since_s"], body["ended_s"], is_repeat=body["is_repeat"]
        )


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to one receiver at once; `standing` findings of the endpoint stand in all.

    `at_s` is when it was made, in seconds since 1970. No two messages have one `id`.
    """

    id: str
    receiver: str
    endpoint: str
    at_s: float
    firing: tuple[Announcement, ...]
    resolved: tuple[Announcement, ...]
    standing: int
    is_test: bool = False

    @property
    def announcements(self) -> tuple[Announcement, ...]:
        """All of them, what stands first."""
        return (*self.firing, *self.resolved)

    @property
    def status(self) -> Status:
        """Whether anything of it stands."""
        return "firing" if self.firing else "resolved"

    @property
    def severity(self) -> str:
        """The worst of what it lists."""
        severities = {one.finding.severity for one in self.announcements}
        return "critical" if "critical" in severities else "warning"

    def to_json(self) -> dict[str, Any]:
        """What is kept of it, and what a webhook is sent."""
        return {
            "version": VERSION,
            "id": self.id,
            "receiver": self.receiver,
            "endpoint": self.endpoint,
            "at_s": self.at_s,
            "status": self.status,
            "severity": self.severity,
            "standing": self.standing,
            "is_test": self.is_test,
            "findings": [one.to_json() for one in self.announcements],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Message:
        """What `to_json` wrote."""
        every = [Announcement.from_json(one) for one in body["findings"]]
        return cls(
            id=body["id"],
            receiver=body["receiver"],
            endpoint=body["endpoint"],
            at_s=body["at_s"],
            firing=tuple(one for one in every if one.status == "firing"),
            resolved=tuple(one for one in every if one.status == "resolved"),
            standing=body["standing"],
            is_test=body["is_test"],
        )


def trial_message(receiver: str, identity: str, now_s: float) -> Message:
    """A message that says nothing but that messages arrive."""
    finding = Finding(
        kind="test",
        endpoint="test",
        variants="",
        subject="delivery",
        text="this is a test: serve-app can send alerts here, and nothing is wrong",
    )
    announcement = Announcement(finding, now_s)
    return Message(identity, receiver, "test", now_s, (announcement,), (), 0, is_test=True)


def finding_from_json(body: Mapping[str, Any]) -> Finding:
    """A finding out of the fields that its `to_json` wrote; further ones are passed over."""
    return Finding(
        kind=body["kind"],
        endpoint=body["endpoint"],
        variants=body["variants"],
        subject=body["subject"],
        text=body["text"],
        severity=body["severity"],
        value=body["value"],
        threshold=body["threshold"],
    )
