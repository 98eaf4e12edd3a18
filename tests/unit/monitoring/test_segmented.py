"""Parts of the traffic have metrics of their own, and those that are worse are named."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

from serve_app.core.labelled import LabelledRow, PredictedRow
from serve_app.core.signature import Output
from serve_app.monitoring.quality.segments import SegmentRule, segment_rule
from serve_app.monitoring.realised import Span, realised

CLASSES = Output("classification", labels=("no", "yes"))
SPAN = Span(since_s=0.0, until_s=1000.0, now_s=1_000_000.0, horizon_s=10_000_000.0)


def row(number, value, truth, segments, *, reward=None):
    given = PredictedRow(f"p-{number}", 0, float(number % 1000), ("m@1",), value, segments=segments)
    return LabelledRow(given, truth, reward, 60.0, late=False)


def rows_of(seed, wrong):
    """2,000 rows of each plan, of which a share is answered wrongly."""
    rng = np.random.default_rng(seed)
    rows = []
    for plan, share in wrong.items():
        for truth in rng.choice(["no", "yes"], 2_000).tolist():
            answer = truth if rng.random() >= share else {"no": "yes", "yes": "no"}[truth]
            rows.append(row(len(rows), answer, truth, {"plan": plan}))
    return rows


def by_value(one):
    return {part.segment.value: part for part in one.segments}


def test_each_segment_has_the_metrics_of_its_rows():
    rows = rows_of(1, {"free": 0.1, "pro": 0.1, "team": 0.3})
    (one,) = realised(rows, CLASSES, {}, SPAN, segment_rule(["plan"]))
    parts = by_value(one)
    assert list(parts) == ["free", "pro", "team"]
    for plan, part in parts.items():
        own = [r for r in rows if r.prediction.segments["plan"] == plan]
        expected = accuracy_score([r.truth for r in own], [r.prediction.value for r in own])
        assert part.metrics["accuracy"].value == pytest.approx(expected)
        assert part.labelled == 2_000
    assert {plan: part.worse for plan, part in parts.items()} == {
        "free": (),
        "pro": (),
        "team": ("accuracy",),
    }
    body = one.to_json()["segments"][2]
    assert (body["column"], body["value"], body["worse"]) == ("plan", "team", ["accuracy"])


def test_segments_that_are_alike_are_hardly_ever_worse():
    results = [
        realised(
            rows_of(seed, dict.fromkeys("abcdefgh", 0.2)), CLASSES, {}, SPAN, segment_rule(["plan"])
        )
        for seed in range(40)
    ]
    assert sum(bool(part.worse) for (one,) in results for part in one.segments) <= 2


def test_few_rows_say_nothing():
    rows = rows_of(2, {"free": 0.1}) + [row(n, "no", "yes", {"plan": "pro"}) for n in range(29)]
    (one,) = realised(rows, CLASSES, {}, SPAN, segment_rule(["plan"]))
    assert by_value(one)["pro"].worse == ()


def test_what_is_not_on_the_list_is_one_segment():
    rows = rows_of(3, {"free": 0.1, "pro": 0.1, "team": 0.3})
    (one,) = realised(rows, CLASSES, {}, SPAN, SegmentRule.checked({"plan": ["free"]}))
    assert {v: part.labelled for v, part in by_value(one).items()} == {
        "free": 2_000,
        "other": 4_000,
    }


def test_of_many_values_the_most_frequent_have_metrics():
    rows = [row(n, "no", "no", {"shop": f"s{n % 40}" if n % 2 else "s1"}) for n in range(4_000)]
    (one,) = realised(rows, CLASSES, {}, SPAN, segment_rule(["shop"]))
    parts = by_value(one)
    assert len(parts) == 11
    assert parts["s1"].labelled == 2_100
    assert sum(part.labelled for part in parts.values()) == 4_000
    assert parts["other"].labelled == 1_000


def test_more_values_than_can_be_added_up_are_together():
    rows = [row(n, "no", "no", {"shop": f"s{n}"}) for n in range(12_000)]
    (one,) = realised(rows, CLASSES, {}, SPAN, segment_rule(["shop"]))
    assert sum(part.labelled for part in one.segments) == 12_000
    assert len(one.segments) == 11


def test_of_errors_more_is_worse():
    rng = np.random.default_rng(4)
    rows, wanted = [], {}
    for region, spread in {"north": 1.0, "south": 2.0}.items():
        truth = rng.normal(size=1_000)
        answers = truth + rng.normal(0, spread, 1_000)
        wanted[region] = mean_absolute_error(truth, answers)
        rows += [
            row(n, float(a), float(t), {"region": region}, reward=1.0)
            for n, (a, t) in enumerate(zip(answers, truth, strict=True))
        ]
    (one,) = realised(rows, Output("regression"), {}, SPAN, segment_rule(["region"]))
    parts = by_value(one)
    assert parts["south"].metrics["mae"].value == pytest.approx(wanted["south"])
    assert (parts["north"].worse, parts["south"].worse) == ((), ("mae", "rmse"))


def test_without_a_rule_there_are_no_segments():
    (one,) = realised(rows_of(5, {"free": 0.1}), CLASSES, {}, SPAN)
    assert one.segments == ()
