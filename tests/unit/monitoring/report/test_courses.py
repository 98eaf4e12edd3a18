"""Metrics over time are drawn to scale, with gaps where nothing is known."""

import re

import pytest

from serve_app.monitoring.report.courses import (
    Frame,
    coverage_chart,
    metric_chart,
    metric_in_words,
    point_in_words,
)
from serve_app.monitoring.report.document import LabelPoint, MetricPoint, MetricSeries


def series(*values, width=0.1, **more):
    points = tuple(
        MetricPoint(
            at * 10.0, at * 10.0 + 10.0, value,
            None if value is None or width is None else value - width,
            None if value is None or width is None else value + width, 5,
        )
        for at, value in enumerate(values)
    )  # fmt: skip
    return MetricSeries("accuracy", points, **more)


def circles(content):
    found = re.findall(r'<circle cx="([0-9.]+)%" cy="([0-9.]+)"', content)
    return [(float(x), float(y)) for x, y in found]


def test_points_lie_in_the_middle_of_their_time_and_higher_where_they_are_more():
    content = metric_chart(series(0.5, 0.7, 0.6), 0.0, 30.0)
    xs, ys = zip(*circles(content), strict=True)
    assert xs == pytest.approx((16.67, 50.0, 83.33), abs=0.01)
    # Twice the way from 0.5 to 0.7 as from 0.5 to 0.6.
    assert (ys[0] - ys[1]) == pytest.approx(2 * (ys[0] - ys[2]), abs=0.05)


def test_a_time_of_which_nothing_is_known_is_a_gap():
    content = metric_chart(series(0.5, 0.7, None, 0.6), 0.0, 40.0)
    assert content.count('class="realised"') == 2
    assert content.count('class="realised-band"') == 2
    assert len(circles(content)) == 3


def test_windows_between_which_there_is_none_are_not_connected():
    first, _, last = series(0.5, 0.6, 0.7).realised
    content = metric_chart(MetricSeries("auc", (first, last)), 0.0, 30.0)
    assert content.count('class="realised"') == 2


def test_values_without_bounds_have_no_band_and_none_at_all_are_words():
    content = metric_chart(series(0.5, 0.7, width=None), 0.0, 20.0)
    assert "realised-band" not in content
    nothing = MetricSeries("auc", ())
    assert metric_in_words(nothing) == "not known"
    assert "<svg" in metric_chart(nothing, 0.0, 20.0)


def test_a_metric_that_hardly_changes_does_not_look_as_if_it_did():
    content = metric_chart(series(0.9000, 0.9001, width=None), 0.0, 20.0)
    (_, first), (_, last) = circles(content)
    assert abs(first - last) < 2


def test_an_interval_that_is_far_away_does_not_flatten_the_line():
    content = metric_chart(series(0.5, 0.6, width=100.0), 0.0, 20.0)
    (_, first), (_, last) = circles(content)
    assert first - last > 10
    assert all(-1 < float(y) < 130 for y in re.findall(r"[ML][0-9.]+ ([-0-9.]+)", content))


def test_words_say_what_was_last_by_labels_estimated_and_at_registration():
    estimated = series(0.8, 0.75).realised
    said = metric_in_words(series(0.5, 0.25, None, estimated=estimated, registered=0.9))
    assert said == (
        "by labels 0.25 (0.15 to 0.35), estimated 0.75 (0.65 to 0.85), at registration 0.9"
    )
    assert point_in_words(MetricPoint(0, 1, None)) == "not defined"
    assert point_in_words(MetricPoint(0, 1, 0.5, 0.4)) == "0.5"


def test_coverage_is_the_share_of_rows_that_have_a_label():
    labels = [LabelPoint(0, 10, 100, 50), LabelPoint(10, 20, 0, 0), LabelPoint(20, 30, 10, 10)]
    content = coverage_chart(labels, 0.0, 30.0)
    assert "60 of 110 rows have a label by now (55 %)" in content
    heights = re.findall(r'height="([0-9.]+)" class="now-bar"', content)
    assert [float(height) for height in heights] == [17.0, 34.0]
    assert "(none)" in coverage_chart([], 0.0, 30.0)


def test_a_frame_holds_what_lies_beyond_it():
    frame = Frame(0.0, 10.0, 0.0, 1.0)
    assert frame.down(5.0) == frame.down(1.0) < frame.down(0.0) == frame.down(-3.0)
    assert frame.across(2.5) == 0.25
