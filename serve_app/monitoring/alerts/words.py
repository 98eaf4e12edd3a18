"""A message in plain words, for those who read it."""

from __future__ import annotations

import unicodedata

from serve_app.monitoring.alerts.message import Announcement, Message
from serve_app.monitoring.words import moment

MOST_LISTED = 50
LONGEST_TITLE = 150
LONGEST_LINE = 600


def title(message: Message) -> str:
    """What it is about, in one line."""
    if message.is_test:
        return "serve-app: test message"
    parts = []
    new = sum(not one.is_repeat for one in message.firing)
    if new:
        parts.append(f"{new} new")
    if len(message.firing) > new:
        parts.append(f"{len(message.firing) - new} on")
    if message.resolved:
        parts.append(f"{len(message.resolved)} over")
    grave = "critical: " if message.firing and message.severity == "critical" else ""
    return one_line(
        f"serve-app: {grave}{message.endpoint}: {', '.join(parts)} ({_first(message)})",
        LONGEST_TITLE,
    )


def lines(message: Message) -> list[str]:
    """Its findings, a line for each; of very many the first ones, and how many more there are."""
    every = [line(one) for one in message.announcements]
    more = len(every) - MOST_LISTED
    return every if more <= 0 else [*every[:MOST_LISTED], f"and {more} more"]


def line(one: Announcement) -> str:
    """A finding in one line: how grave, of what, what is wrong, since when."""
    finding = one.finding
    who = " ".join(filter(None, (finding.kind, finding.variants, finding.subject)))
    since = f"since {moment(one.since_s)} UTC"
    if one.ended_s is not None:
        return one_line(f"over: {who}: {finding.text} ({since} until {moment(one.ended_s)} UTC)")
    again = ", still" if one.is_repeat else ""
    return one_line(f"{finding.severity}{again}: {who}: {finding.text} ({since})")


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The text in one line, with no control characters, and cut where it is too long."""
    clean = "".join(
        " " if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else one for one in text
    )
    words = " ".join(clean.split())
    return words if len(words) <= longest else f"{words[: longest - 2]} …"


def _first(message: Message) -> str:
    one = message.announcements[0].finding
    return f"{one.kind} {one.subject}".strip()
