"""Which requests become traces: decided once, where a trace begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanContext

from serve_app.config import TelemetrySettings

DEFAULT_RATIO = 0.01
SAMPLER = "OTEL_TRACES_SAMPLER"
SAMPLER_ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"
_LOW_BITS = 64
_LOW = (1 << _LOW_BITS) - 1
Bits = Callable[[int], int]
"""So many random bits, as `random.getrandbits` gives them."""
logger = logging.getLogger("serve_app.telemetry")


@dataclass(frozen=True, slots=True)
class Sampling:
    """A share of all traces, 0 to 1; those that a caller began as it says, if `parent_based`.

    Decisions are those of OpenTelemetry's `TraceIdRatioBased`, by the lower half of a trace's id.
    A request without a caller's trace is decided upon before there is an id, since most are not
    sampled and one costs more than all else: `SampledIds` then draws one that decides the same.
    """

    ratio: float = DEFAULT_RATIO
    parent_based: bool = True

    @property
    def bound(self) -> int:
        """Traces with a lower half of their id below this are sampled."""
        return round(self.ratio * (1 << _LOW_BITS))

    def follows(self, caller: SpanContext) -> bool:
        """Whether a trace that a caller began is sampled here."""
        if self.parent_based:
            return caller.trace_flags.sampled
        return (caller.trace_id & _LOW) < self.bound


class SampledIds(IdGenerator):
    """Random ids of spans, and of traces of which it is known that they are sampled."""

    def __init__(self, sampling: Sampling, bits: Bits) -> None:
        self._bits = bits
        self._bound = max(sampling.bound, 2)

    def generate_span_id(self) -> int:
        """An id of 64 bits that is not 0."""
        return self._bits(_LOW_BITS) or 1

    def generate_trace_id(self) -> int:
        """An id of 128 bits whose lower half is below the bound and not 0."""
        low = self._bits(2 * _LOW_BITS) % (self._bound - 1) + 1
        return (self._bits(_LOW_BITS) << _LOW_BITS) | low


def sampling_of(settings: TelemetrySettings, environment: Mapping[str, str]) -> Sampling:
    """What the config says, or else OpenTelemetry's variables, or else 1 % of what begins here."""
    if settings.sampling is not None:
        return Sampling(settings.sampling)
    name = environment.get(SAMPLER, "").strip().lower()
    if not name:
        return Sampling()
    based, kind = name.startswith("parentbased_"), name.removeprefix("parentbased_")
    if kind in {"always_on", "always_off"}:
        return Sampling(1.0 if kind == "always_on" else 0.0, based)
    if kind != "traceidratio":
        logger.warning("OTEL_TRACES_SAMPLER names no sampler that is known here", extra={
            "sampler": name[:80], "sampled_ratio": DEFAULT_RATIO,
        })  # fmt: skip
        return Sampling()
    return Sampling(_ratio(environment.get(SAMPLER_ARGUMENT, "")), based)


def _ratio(text: str) -> float:
    """The share that a variable gives; all, as OpenTelemetry says, where there is none."""
    if not text.strip():
        return 1.0
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if 0 <= ratio <= 1:
        return ratio
    logger.warning("OTEL_TRACES_SAMPLER_ARG is no share from 0 to 1", extra={
        "sampled_ratio": DEFAULT_RATIO,
    })  # fmt: skip
    return DEFAULT_RATIO
