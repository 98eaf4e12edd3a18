"""Answers are held against what was right, by who gave them."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, root_mean_squared_error

from serve_app.core.labelled import LabelledRow, PredictedRow
from serve_app.core.signature import Output, Target
from serve_app.monitoring.realised import Span, realised

CLASSES = Output("classification", labels=("no", "yes"), probabilities=True)
NUMBERS = Output("regression")
SPAN = Span(since_s=0.0, until_s=1000.0, now_s=1_000_000.0, horizon_s=10_000_000.0)


def row(number, value, truth, *, reward=None, probabilities=None, variants=("m@1",), delay_s=60.0):
    given = PredictedRow(f"p-{number}", 0, float(number % 1000), variants, value, probabilities)
    return LabelledRow(given, truth, reward, delay_s, late=False)


def values_of(one):
    return {name: metric.value for name, metric in one.metrics.items()}


def test_classes_are_compared_by_variants():
    rng = np.random.default_rng(0)
    rows, right, answers = [], {}, {}
    for number in range(500):
        variants = ("m@1",) if number % 5 else ("m@2",)
        share = float(rng.random())
        answer = "yes" if share > 0.5 else "no"
        truth = answer if rng.random() < 0.8 else ("no" if answer == "yes" else "yes")
        right.setdefault(variants, []).append(truth)
        answers.setdefault(variants, []).append(answer)
        rows.append(row(number, answer, truth, probabilities=(1 - share, share), variants=variants))
    results = realised(rows, CLASSES, {("m@1",): 800, ("m@3",): 5}, SPAN)
    assert [one.variants for one in results] == [("m@1",), ("m@2",), ("m@3",)]
    for one in results[:2]:
        expected = accuracy_score(right[one.variants], answers[one.variants])
        assert values_of(one)["accuracy"] == pytest.approx(expected)
        assert one.metrics["accuracy"].low < expected < one.metrics["accuracy"].high
        assert {"auc", "log_loss", "precision", "recall", "f1"} <= one.metrics.keys()
    assert results[0].maturity.coverage == 0.5
    assert (results[2].labelled, dict(results[2].metrics)) == (0, {})


def test_numbers_are_compared_and_what_is_none_is_left_out():
    rng = np.random.default_rng(1)
    truth, answers = rng.normal(size=200), rng.normal(size=200)
    rows = [row(n, float(a), float(t)) for n, (a, t) in enumerate(zip(answers, truth, strict=True))]
    rows += [row(900, 1.0, "not a number"), row(901, None, 1.0)]
    (one,) = realised(rows, NUMBERS, {}, SPAN)
    found = values_of(one)
    assert found["rmse"] == pytest.approx(root_mean_squared_error(truth, answers))
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, answers))
    assert found["r2"] == pytest.approx(r2_score(truth, answers))
    assert (one.labelled, one.left_out) == (202, 2)


def test_rewards_stand_beside_truths_and_alone():
    rows = [row(n, "yes", None, reward=float(n)) for n in range(5)]
    rows += [row(n, "yes", "yes") for n in range(5, 8)]
    (one,) = realised(rows, CLASSES, {}, SPAN)
    assert values_of(one)["reward"] == 2.0
    assert values_of(one)["accuracy"] == 1.0
    assert one.labelled == 3


def test_rows_without_probabilities_have_no_scores():
    rows = [row(n, "yes", "yes", probabilities=(0.1, 0.9)) for n in range(5)]
    rows += [row(n, "no", "yes") for n in range(5)]
    (one,) = realised(rows, CLASSES, {}, SPAN)
    assert values_of(one)["accuracy"] == 0.5
    assert one.labelled == 10


def test_outputs_without_metrics_are_counted():
    several = Output("multilabel", targets=(Target("a", (0, 1)), Target("b", (0, 1))))
    (one,) = realised([row(0, [0, 1], [0, 1])], several, {}, SPAN)
    assert (one.labelled, dict(one.metrics)) == (1, {})


def test_results_are_plain_values():
    (one,) = realised([row(0, "yes", "yes")], CLASSES, {}, SPAN)
    body = one.to_json()
    assert body["metrics"]["accuracy"]["value"] == 1.0
    assert body["mature"] is False
    assert "too few labels" in body["reason"]
