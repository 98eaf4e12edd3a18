"""The span of what is being done now, and its trace in lines of the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.trace import Span, format_span_id, format_trace_id

_CURRENT: ContextVar[Span | None] = ContextVar("serve_app_span", default=None)
current = _CURRENT.get
"""The span of what is being done now; None where there is no trace."""


@contextmanager
def within(span: Span | None) -> Iterator[None]:
    """Let a span be the current one for a while."""
    token = _CURRENT.set(span)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def recording() -> Span | None:
    """The current span, where it is sampled."""
    span = current()
    return span if span is not None and span.is_recording() else None


class TraceIds(logging.Filter):
    """Gives each record of the log the ids of the current trace and span, where there are any."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        span = current()
        if span is not None:
            context = span.get_span_context()
            record.trace_id = format_trace_id(context.trace_id)
            record.span_id = format_span_id(context.span_id)
        return True
