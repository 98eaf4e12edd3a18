"""Spans that have ended and wait to be sent: bounded, so that a silent collector costs nothing."""

from __future__ import annotations

import threading
from collections import deque

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

MOST_SPANS = 2048
AT_ONCE = 512


class SpanOutbox(SpanProcessor):
    """Keeps spans that have ended; what does not fit is counted and let go."""

    def __init__(self, most: int = MOST_SPANS) -> None:
        self.dropped = 0
        self._most = most
        self._spans: deque[ReadableSpan] = deque()
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span. Spans end in any thread."""
        with self._lock:
            if len(self._spans) < self._most:
                self._spans.append(span)
            else:
                self.dropped += 1

    def take(self, most: int = AT_ONCE) -> list[ReadableSpan]:
        """The oldest spans, which are not kept any more."""
        with self._lock:
            return [self._spans.popleft() for _ in range(min(most, len(self._spans)))]
