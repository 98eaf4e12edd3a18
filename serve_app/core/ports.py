"""The narrow seams of the engine. Each has a real implementation and one for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from serve_app.core.columns import Columns
from serve_app.core.events import Event
from serve_app.core.explanation import Explanation, Origins
from serve_app.core.messages import Answer, Prediction, Request
from serve_app.core.plan import Plan
from serve_app.core.record import Record
from serve_app.core.waiting import T

Ask = Callable[[Plan, Columns, float], Awaitable[Answer]]
"""Asks the variants of a plan about rows until a deadline; raises ServeError as its maker says."""


Prepare = Callable[[Columns, float], Awaitable[Columns]]
"""Preprocesses rows until a deadline; raises ServeError as the models do that it asks."""


class Model(Protocol):
    """One loaded version: a predictor, a transformer, or both."""

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row. Raises RowsRefused or ModelFailed."""
        ...

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """Predict every row, with its raw scores.

        Raises as `predict` does, and InvalidInput where it has none.
        """
        ...

    def transform(self, columns: Columns) -> Columns:
        """Transform every row. Raises RowsRefused or ModelFailed."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A model that can say why."""

    def explain(self, columns: Columns) -> Explanation:
        """Explain every row. Raises InvalidInput, RowsRefused or ModelFailed."""
        ...

    def origins(self) -> Origins:
        """From which column each feature is made that it gives. Raises InvalidInput."""
        ...


class Task(Protocol[T]):
    """One way of asking a model; `serve_app.tasks` has those that there are."""

    @property
    def name(self) -> str:
        """By which it is asked for in another process."""
        ...

    @property
    def takes_long(self) -> bool:
        """Whether it is computed beside predictions, one request at a time."""
        ...

    def compute(self, model: Model, columns: Columns) -> T:
        """Ask a model about rows. Raises InvalidInput, RowsRefused or ModelFailed."""
        ...

    def join(self, parts: Sequence[T]) -> T:
        """The results of some rows, part after part, as one."""
        ...


class Servable(Protocol):
    """One loaded version as it is asked, whatever the task."""

    def ask(self, task: Task[T], columns: Columns) -> T:
        """Compute a task for every row. Raises InvalidInput, RowsRefused or ModelFailed."""
        ...


class Models(Protocol):
    """All versions that can be asked from here, by name (`diagnosis-xgb@1`)."""

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Ask one version to compute a task for every row.

        `deadline` is a time of the engine's clock, in seconds; an implementation gives up at
        that time with DeadlineExceeded.
        """
        ...


class Recorder(Protocol):
    """Is given what happened to each request that reached an endpoint."""

    def record(self, record: Record) -> None:
        """Take the record of a request. It must not wait, and never raises."""
        ...


class Router(Protocol):
    """Chooses the variants that answer a request."""

    def plan(self, request: Request) -> Plan:
        """Who is asked, in which order or all together."""
        ...


class Ways(Protocol):
    """The ways of asking an endpoint's variants; a kind of route chooses when a stage is built."""

    def in_turn(self) -> Ask:
        """The first variant of the plan answers; the next ones only if it cannot."""
        ...

    def together(self, combine: str, quorum: int) -> Ask:
        """All answer at once, and at least `quorum` answers become one by `core.combine`."""
        ...

    def stacked(self) -> Ask:
        """All answer at once, and the endpoint's meta-model by what all of them gave."""
        ...

    def in_stages(self, sure: Mapping[str, Mapping[Any, float]]) -> Ask:
        """Each row is answered by the first of the plan's variants that is sure of it.

        `sure` says by version from which probability of a class on it is; see
        `engine.stepwise`.
        """
        ...


class Clock(Protocol):
    """Seconds that never go back (`time.monotonic`)."""

    def __call__(self) -> float:
        """The time now, in seconds."""
        ...


class Ids(Protocol):
    """A source of identifiers that are unique for ever."""

    def __call__(self) -> str:
        """A new identifier."""
        ...


class StateStore(Protocol):
    """Keeps snapshots across deaths, newest last."""

    def save(self, version: int, declaration: str, body: Mapping[str, Any]) -> None:
        """Keep a snapshot. Raises Conflict when that version is already there."""
        ...

    def latest(self) -> Mapping[str, Any] | None:
        """The newest snapshot's body, or none."""
        ...


class EventStore(Protocol):
    """Keeps what was changed; nothing of it is ever altered or removed."""

    def append(self, event: Event) -> Event:
        """Keep an event, and give it with its id."""
        ...

    def append_once(self, event: Event) -> bool:
        """Keep an event unless there is one of its kind and subject; says whether it was kept."""
        ...

    def newest(
        self, limit: int = 100, *, kind: str | None = None, subject: str | None = None
    ) -> list[Event]:
        """Up to so many events, the newest first."""
        ...


class Suspicion(Protocol):
    """Knows how suspect callers are, for whoever limits what they may ask."""

    def of(self, caller: str) -> float:
        """How suspect a caller is, by its pseudonym: from 0, as who is unknown, to 1."""
        ...
