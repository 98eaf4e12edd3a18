"""Begins and ends spans, and takes traces from callers in W3C's form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from serve_app import __version__
from serve_app.errors import ClientError, ServeError
from serve_app.monitoring.telemetry.current import within
from serve_app.monitoring.telemetry.sampling import Bits, SampledIds, Sampling

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
SCOPE = "serve_app"
_W3C = TraceContextTextMapPropagator()
_NO_PARENT = Context()
Attributes = Mapping[str, AttributeValue]


class Tracing:
    """Spans of one process. What is asked to begin is sampled: that was decided before.

    `draw` gives numbers in [0, 1), `bits` random bits.
    """

    def __init__(
        self,
        processor: SpanProcessor,
        resource: Resource,
        sampling: Sampling,
        *,
        draw: Callable[[], float],
        bits: Bits,
    ) -> None:
        self._sampling = sampling
        self._ratio = sampling.ratio
        self._draw = draw
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            id_generator=SampledIds(sampling, bits),
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer(SCOPE, __version__)

    def starts(self) -> bool:
        """Whether a request that no caller's trace came with begins one."""
        return self._draw() < self._ratio

    def follows(self, caller: SpanContext) -> bool:
        """Whether a trace that a caller began is sampled here."""
        return self._sampling.follows(caller)

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: SpanContext | None,
        attributes: Attributes,
        links: Sequence[Link] = (),
    ) -> Span:
        """A span that has begun; without a parent it begins a trace."""
        context = _NO_PARENT
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(parent), context)
        return self._tracer.start_span(
            name, context, kind, attributes, links, record_exception=False
        )

    @contextmanager
    def span(
        self,
        name: str,
        kind: SpanKind,
        parent: SpanContext | None,
        attributes: Attributes,
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        """A span that is the current one until what is done within it ends or fails."""
        span = self.begin(name, kind, parent, attributes, links)
        try:
            with within(span):
                yield span
        except BaseException as error:
            fail(span, error)
            raise
        finally:
            span.end()


def fail(span: Span, error: BaseException) -> None:
    """Note by its code what went wrong; words of errors may hold what was in rows.

    What is wrong with a request is no error of what refuses it.
    """
    code = code_of(error)
    span.set_attribute("error.type", code)
    if not isinstance(error, ClientError):
        span.set_status(StatusCode.ERROR, code)


def code_of(error: BaseException) -> str:
    """What an error is called in traces."""
    return error.code if isinstance(error, ServeError) else type(error).__name__


def remote(headers: Mapping[str, str]) -> SpanContext | None:
    """The span of whoever calls, in the form of W3C's Trace Context; None where it is malformed."""
    context = get_current_span(_W3C.extract(headers, _NO_PARENT)).get_span_context()
    return context if context.is_valid else None


def caller_of(headers: Sequence[tuple[bytes, bytes]]) -> SpanContext | None:
    """The span of whoever sends a request, by its headers as ASGI gives them.

    Of several `traceparent` none can be meant; several `tracestate` are one list.
    """
    for name, _ in headers:
        if name == b"traceparent":
            break
    else:
        # Nearly all requests: nothing more is made of their headers.
        return None
    parents = [value for name, value in headers if name == b"traceparent"]
    states = [value for name, value in headers if name == b"tracestate"]
    if len(parents) > 1:
        return None
    carried = {TRACEPARENT: parents[0].decode("latin-1")}
    if states:
        carried[TRACESTATE] = b",".join(states).decode("latin-1")
    return remote(carried)


def carried_by(span: Span) -> dict[str, str]:
    """A span for another process, as W3C's headers."""
    headers: dict[str, str] = {}
    _W3C.inject(headers, set_span_in_context(span, _NO_PARENT))
    return headers
