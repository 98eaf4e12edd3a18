"""What is kept of a record until it is packed: not the request, which is let go at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from serve_app.core.caller import ANONYMOUS, credential_of
from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Request
from serve_app.core.plan import Plan
from serve_app.core.record import ANSWERED, Record, Shadowed
from serve_app.core.record_settings import DEFAULT, RecordSettings
from serve_app.routing.keys import in_headers

_NOTHING: Mapping[str, Sequence[Any]] = {}


class KeptRecord(NamedTuple):
    """A record without its request and its error.

    These hold the body, the headers and what was read of them, some 8 kB for a row of 50 numbers:
    and to free them once they have left the processor's caches takes longer than all that is done
    here. `values` are those of the rows, by name, that `settings` need beside the columns: a name
    of which a request had no value for each row is not there. `caller` is who asked, as far as
    the settings want it, before it becomes a pseudonym; `tenant` for whom, where rows have
    subjects.
    """

    endpoint: str
    rows: int
    request_id: str
    snapshot: int
    started_s: float
    took_s: float
    prediction_id: str | None
    plan: Plan | None
    columns: Columns | None
    answer: Answer | None
    cached_rows: int | None
    outcome: str
    shadows: tuple[Shadowed, ...]
    settings: RecordSettings
    values: Mapping[str, Sequence[Any]]
    caller: str | None = None
    tenant: str = ""


def kept(record: Record, settings: RecordSettings = DEFAULT) -> KeptRecord:
    """What is kept of a record of an endpoint with such settings."""
    (
        request, endpoint, snapshot, started_s, took_s, given_id, plan, columns, answer, cached, _,
        shadows,
    ) = record  # fmt: skip
    rows = request.payload.rows if columns is None else columns.rows
    subject = settings.subject
    needs = settings.key is not None or settings.segments or subject is not None
    values = _values(request, rows, settings) if needs else _NOTHING
    outcome = record.outcome if answer is None or answer.fallback else ANSWERED
    # As `KeptRecord(...)`, in half the time: this is done for each request.
    return tuple.__new__(
        KeptRecord,
        (endpoint, rows, request.id, snapshot, started_s, took_s, given_id, plan, columns, answer,
         cached, outcome, shadows, settings, values,
         None if settings.callers is None else _caller(request, settings),
         "" if subject is None else request.caller.tenant),
    )  # fmt: skip


def _values(request: Request, rows: int, settings: RecordSettings) -> dict[str, Sequence[Any]]:
    """The values of a request's rows by name; one that stands beside the rows is that of all.

    A key or a subject may be in a header, as the key of a route may.
    """
    payload = request.payload
    single = [name for name in (settings.key, settings.subject) if name is not None]
    names = (*single, *settings.segments)
    values: dict[str, Sequence[Any]] = {}
    for name in names:
        if name in payload.keys:
            values[name] = [payload.keys[name]] * rows
        else:
            column = payload.columns.get(name)
            if column is not None and len(column) == rows:
                values[name] = column
            elif name in single and (given := in_headers(request, name)) is not None:
                values[name] = [given] * rows
    return values


def _caller(request: Request, settings: RecordSettings) -> str | None:
    """Who asked; none of those who did not say who they are."""
    # Who is known is called by name: what it proved itself with is not kept, not even here.
    if request.caller != ANONYMOUS:
        return request.caller.name
    return credential_of(request.headers) if settings.callers == "credential" else None
