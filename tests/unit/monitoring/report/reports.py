"""Reports as tests of the page need them: made of rows that are counted and judged."""

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.profile.build import Scored, profile_of
from serve_app.monitoring.report.document import (
    FeedbackCount,
    Health,
    LabelPoint,
    MetricPoint,
    MetricSeries,
    Quality,
    Report,
    Section,
    SegmentMetric,
)
from serve_app.monitoring.report.drift_part import drift_of
from serve_app.monitoring.window import Key, Series, Window, packed

HOUR_S = 3_600
START_S = 1_790_000_000 // 86_400 * 86_400
HEALTH = Health(
    4_000, 10, 1, 2, 0, 0, 1, 12_345, float(START_S), (FeedbackCount("risk", 9, 8, 1, 0, 0),)
)


def columns_of(seed, rows=1_500, shift=0.0, missing=0.0):
    """A number, a category and a truth value; the number may have moved or be missing."""
    rng = np.random.default_rng(seed)
    age = rng.normal(50 + shift, 10, rows)
    age[rng.random(rows) < missing] = np.nan
    plan = rng.choice(np.array(["basic", "plus", "pro"], dtype=object), rows, p=[0.5, 0.3, 0.2])
    return Columns.of({"age": age, "plan": plan, "paid": rng.random(rows) < 0.4})


def prediction_of(columns):
    """Scores that follow the age."""
    share = np.clip(np.nan_to_num(columns["age"], nan=50.0) / 100, 0, 1)
    values = np.where(share > 0.5, "ill", "well").astype(object)
    return Prediction(values, np.column_stack([share, 1 - share]))


OUTPUT = Output("classification", labels=("ill", "well"), probabilities=True)


def binner():
    columns = columns_of(0)
    return Binner(profile_of(columns, Scored(prediction_of(columns), OUTPUT)))


def windows_of(counter, frames, start_s=START_S, length_s=HOUR_S):
    """A window for each frame; None where there is none."""
    series = Series("risk", "m@1", counter.layout.digest)
    return [
        Window(
            Key(series, start_s + at * length_s, length_s),
            packed(counter.count(columns, prediction_of(columns)).vector),
        )
        for at, columns in enumerate(frames)
        if columns is not None
    ]


def drift(frames, settings=None):
    counter = binner()
    windows = windows_of(counter, frames)
    settings = settings or DriftSettings()
    return drift_of(counter.layout, windows, settings, start_s=START_S, columns=len(frames))


def points(values, width=0.05):
    return tuple(
        MetricPoint(
            START_S + at * HOUR_S, START_S + (at + 1) * HOUR_S, value,
            None if value is None else value - width, None if value is None else value + width, 100,
        )
        for at, value in enumerate(values)
    )  # fmt: skip


def full_report():
    """All that a report can hold."""
    frames = [columns_of(at + 1, shift=15.0 if at > 2 else 0.0) for at in range(5)]
    labels = tuple(
        LabelPoint(START_S + at * HOUR_S, START_S + (at + 1) * HOUR_S, 1_500, 300 * (4 - at))
        for at in range(5)
    )
    quality = Quality(
        3_000,
        (MetricSeries("accuracy", points([0.9, 0.88, None, 0.8, 0.7]), points([0.89] * 5), 0.91),),
        labels,
        (SegmentMetric("plan", "pro", "accuracy", 120, points([0.5])[0], 0.8),),
        "only 60% of the labels have come",
    )
    finding = Finding(
        "drift", "risk", "m@1", "age", "age is unlike its reference", "warning", 3.0, 1.0
    )
    section = Section("risk", "m@1", 7_500, drift(frames), "", quality)
    end_s = float(START_S + 5 * HOUR_S)
    return Report(end_s, float(START_S), HOUR_S, (finding,), (section,), HEALTH)
