"""What is kept of an endpoint's requests, and whether that fits to its columns and its route."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from serve_app.config import EndpointSettings, MonitoringSettings
from serve_app.core.record_settings import RecordSettings
from serve_app.core.signature import Column
from serve_app.errors import ConfigError
from serve_app.monitoring.quality.segments import segment_rule

_Problem = tuple[tuple[str, ...], str]


def kept_problems(
    endpoint: EndpointSettings, columns: Iterable[Column], learns_from: Iterable[str]
) -> Iterator[_Problem]:
    """What does not fit: the keys below the endpoint that lead there, and why.

    `learns_from` are the columns whose kept values the route needs.
    """
    settings = endpoint.monitoring
    names = [column.name for column in columns]
    needed = set(learns_from)
    for name in sorted(needed.intersection(settings.redact)):
        message = f"the route learns from {name!r}, which is not kept: `redact` names it"
        yield ("monitoring", "redact"), message
    unlogged = _unlogged(endpoint, names)
    for name in sorted((unlogged & needed) - set(settings.redact)):
        message = f"the route learns from {name!r}, which is not kept: give it `log: true`"
        yield ("privacy", "log_columns"), message
    for name in sorted(unlogged & set(settings.segments)):
        message = f"the values of {name!r} would be kept, and `schema.columns` does not let them"
        yield ("monitoring", "segments"), message
    yield from _redact_problems(settings, names)
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


def _unlogged(endpoint: EndpointSettings, names: Iterable[str]) -> frozenset[str]:
    """The columns whose values the schema does not let into the log."""
    logged = {name: column.log for name, column in endpoint.schema_.columns.items()}
    is_open = endpoint.privacy.log_columns == "all"
    return frozenset(
        name for name in names if not (is_open if logged.get(name) is None else logged[name])
    )


def records_of(endpoint: EndpointSettings, names: Iterable[str]) -> RecordSettings:
    """The settings by which requests of rows with columns of these names are recorded."""
    settings = endpoint.monitoring
    given = settings.model_dump(exclude={"callers"})
    segments = segment_rule(settings.segments).allowed
    drift = settings.drift.chosen()
    chosen = {
        "redact": frozenset(given["redact"]) | _unlogged(endpoint, names),
        "segments": segments,
        "drift": drift,
        "subject": endpoint.privacy.subject,
    }
    if settings.callers is not None:
        chosen |= {"callers": settings.callers.by, "caller_salt": settings.callers.salt}
    return RecordSettings(**{**given, **chosen})
