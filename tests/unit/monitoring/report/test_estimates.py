"""What is estimated of windows stands beside what labels say, or alone."""

from serve_app.monitoring.estimated import WindowEstimate
from serve_app.monitoring.quality.interval import MetricValue
from serve_app.monitoring.report.document import MetricPoint, MetricSeries
from serve_app.monitoring.report.estimates import estimates_of, with_estimates


def window(start_s, **metrics):
    made = {name: MetricValue(value, value - 0.1, None, 50, "x") for name, value in metrics.items()}
    return WindowEstimate(start_s, 50, made, {}, ())


def test_points_are_of_the_windows_that_end_after_a_time_in_order():
    windows = [window(120, auc=0.8), window(60, auc=0.9, f1=0.5), window(0, auc=0.7)]
    assert estimates_of(windows, 60, since_s=60.0) == {
        "auc": (
            MetricPoint(60, 120, 0.9, 0.8, None, 50),
            MetricPoint(120, 180, 0.8, 0.7000000000000001, None, 50),
        ),
        "f1": (MetricPoint(60, 120, 0.5, 0.4, None, 50),),
    }
    assert estimates_of([], 60, 0.0) == {}


def test_estimates_stand_beside_what_labels_say_or_alone():
    realised = (MetricPoint(0, 60, 0.5),)
    estimated = (MetricPoint(0, 60, 0.6),)
    made = with_estimates(
        [MetricSeries("auc", realised, registered=0.7)],
        {"auc": estimated, "f1": estimated, "brier": estimated},
    )
    assert made == (
        MetricSeries("auc", realised, estimated, 0.7),
        MetricSeries("f1", (), estimated),
    )
