"""Spans in memory, made as a process makes them."""

import random

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from serve_app.monitoring.telemetry.sampling import Sampling
from serve_app.monitoring.telemetry.tracing import Tracing


class Spans:
    """What a process traced; ids and chance come from a seed."""

    def __init__(self, sampling: Sampling | None = None, seed: int = 7) -> None:
        self._exporter = InMemorySpanExporter()
        source = random.Random(seed)
        self.tracing = Tracing(
            SimpleSpanProcessor(self._exporter),
            Resource({"service.name": "test"}),
            sampling or Sampling(1.0),
            draw=source.random,
            bits=source.getrandbits,
        )

    def all(self):
        """The spans that ended, in the order in which they did."""
        return self._exporter.get_finished_spans()

    def named(self, name):
        """The only span of that name."""
        (span,) = [span for span in self.all() if span.name == name]
        return span

    def text(self):
        """Everything that would be sent, as text."""
        return "\n".join(span.to_json() for span in self.all())
