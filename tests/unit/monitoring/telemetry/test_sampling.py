"""What is sampled is what OpenTelemetry's own samplers sample."""

import random

import pytest
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanContext, TraceFlags

from serve_app.config import TelemetrySettings
from serve_app.monitoring.telemetry.sampling import SampledIds, Sampling, sampling_of

RATIOS = [0.0, 0.001, 0.01, 0.5, 1.0]


def sampled_by_the_sdk(ratio, trace_id):
    decision = TraceIdRatioBased(ratio).should_sample(None, trace_id, "any").decision
    return decision.is_sampled()


def caller(trace_id=1 << 100, sampled=True):
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(trace_id, 5, is_remote=True, trace_flags=flags)


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_callers_trace_is_sampled_by_its_id_as_the_sdk_does(ratio):
    source = random.Random(3)
    sampling = Sampling(ratio, parent_based=False)
    ids = [source.getrandbits(128) for _ in range(5000)]
    ours = [sampling.follows(caller(one)) for one in ids]
    assert ours == [sampled_by_the_sdk(ratio, one) for one in ids]


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_callers_decision_stands_where_sampling_is_parent_based(ratio):
    assert Sampling(ratio).follows(caller(sampled=True))
    assert not Sampling(ratio).follows(caller(sampled=False))


@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.5, 1.0])
def test_ids_of_sampled_traces_are_those_that_the_sdk_would_sample(ratio):
    source = random.Random(4)
    ids = SampledIds(Sampling(ratio), source.getrandbits)
    made = [ids.generate_trace_id() for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert all(0 < one < 1 << 128 and sampled_by_the_sdk(ratio, one) for one in made)
    spans = {ids.generate_span_id() for _ in range(2000)}
    assert len(spans) == 2000
    assert all(0 < one < 1 << 64 for one in spans)


def test_no_id_is_zero():
    ids = SampledIds(Sampling(1.0), lambda bits: 0)
    assert ids.generate_span_id() == 1
    assert ids.generate_trace_id() & ((1 << 64) - 1) == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Sampling(0.01)),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, Sampling(1.0, parent_based=False)),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, Sampling(0.0, parent_based=False)),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, Sampling(1.0)),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, Sampling(0.0)),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            Sampling(0.25, parent_based=False),
        ),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            Sampling(0.25),
        ),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, Sampling(1.0, parent_based=False)),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "much"},
            Sampling(0.01),
        ),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, Sampling(0.01)),
    ],
)
def test_the_variables_of_opentelemetry_are_honoured(environment, expected):
    assert sampling_of(TelemetrySettings(), environment) == expected


def test_the_config_comes_before_the_variables():
    environment = {"OTEL_TRACES_SAMPLER": "always_on"}
    assert sampling_of(TelemetrySettings(sampling=0.3), environment) == Sampling(0.3)
