"""Without telemetry a process has the parts that it always had; with it those that make spans."""

import asyncio
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from opentelemetry.trace import SpanKind

from serve_app.config import TelemetrySettings
from serve_app.core.batcher import Coalescer
from serve_app.core.columns import Columns
from serve_app.core.offload import Offload
from serve_app.core.schema import Schema
from serve_app.core.supervisor import Supervisor
from serve_app.errors import ConfigError
from serve_app.monitoring.catalogue import BATCHES, Sample
from serve_app.monitoring.log import JsonLines
from serve_app.monitoring.telemetry import extra
from serve_app.monitoring.telemetry.points import Points
from serve_app.monitoring.telemetry.tracing import carried_by
from serve_app.serving import open_telemetry
from serve_app.serving.handles import HandleModels
from serve_app.serving.metrics import MetricsExporter
from serve_app.serving.open_telemetry import CarryingHandles, OpenTelemetry, TracedParts
from serve_app.serving.telemetry import telemetry_of
from serve_app.serving.untraced import Parts, Telemetry
from serve_app.tasks import task_named
from tests.otlp import receiver
from tests.unit.monitoring.telemetry.spans import Spans

ROWS = Columns.from_block(["x"], np.array([[1.0]]))


def settings(url="http://127.0.0.1:1", **more):
    return TelemetrySettings(endpoint=url, sampling=1.0, metrics_interval_s=0.05, **more)


@pytest.fixture(autouse=True)
def loggers():
    """The loggers of this process, as they were before."""
    library, own = logging.getLogger("opentelemetry"), logging.getLogger("serve_app")
    before = list(library.handlers), library.propagate, list(own.handlers)
    yield own
    library.handlers, library.propagate, own.handlers = before


def test_without_telemetry_every_part_is_the_one_that_was_there_before():
    telemetry = telemetry_of(None, "gateway", "r")
    parts = telemetry.parts
    assert type(telemetry) is Telemetry
    assert type(parts) is Parts
    assert parts.coalescer is Coalescer
    assert parts.schema is Schema
    assert type(parts.handles(clock=lambda: 0.0)) is HandleModels
    assert type(telemetry.exporter()) is MetricsExporter
    something = object()
    for same in (parts.models, parts.calls, parts.recorder, parts.app):
        assert same(something) is something
    assert parts.around("ModelInfer", something) is something
    with ThreadPoolExecutor(1) as pool:
        assert type(parts.offload(pool)) is Offload
    assert list(telemetry.samples()) == []
    with parts.computing({"traceparent": "any"}, "a@1", "predict", 1) as span:
        assert span is None


def test_without_telemetry_nothing_of_it_is_loaded():
    code = (
        "import sys, serve_app.serving.telemetry as one; one.telemetry_of(None, 'g', 'r');"
        "print([m for m in sys.modules if m.startswith('serve_app.monitoring.telemetry.')],"
        "'serve_app.gateway.tracing' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=110
    )
    assert done.stdout.strip() == "['serve_app.monitoring.telemetry.extra'] False"


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(extra, "_PACKAGE", "opentelemetry.exporter.nothing")
    with pytest.raises(ConfigError, match=r"pip install 'serve-app\[otel\]'"):
        telemetry_of(settings(), "gateway", "r")


def test_a_secret_that_is_not_there_is_named_by_its_variable():
    chosen = settings(headers_env={"api-key": "NEW_RELIC_LICENSE_KEY"})
    with pytest.raises(ConfigError, match="NEW_RELIC_LICENSE_KEY"):
        telemetry_of(chosen, "gateway", "r", environment={})


@pytest.mark.parametrize(
    ("component", "more", "traces", "exporter"),
    [
        ("gateway", {}, True, "_Both"),
        ("model", {"metrics": "instead"}, True, "Points"),
        ("model", {"metrics": "none"}, True, "MetricsExporter"),
        ("gateway", {"traces": False}, False, "_Both"),
        ("control", {}, False, "_Both"),
        ("monitor", {"metrics": "instead"}, False, "Points"),
    ],
)
def test_what_is_sent_is_what_the_config_says(component, more, traces, exporter):
    telemetry = telemetry_of(settings(**more), component, "r", environment={})
    assert isinstance(telemetry, OpenTelemetry)
    assert isinstance(telemetry.parts, TracedParts) is traces
    assert type(telemetry.exporter()).__name__ == exporter


def test_the_variables_of_opentelemetry_may_switch_it_off():
    telemetry = telemetry_of(settings(), "gateway", "r", environment={"OTEL_SDK_DISABLED": "true"})
    assert type(telemetry.parts) is Parts
    assert type(telemetry.exporter()) is MetricsExporter


class Call:
    """A call of Ray's that has its answer."""

    def __await__(self):
        async def answer():
            return "answer"

        return answer().__await__()


class Handles(CarryingHandles):
    """Remembers which methods are called with what."""

    def __init__(self):
        super().__init__(clock=lambda: 0.0)
        self.calls = []

    def _handle(self, version, method):
        calls = self.calls

        class Handle:
            def remote(self, *arguments):
                calls.append((method, *arguments))
                return Call()

        return Handle()


def test_a_call_carries_its_trace_where_there_is_one():
    handles, spans = Handles(), Spans()

    async def both():
        await handles.ask("a@1", task_named("predict"), ROWS, 1.0)
        with spans.tracing.span("call", SpanKind.CLIENT, None, {}) as span:
            await handles.ask("a@1", task_named("predict"), ROWS, 1.0)
            return carried_by(span)

    carried = asyncio.run(both())
    assert handles.calls == [
        ("ask", "a@1", "predict", ROWS),
        ("ask_in_trace", "a@1", "predict", ROWS, carried),
    ]


def test_a_replica_computes_in_the_trace_that_a_call_carries():
    spans = Spans()
    parts = TracedParts(spans.tracing)
    with spans.tracing.span("call", SpanKind.CLIENT, None, {}) as span:
        carried = carried_by(span)
    with parts.computing(carried, "a@1", "predict", 3):
        pass
    with parts.computing({}, "a@1", "predict", 3):
        pass
    with parts.computing({"traceparent": carried["traceparent"][:-1] + "0"}, "a@1", "predict", 3):
        pass
    computed = spans.named("compute")
    assert computed.parent.span_id == spans.named("call").context.span_id
    assert computed.kind is SpanKind.SERVER
    assert dict(computed.attributes) == {
        "serve_app.version": "a@1",
        "serve_app.task": "predict",
        "serve_app.rows": 3,
    }


def test_lines_of_the_log_hold_the_trace(loggers):
    lines = []

    class Lines(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record)))

    handler = Lines()
    handler.setFormatter(JsonLines(component="gateway"))
    loggers.addHandler(handler)
    telemetry_of(settings(), "gateway", "r", environment={})
    spans = Spans()
    with spans.tracing.span("request", SpanKind.SERVER, None, {}):
        loggers.error("within")
    loggers.error("without")
    logging.getLogger("opentelemetry.exporter.otlp").error("the exporter says why")
    within, without, library = lines
    assert within["trace_id"] == f"{spans.named('request').context.trace_id:032x}"
    assert "trace_id" not in without
    assert library["message"] == "the exporter says why"


def test_what_is_left_is_sent_when_a_process_ends():
    with receiver() as got:
        telemetry = telemetry_of(settings(got.url, metrics="instead"), "gateway", "r", {})
        exporter = telemetry.exporter()
        assert isinstance(exporter, Points)
        exporter.export([Sample(BATCHES, ("a@1",), 3)])
        with telemetry.parts._tracing.span("request", SpanKind.SERVER, None, {}):
            pass
        asyncio.run(telemetry.close())
    assert [span.name for span in got.spans()] == ["request"]
    assert [metric.name for metric in got.metrics()] == ["serve_app_batches"]
    counts = {labels: value for _, labels, value in telemetry.samples()}
    assert counts["spans",] == counts["metrics",] == 1


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(open_telemetry, "CLOSE_S", 0.2)
    telemetry = telemetry_of(settings(metrics="none"), "gateway", "r", {})
    with telemetry.parts._tracing.span("request", SpanKind.SERVER, None, {}):
        pass
    loop_time = []

    async def close():
        began = asyncio.get_running_loop().time()
        await telemetry.close()
        loop_time.append(asyncio.get_running_loop().time() - began)

    asyncio.run(close())
    assert loop_time[0] < 2


async def test_sending_is_supervised(monkeypatch):
    with receiver() as got:
        telemetry = telemetry_of(settings(got.url), "model", "r", {})
        tasks = Supervisor(clock=asyncio.get_running_loop().time, words=str)
        telemetry.start(tasks)
        assert tasks.running() == {"send traces", "send metrics"}
        await tasks.close()
        await telemetry.close()
