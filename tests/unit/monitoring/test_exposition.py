"""What is written is what Prometheus' own parsers read."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.exposition import Exposition
from serve_app.monitoring.histogram import Histogram
from serve_app.monitoring.histogram_samples import histogram_samples


def read(text):
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def values(family):
    return {(one.name, *sorted(one.labels.items())): one.value for one in family.samples}


def durations(*seconds):
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    return histogram


def test_counters_end_in_total_and_gauges_do_not():
    families = read(
        Exposition().text(
            [
                Sample(catalogue.REQUESTS, ("churn", "answered"), 7),
                Sample(catalogue.REQUESTS, ("churn", "internal"), 0),
                Sample(catalogue.LARGEST_BATCH_ROWS, ("churn@1",), 12),
            ]
        )
    )
    requests = families["serve_app_requests"]
    assert requests.type == "counter"
    assert values(requests) == {
        ("serve_app_requests_total", ("endpoint", "churn"), ("outcome", "answered")): 7,
        ("serve_app_requests_total", ("endpoint", "churn"), ("outcome", "internal")): 0,
    }
    largest = families["serve_app_largest_batch_rows"]
    assert largest.type == "gauge"
    assert values(largest) == {("serve_app_largest_batch_rows", ("version", "churn@1")): 12}


def test_the_counters_of_a_histogram_are_one():
    given = durations(0.0002, 0.003, 0.003, 20.0)
    text = Exposition().text(histogram_samples(catalogue.REQUEST_SECONDS, ("churn",), given))
    (family,) = read(text).values()
    assert (family.name, family.type) == ("serve_app_request_seconds", "histogram")
    assert family.documentation == "Requests to an endpoint."
    got = values(family)
    churn = ("endpoint", "churn")
    bucket = "serve_app_request_seconds_bucket"
    assert got[bucket, churn, ("le", "0.00025")] == 1
    assert got[bucket, churn, ("le", "0.005")] == 3
    assert got[bucket, churn, ("le", "10")] == 3
    assert got[bucket, churn, ("le", "+Inf")] == 4
    assert got["serve_app_request_seconds_count", churn] == 4
    assert got["serve_app_request_seconds_sum", churn] == pytest.approx(20.0062)


def test_names_of_people_are_escaped():
    name = 'a"b\\c\nd é 🙂'
    (family,) = read(Exposition().text([Sample(catalogue.ROWS, (name,), 1)])).values()
    assert family.samples[0].labels == {"endpoint": name}


def test_beyond_the_room_of_a_metric_series_are_refused_and_counted():
    exposition = Exposition()
    text = exposition.text(
        Sample(catalogue.ROWS, (f"e{n}",), n) for n in range(catalogue.MOST_SERIES + 5)
    )
    families = read(text)
    assert len(families["serve_app_rows"].samples) == catalogue.MOST_SERIES
    (refused,) = families["serve_app_refused_series"].samples
    assert (refused.labels, refused.value) == ({"metric": "serve_app_rows"}, 5)
