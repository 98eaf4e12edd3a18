"""What happened to one request that reached an endpoint, from its arrival to its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from serve_app.errors import ServeError

if TYPE_CHECKING:
    from serve_app.core.columns import Columns
    from serve_app.core.messages import Answer, Prediction, Request
    from serve_app.core.plan import Plan

ANSWERED = "answered"
FALLBACK = "fallback"
CANCELLED = "cancelled"
INTERNAL = "internal"
TIMED_OUT = "timed_out"
DROPPED = "dropped"


class Shadowed(NamedTuple):
    """What became of one request at one shadow.

    `outcome` is `answered`, `timed_out`, `dropped` (it was not asked), or the code of its error.
    `sample` is the share of requests that it is shown, `took_s` how long its call took in seconds,
    without waiting for its turn. The `prediction` is in the endpoint's order of labels and targets,
    None where it gave none.
    """

    version: str
    outcome: str
    sample: float = 1.0
    took_s: float | None = None
    prediction: Prediction | None = None


class Record(NamedTuple):
    """One request: what came in, who was asked, what became of it. Times are in seconds.

    `started_s` is a time of the engine's clock. `columns` are those after validation, None where
    they were refused before; `plan` is None where nobody was chosen. Of a request that failed,
    `error` says why and there is no `answer`. `shadows` are versions that were to be shown it.
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
    shadows: tuple[Shadowed, ...] = ()

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
