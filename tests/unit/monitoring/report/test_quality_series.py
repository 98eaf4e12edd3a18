"""Metrics of each stretch of time are those that scikit-learn computes of its rows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error

from serve_app.core.labelled import LabelledRow, PredictedRow
from serve_app.core.signature import Output
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.report.quality_series import (
    Bucket,
    bucket_length,
    quality_by_variants,
)

CLASSES = Output("classification", labels=("ill", "well"), probabilities=True)
DAY_S = 86_400.0


def rows(seed, count, variants=("m@1",), segments=None):
    rng = np.random.default_rng(seed)
    made = []
    for at in range(count):
        share = float(rng.uniform(0.05, 0.95))
        truth = "ill" if rng.random() < share else "well"
        value = "ill" if share > 0.5 else "well"
        part = {} if segments is None else {"plan": segments[at % len(segments)]}
        predicted = PredictedRow(
            f"p-{seed}", at, 10.0, variants, value, (share, 1 - share), segments=part
        )
        made.append(LabelledRow(predicted, truth, None, 5.0, False))
    return made


def of(buckets, output=CLASSES, registered=None):
    return quality_by_variants(
        buckets, output, now_s=1_000.0, horizon_s=DAY_S, registered=registered or {}
    )


def series(quality, name):
    return next(one for one in quality.metrics if one.metric == name)


def test_each_stretch_has_the_metrics_of_its_rows():
    buckets = [Bucket(0.0, 100.0, rows(1, 80), {("m@1",): 200}),
               Bucket(100.0, 200.0, [], {("m@1",): 50}),
               Bucket(200.0, 300.0, rows(2, 120), {("m@1",): 120})]  # fmt: skip
    made = of(buckets, registered={"m@1": {"accuracy": 0.8}})
    quality = made["m@1",]
    accuracy, loss = series(quality, "accuracy"), series(quality, "log_loss")
    assert accuracy.registered == 0.8
    assert loss.registered is None
    for point, bucket in zip(accuracy.realised, buckets, strict=True):
        truth = [one.truth for one in bucket.rows]
        if not truth:
            assert point.value is None
            continue
        said = [one.prediction.value for one in bucket.rows]
        assert point.value == pytest.approx(accuracy_score(truth, said))
        assert point.low < point.value < point.high
        assert (point.start_s, point.end_s, point.n) == (bucket.start_s, bucket.end_s, len(truth))
    shares = [one.prediction.probabilities for one in buckets[0].rows]
    truth = [one.truth for one in buckets[0].rows]
    expected = log_loss(truth, shares, labels=["ill", "well"])
    assert loss.realised[0].value == pytest.approx(expected, abs=1e-6)
    assert [(one.predicted, one.labelled) for one in quality.labels] == [
        (200, 80), (50, 0), (120, 120),
    ]  # fmt: skip
    assert quality.labelled == 200


def test_versions_that_answered_together_are_apart_from_those_alone():
    both = ("m@1", "m@2")
    made = of([Bucket(0.0, 100.0, [*rows(1, 50), *rows(2, 60, both)], {("m@1",): 50})])
    assert {variants: one.labelled for variants, one in made.items()} == {("m@1",): 50, both: 60}


def test_numbers_have_errors():
    output = Output("regression")
    made = [
        LabelledRow(
            PredictedRow("p", at, 1.0, ("m@1",), float(at)), at + 0.5 * (at % 3), None, 1.0, False
        )
        for at in range(40)
    ]
    quality = of([Bucket(0.0, 100.0, made, {})], output)["m@1",]
    truth = [one.truth for one in made]
    said = [one.prediction.value for one in made]
    mae = series(quality, "mae").realised[0].value
    assert mae == pytest.approx(mean_absolute_error(truth, said))
    assert [one.metric for one in quality.metrics] == ["rmse", "mae", "r2"]


def test_segments_have_the_main_metric_beside_that_of_all_and_worse_ones_come_first():
    some = rows(3, 600, segments=("basic", "plus", "pro"))
    wrong = [
        replace(one, truth="well" if one.prediction.value == "ill" else "ill")
        if one.prediction.segments["plan"] == "pro" else one
        for one in some
    ]  # fmt: skip
    made = quality_by_variants(
        [Bucket(0.0, 100.0, wrong, {})], CLASSES, now_s=1_000.0, horizon_s=DAY_S, registered={},
        rule=SegmentRule({"plan": ()}),
    )  # fmt: skip
    segments = made["m@1",].segments
    assert [(one.value, one.rows, one.worse) for one in segments] == [
        ("pro", 200, True), ("basic", 200, False), ("plus", 200, False),
    ]  # fmt: skip
    basic = [one for one in wrong if one.prediction.segments["plan"] == "basic"]
    expected = accuracy_score([o.truth for o in basic], [o.prediction.value for o in basic])
    assert segments[1].result.value == pytest.approx(expected)
    whole = accuracy_score([o.truth for o in wrong], [o.prediction.value for o in wrong])
    assert segments[0].whole == pytest.approx(whole)
    assert of([Bucket(0.0, 100.0, wrong, {})])["m@1",].segments == ()


def test_what_a_profile_calls_otherwise_is_known_too():
    quality = of([Bucket(0.0, 100.0, rows(1, 80), {})], registered={"m@1": {"roc_auc": 0.75}})
    assert series(quality["m@1",], "auc").registered == 0.75


def test_labels_that_are_too_many_to_be_read_are_counted_all_the_same():
    bucket = Bucket(0.0, 100.0, rows(1, 30), {("m@1",): 5_000}, {("m@1",): 4_000})
    quality = of([bucket])["m@1",]
    assert (quality.labels[0].labelled, quality.labelled) == (4_000, 4_000)
    assert series(quality, "accuracy").realised[0].n == 30


def test_nothing_is_nothing():
    assert of([]) == {}
    assert of([Bucket(0.0, 1.0, [], {})]) == {}


@pytest.mark.parametrize(
    ("span_s", "length_s"),
    [(60, 300), (3_600, 300), (3 * 3_600, 900), (DAY_S, 3_600), (7 * DAY_S, 21_600),
     (30 * DAY_S, DAY_S), (90 * DAY_S, 7 * DAY_S), (4_000 * DAY_S, 28 * DAY_S)],
)  # fmt: skip
def test_stretches_are_at_most_thirty(span_s, length_s):
    assert bucket_length(span_s) == length_s
