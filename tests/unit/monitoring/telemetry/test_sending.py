"""What is sent arrives at a collector on a real socket; a silent one costs nothing but the data."""

import asyncio
import queue
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind

from serve_app.config import TelemetrySettings
from serve_app.errors import Unavailable
from serve_app.monitoring.catalogue import BATCHES, REQUEST_SECONDS, Sample
from serve_app.monitoring.histogram import Histogram
from serve_app.monitoring.histogram_samples import histogram_samples
from serve_app.monitoring.telemetry import destination
from serve_app.monitoring.telemetry.outbox import SpanOutbox
from serve_app.monitoring.telemetry.points import Points
from serve_app.monitoring.telemetry.sampling import Sampling
from serve_app.monitoring.telemetry.sending import MetricSending, SpanSending
from serve_app.monitoring.telemetry.tracing import Tracing
from tests.otlp import attributes, receiver

KEY = "a-license-key-of-nobody"
ENVIRONMENT = {"NEW_RELIC_LICENSE_KEY": KEY}


def settings(url, **more):
    """The recipe for New Relic, with a collector of this machine in its place."""
    return TelemetrySettings(
        endpoint=url,
        headers_env={"api-key": "NEW_RELIC_LICENSE_KEY"},
        temporality="delta",
        service_name="risk-scoring",
        **more,
    )


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def traces(chosen, pool, outbox):
    return SpanSending(outbox, destination.span_exporter(chosen, ENVIRONMENT), pool)


def traced(outbox, chosen, name="request"):
    resource = destination.resource_of(chosen, "gateway", "replica-1")
    numbers = iter(range(1, 1000))
    tracing = Tracing(
        outbox, resource, Sampling(1.0), draw=lambda: 0.0, bits=lambda bits: next(numbers)
    )
    with tracing.span(name, SpanKind.SERVER, None, {"http.response.status_code": 200}):
        pass


def counted(sending):
    return {labels: value for _, labels, value in sending.samples()}


def test_the_recipe_for_new_relic_brings_traces(pool):
    with receiver(KEY) as got:
        chosen, outbox = settings(got.url), SpanOutbox()
        traced(outbox, chosen)
        sending = traces(chosen, pool, outbox)
        asyncio.run(sending.send())
        sending.close()
    (span,) = got.spans()
    assert span.name == "request"
    assert attributes(span) == {"http.response.status_code": 200}
    (resource,) = got.resources("/v1/traces")
    assert resource["service.name"] == "risk-scoring"
    assert resource["service.instance.id"] == "replica-1"
    assert resource["serve_app.component"] == "gateway"
    (headers,) = got.headers
    assert headers["api-key"] == KEY
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/x-protobuf"
    assert counted(sending) == {("spans",): 1, ("spans", "unsent"): 0, ("spans", "full"): 0}


def test_the_recipe_for_new_relic_brings_metrics(pool):
    with receiver(KEY) as got:
        chosen = settings(got.url)
        points = Points(
            destination.resource_of(chosen, "gateway", "replica-1"),
            delta=destination.is_delta(chosen, {}),
            now_ns=time.time_ns,
        )
        exporter = destination.metric_exporter(chosen, ENVIRONMENT)
        sending = MetricSending(points, exporter, pool, period_s=60.0)
        seconds = Histogram()
        for total in (2, 5):
            seconds.add(0.02)
            points.export([Sample(BATCHES, ("a@1",), total)])
            points.export(histogram_samples(REQUEST_SECONDS, ("risk",), seconds))
            asyncio.run(sending.send())
        sending.close()
    grown = [one.sum for one in got.metrics() if one.name == "serve_app_batches"]
    assert [one.aggregation_temporality for one in grown] == [1, 1]
    values = [point.as_double or point.as_int for one in grown for point in one.data_points]
    assert values == [2, 3]
    durations = [one for one in got.metrics() if one.name == "serve_app_request_seconds"]
    assert [one.histogram.data_points[0].count for one in durations] == [1, 1]
    assert {headers["api-key"] for headers in got.headers} == {KEY}
    assert {headers["content-encoding"] for headers in got.headers} == {"gzip"}
    assert counted(sending) == {("metrics",): 4, ("metrics", "unsent"): 0}


def test_a_collector_that_refuses_is_told_of_and_its_spans_are_counted(pool):
    with receiver("another key") as got:
        chosen, outbox = settings(got.url), SpanOutbox()
        traced(outbox, chosen)
        sending = traces(chosen, pool, outbox)
        with pytest.raises(Unavailable, match="the collector took no spans"):
            asyncio.run(sending.send())
        assert got.refused == 1
        assert counted(sending)["spans", "unsent"] == 1
        # Newer ones go on.
        got.key = KEY
        traced(outbox, chosen, "later")
        asyncio.run(sending.send())
        sending.close()
    assert [span.name for span in got.spans()] == ["later"]


def test_growth_goes_on_where_a_collector_was_away(pool):
    with receiver() as got:
        got.status = 400
        chosen = settings(got.url)
        resource = destination.resource_of(chosen, "gateway", "replica-1")
        points = Points(resource, delta=True, now_ns=time.time_ns)
        exporter = destination.metric_exporter(chosen, ENVIRONMENT)
        sending = MetricSending(points, exporter, pool, period_s=60.0)
        points.export([Sample(BATCHES, ("a@1",), 2)])
        with pytest.raises(Unavailable, match="the collector took no metrics"):
            asyncio.run(sending.send())
        got.status = 200
        points.export([Sample(BATCHES, ("a@1",), 5)])
        asyncio.run(sending.send())
        sending.close()
    (metric,) = got.metrics()
    assert [point.as_double or point.as_int for point in metric.sum.data_points] == [5]


def test_headers_follow_no_redirect(pool):
    with receiver(KEY) as elsewhere, receiver() as got:
        got.status = 307
        got.location = f"{elsewhere.url}/v1/traces"
        chosen, outbox = settings(got.url), SpanOutbox()
        traced(outbox, chosen)
        sending = traces(chosen, pool, outbox)
        with pytest.raises(Unavailable):
            asyncio.run(sending.send())
        sending.close()
    assert not elsewhere.headers


def test_the_event_loop_goes_on_while_a_collector_is_slow(pool):
    class Slow:
        def export(self, spans):
            time.sleep(0.3)
            return SpanExportResult.SUCCESS

    outbox = SpanOutbox()
    outbox.on_end("a span")

    async def longest_pause_s():
        sending = asyncio.create_task(SpanSending(outbox, Slow(), pool).send())
        longest, before = 0.0, time.monotonic()
        while not sending.done():
            await asyncio.sleep(0.005)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        await sending
        return longest

    assert asyncio.run(longest_pause_s()) < 0.25


def test_nothing_is_sent_where_nothing_was_counted(pool):
    class Never:
        def export(self, data):
            raise AssertionError

    points = Points(destination.resource_of(settings("http://a:1"), "g", "r"), delta=True,
                    now_ns=lambda: 1)  # fmt: skip
    asyncio.run(MetricSending(points, Never(), pool, period_s=1.0).send())


def test_it_is_sent_again_and_again_until_cancelled(pool):
    class Counting:
        def __init__(self):
            self.taken = queue.Queue()

        def export(self, spans):
            self.taken.put(len(spans))
            return SpanExportResult.SUCCESS

    exporter, outbox = Counting(), SpanOutbox()

    async def run():
        sending = SpanSending(outbox, exporter, pool, period_s=0.01)
        task = asyncio.create_task(sending.send_for_ever())
        for _ in range(2):
            outbox.on_end("a span")
            assert await asyncio.to_thread(exporter.taken.get, timeout=10) == 1
        task.cancel()

    asyncio.run(run())
