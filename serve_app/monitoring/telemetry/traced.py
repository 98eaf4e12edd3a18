"""The parts of a request's way that make spans, in place of those that make none.

They are chosen when a process is built, so that without telemetry nothing asks whether there is a
trace. Each is quick where the current request is not sampled.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.util.types import AttributeValue

from serve_app.core.batcher import Coalescer
from serve_app.core.columns import Columns
from serve_app.core.messages import RawColumns, Warned
from serve_app.core.offload import Offload
from serve_app.core.ports import Models, Recorder, Task
from serve_app.core.record import Record
from serve_app.core.schema import Schema
from serve_app.core.waiting import Item, T
from serve_app.monitoring.telemetry.current import recording
from serve_app.monitoring.telemetry.tracing import Tracing, code_of

P = ParamSpec("P")
R = TypeVar("R")
ENDPOINT = "serve_app.endpoint"
VERSION = "serve_app.version"
TASK = "serve_app.task"
ROWS = "serve_app.rows"
REQUESTS = "serve_app.requests"
TRANSFORM = "transform"
PREPROCESS, VALIDATE, CALL = "preprocess", "validate", "call"
_Requests = tuple[Sequence[Span], int]
_NONE: _Requests = ((), 0)
_REQUESTS: contextvars.ContextVar[_Requests] = contextvars.ContextVar(
    "serve_app_requests_of_call", default=_NONE
)
"""The spans of the sampled requests in a call, and how many requests are in it altogether."""


class _Call(NamedTuple):
    """The spans of the sampled requests in a call, how many requests it has, and its rows."""

    spans: Sequence[Span]
    requests: int
    version: str
    rows: int


class TracedModels:
    """Implements `Models`: a span for each version that a request asks, its wait included."""

    def __init__(self, models: Models, tracing: Tracing) -> None:
        self._models = models
        self._tracing = tracing

    def ask(
        self, version: str, task: Task[T], columns: Columns, deadline: float
    ) -> Coroutine[Any, Any, T]:
        """Ask a version; raises as the models within do."""
        request = recording()
        if request is None:
            return self._models.ask(version, task, columns, deadline)
        return self._ask(request, version, task, columns, deadline)

    async def _ask(
        self, request: Span, version: str, task: Task[T], columns: Columns, deadline: float
    ) -> T:
        name = PREPROCESS if task.name == TRANSFORM else task.name
        attributes: dict[str, AttributeValue] = {VERSION: version, ROWS: columns.rows}
        parent = request.get_span_context()
        with self._tracing.span(name, SpanKind.INTERNAL, parent, attributes):
            return await self._models.ask(version, task, columns, deadline)


class TracedCoalescer(Coalescer[T]):
    """Remembers whose requests wait, so that the span of their call can be linked to theirs."""

    def __init__(self, call: Callable[[Columns, float], Awaitable[T]], **bounds: Any) -> None:
        super().__init__(call, **bounds)
        self._waiting: dict[int, Span] = {}

    def submit(
        self, columns: Columns, deadline: float, flow: Hashable = None
    ) -> Coroutine[Any, Any, T]:
        """Give rows to the target as `Coalescer` does."""
        request = recording()
        if request is None:
            return super().submit(columns, deadline, flow)
        return self._submit(request, columns, deadline, flow)

    async def _submit(self, request: Span, columns: Columns, deadline: float, flow: Hashable) -> T:
        # The number that the request gets: nothing else runs before it has it.
        number = self._submitted + 1
        self._waiting[number] = request
        try:
            return await super().submit(columns, deadline, flow)
        finally:
            del self._waiting[number]

    def _send(self, batch: Sequence[Item[T]]) -> Coroutine[Any, Any, Sequence[Sequence[Item[T]]]]:
        waiting = self._waiting
        if not waiting:
            _REQUESTS.set(_NONE)
            return super()._send(batch)
        spans = [waiting[item.number] for item in batch if item.number in waiting]
        # A call runs in a context of its own, in which nothing of any request is.
        _REQUESTS.set((spans, len(batch)))
        return super()._send(batch)


class TracedCalls:
    """Implements `Models` below a coalescer: a span for each call that leaves this process.

    A call that answers one request is part of that request. One that answers several belongs to
    none of them: it begins a trace and is linked with those of its requests that are sampled.
    """

    def __init__(self, models: Models, tracing: Tracing) -> None:
        self._models = models
        self._tracing = tracing

    def ask(
        self, version: str, task: Task[T], columns: Columns, deadline: float
    ) -> Coroutine[Any, Any, T]:
        """Ask a version; raises as the models within do."""
        spans, requests = _REQUESTS.get()
        if not spans:
            return self._models.ask(version, task, columns, deadline)
        call = _Call(spans, requests, version, columns.rows)
        return self._ask(call, task, columns, deadline)

    async def _ask(self, made: _Call, task: Task[T], columns: Columns, deadline: float) -> T:
        spans, requests, version, rows = made
        attributes: dict[str, AttributeValue] = {
            VERSION: version,
            TASK: task.name,
            ROWS: rows,
            REQUESTS: requests,
        }
        alone = requests == 1
        parent = spans[0].get_span_context() if alone else None
        links = [] if alone else [Link(span.get_span_context()) for span in spans]
        with self._tracing.span(CALL, SpanKind.CLIENT, parent, attributes, links) as call:
            for span in () if alone else spans:
                span.add_link(call.get_span_context())
            return await self._models.ask(version, task, columns, deadline)


class TracedSchema(Schema):
    """A span for the validation of each request's rows."""

    tracing: Tracing

    def validate(
        self, payload_columns: RawColumns, rows: int
    ) -> tuple[Columns, tuple[Warned, ...]]:
        """Validate rows as `Schema` does."""
        request = recording()
        if request is None:
            return super().validate(payload_columns, rows)
        parent = request.get_span_context()
        with self.tracing.span(VALIDATE, SpanKind.INTERNAL, parent, {ROWS: rows}):
            return super().validate(payload_columns, rows)


def schema_of(tracing: Tracing) -> type[Schema]:
    """The kind of schema whose validations are spans of this process."""
    return type("TracedSchema", (TracedSchema,), {"tracing": tracing})


class CarryingOffload(Offload):
    """Runs functions beside the event loop within the trace of their request."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns; raises what it raises."""
        return await super().run(_carried(lambda: function(*args, **kwargs)))

    async def begin(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same of the first step of a request."""
        return await super().begin(_carried(lambda: function(*args, **kwargs)))


def _carried(function: Callable[[], R]) -> Callable[[], R]:
    """A function that runs within the trace of now, where there is one."""
    if recording() is None:
        return function
    context = contextvars.copy_context()
    return lambda: context.run(function)


class TracedRecords:
    """Implements `Recorder`: what became of a request stands in its span, without its values."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def record(self, record: Record) -> None:
        """Take the record of a request, and hand it on."""
        self._recorder.record(record)
        TracedArrivals().record(record)


class TracedArrivals:
    """Implements `Recorder`: notes in a request's span what became of it, and hands nothing on."""

    def record(self, record: Record) -> None:
        """Note what became of the request that is answered now."""
        span = recording()
        if span is None:
            return
        attributes = attributes_of(record)
        if _has_one(span):
            # A document of GraphQL may ask several endpoints in one request.
            span.add_event("prediction", attributes)
        else:
            span.set_attributes(attributes)
        if record.error is not None:
            # Whether that is an error of the server is for the protocol to say.
            span.set_attribute("error.type", code_of(record.error))


def attributes_of(record: Record) -> dict[str, AttributeValue]:
    """What a trace may tell of a request: who was asked and what became of it."""
    attributes: dict[str, AttributeValue] = {
        ENDPOINT: record.endpoint,
        "serve_app.snapshot": record.snapshot,
        "serve_app.outcome": record.outcome,
        ROWS: record.request.payload.rows,
    }
    if record.prediction_id is not None:
        attributes["serve_app.prediction_id"] = record.prediction_id
    if record.answer is not None:
        attributes["serve_app.variants"] = record.answer.variants
        if record.answer.left_out:
            failed = tuple(one.variant for one in record.answer.left_out)
            attributes["serve_app.failed_variants"] = failed
    if record.cached_rows is not None:
        attributes["serve_app.cached_rows"] = record.cached_rows
    return attributes


def _has_one(span: Span) -> bool:
    """Whether a prediction stands in a span already."""
    return ENDPOINT in (getattr(span, "attributes", None) or {})
