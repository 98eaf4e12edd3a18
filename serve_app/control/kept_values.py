"""What is kept of an endpoint's requests, and whether that fits to its columns and its route."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from serve_app.config import MonitoringSettings
from serve_app.core.record_settings import RecordSettings
from serve_app.core.signature import Column
from serve_app.errors import ConfigError
from serve_app.monitoring.quality.segments import segment_rule

_Problem = tuple[tuple[str, ...], str]


def kept_problems(
    settings: MonitoringSettings, columns: Iterable[Column], learns_from: Iterable[str]
) -> Iterator[_Problem]:
    """What does not fit: the keys below the endpoint that lead there, and why.

    `learns_from` are the columns whose kept values the route needs.
    """
    redacted = set(settings.redact)
    for name in sorted(redacted.intersection(learns_from)):
        message = f"the route learns from {name!r}, which is not kept: `redact` names it"
        yield ("monitoring", "redact"), message
    yield from _redact_problems(settings, [column.name for column in columns])
    yield from _segment_problems(settings)


def _redact_problems(settings: MonitoringSettings, known: list[str]) -> Iterator[_Problem]:
    """What must not be kept is named as it is called: a slip would keep it."""
    key = settings.key
    if key in settings.redact:
        message = f"{key!r} is the key, whose values are kept; choose another, or do not redact"
        yield ("monitoring", "key"), message
    for name in settings.redact:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield ("monitoring", "redact"), f"there is no column {name!r}{hint}"


def _segment_problems(settings: MonitoringSettings) -> Iterator[_Problem]:
    """Few columns and values, each of which may be kept."""
    path = ("monitoring", "segments")
    try:
        segment_rule(settings.segments)
    except ConfigError as error:
        yield path, error.message.removeprefix("segments: ")
    for name in sorted(set(settings.segments) & set(settings.redact)):
        message = f"the values of {name!r} would be kept, and `redact` says they must not be"
        yield path, message


def records_of(settings: MonitoringSettings) -> RecordSettings:
    """The settings by which requests are recorded."""
    given = settings.model_dump(exclude={"callers"})
    segments = segment_rule(settings.segments).allowed
    drift = settings.drift.chosen()
    chosen = {"redact": frozenset(given["redact"]), "segments": segments, "drift": drift}
    if settings.callers is not None:
        chosen |= {"callers": settings.callers.by, "caller_salt": settings.callers.salt}
    return RecordSettings(**{**given, **chosen})
