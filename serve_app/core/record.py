"""What happened to one request that reached an endpoint, from its arrival to its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from serve_app.errors import ServeError

if TYPE_CHECKING:
    from serve_app.core.columns import Columns
    from serve_app.core.messages import Answer, Request
    from serve_app.core.plan import Plan

ANSWERED = "answered"
FALLBACK = "fallback"
CANCELLED = "cancelled"
INTERNAL = "internal"


class Record(NamedTuple):
    """One request: what came in, who was asked, what became of it. Times are in seconds.

    `started_s` is a time of the engine's clock. `columns` are those after validation, None where
    they were refused before; `plan` is None where nobody was chosen. Of a request that failed,
    `error` says why and there is no `answer`. `shadows` are answers that nobody was given.
    """

    request: Request
    endpoint: str
    snapshot: int
    started_s: float
    took_s: float
    prediction_id: str | None = None
    plan: Plan | None = None
    columns: Columns | None = None
    answer: Answer | None = None
    cached_rows: int | None = None
    error: BaseException | None = None
    shadows: tuple[Answer, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows the request had."""
        return self.request.payload.rows if self.columns is None else self.columns.rows

    @property
    def outcome(self) -> str:
        """What became of it: `answered`, `fallback`, or the code of the error."""
        if self.answer is not None:
            return FALLBACK if self.answer.fallback else ANSWERED
        if isinstance(self.error, ServeError):
            return self.error.code
        return INTERNAL if isinstance(self.error, Exception) else CANCELLED
