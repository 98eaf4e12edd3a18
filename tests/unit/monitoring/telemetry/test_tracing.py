"""Traces come from callers in W3C's form, and what goes wrong is told by its code alone."""

import logging

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from serve_app.errors import InvalidInput, ModelFailed
from serve_app.monitoring.telemetry.current import TraceIds, current, within
from serve_app.monitoring.telemetry.tracing import caller_of, carried_by, remote
from tests.unit.monitoring.telemetry.spans import Spans

# The example of https://www.w3.org/TR/trace-context/#traceparent-header.
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def spans():
    return Spans()


def test_a_traceparent_is_taken():
    context = remote(
        {"traceparent": PARENT, "tracestate": "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"}
    )
    assert f"{context.trace_id:032x}" == TRACE
    assert f"{context.span_id:016x}" == SPAN
    assert context.trace_flags.sampled
    assert context.is_remote
    assert context.trace_state.to_header() == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"


def test_a_version_of_the_future_is_read_as_far_as_it_is_known():
    assert remote({"traceparent": f"01-{TRACE}-{SPAN}-01-more"}).span_id == int(SPAN, 16)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01" + "x" * 10_000,
    ],
)
def test_what_is_malformed_is_ignored(malformed):
    assert remote({"traceparent": malformed}) is None
    assert caller_of([(b"traceparent", malformed.encode())]) is None


def test_a_malformed_tracestate_does_not_cost_the_trace():
    context = remote({"traceparent": PARENT, "tracestate": "=,no state\x00"})
    assert context.trace_id == int(TRACE, 16)
    assert not context.trace_state


def test_of_headers_those_of_the_trace_are_read():
    headers = [
        (b"content-type", b"application/json"),
        (b"tracestate", b"a=1"),
        (b"traceparent", PARENT.encode()),
        (b"tracestate", b"b=2"),
    ]
    assert caller_of(headers).trace_state.to_header() == "a=1,b=2"
    assert caller_of(headers[:2]) is None
    assert caller_of([*headers, (b"traceparent", PARENT.encode())]) is None
    assert caller_of([(b"traceparent", b"\xff\xfe")]) is None


def test_a_span_is_carried_to_another_process(spans):
    parent = remote({"traceparent": PARENT, "tracestate": "a=1"})
    with spans.tracing.span("call", SpanKind.CLIENT, parent, {}) as span:
        carried = carried_by(span)
    made = spans.named("call").context
    assert carried == {"traceparent": f"00-{TRACE}-{made.span_id:016x}-01", "tracestate": "a=1"}
    assert remote(carried).span_id == made.span_id
    assert spans.named("call").parent.span_id == int(SPAN, 16)


def test_without_a_caller_a_trace_begins(spans):
    with spans.tracing.span("one", SpanKind.SERVER, None, {}):
        pass
    assert spans.named("one").parent is None
    assert spans.named("one").context.trace_flags.sampled


def test_an_error_is_told_by_its_code_and_nothing_else(spans):
    with (
        pytest.raises(ModelFailed),
        spans.tracing.span("ask", SpanKind.INTERNAL, None, {}),
    ):
        raise ModelFailed("the row of Mrs Secret, 1950-03-02, made it fail")
    span = spans.named("ask")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "model_failed"
    assert not span.events
    assert "Secret" not in spans.text()
    assert "Traceback" not in spans.text()


def test_a_mistake_of_the_client_is_no_error_of_the_server(spans):
    with pytest.raises(InvalidInput), spans.tracing.span("ask", SpanKind.INTERNAL, None, {}):
        raise InvalidInput("age is 'Secret'")
    span = spans.named("ask")
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes["error.type"] == "invalid_input"
    assert "Secret" not in spans.text()


def test_lines_of_the_log_tell_their_trace(spans):
    record = logging.makeLogRecord({})
    with spans.tracing.span("one", SpanKind.SERVER, remote({"traceparent": PARENT}), {}) as span:
        assert current() is span
        assert TraceIds().filter(record)
    assert record.trace_id == TRACE
    assert record.span_id == f"{spans.named('one').context.span_id:016x}"
    outside = logging.makeLogRecord({})
    assert TraceIds().filter(outside)
    assert not hasattr(outside, "trace_id")
    with within(None):
        assert current() is None
