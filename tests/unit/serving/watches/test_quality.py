"""Answers are told apart by the segments of their rows, from the request to the finding."""

import itertools
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from serve_app.core.feedback import Feedback
from serve_app.serving.monitoring_work import ARRIVED_S
from tests.unit.serving.monitor_house import House, people


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    made.settle(segments=["plan"], redact=[])
    return made


def test_a_segment_that_is_answered_worse_is_found(house):
    house.serve()
    work, frame = house.monitor(), people(1_500, 5)
    frame["plan"] = ["free", "pro", "team"] * 500
    response = house.ask(frame)
    house.deliver(work)
    house.now_s += 3600
    right = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")
    turned = (frame["plan"] == "team") & (np.random.default_rng(1).random(1_500) < 0.3)
    right[turned] = np.where(right[turned] == "ill", "well", "ill")
    work.keep([Feedback("risk", response.prediction_id, truth_json=json.dumps(right.tolist()))])
    house.now_s += ARRIVED_S
    work.match()
    watch = work.watch("quality")
    (one,) = watch.report("risk", 86_400)
    values = response.answer.prediction.values
    segments = {part["value"]: part for part in one["segments"]}
    assert list(segments) == ["free", "pro", "team"]
    for plan, part in segments.items():
        own = (frame["plan"] == plan).to_numpy()
        assert part["labelled"] == 500
        expected = accuracy_score(right[own], values[own])
        assert part["metrics"]["accuracy"]["value"] == pytest.approx(expected)
    assert watch.findings() == []
    watch.run()
    findings = {finding.subject: finding for finding in work.findings()}
    assert "plan=team: accuracy" in findings
    assert not any(subject.startswith(("plan=free", "plan=pro")) for subject in findings)
    worst = findings["plan=team: accuracy"]
    assert (worst.endpoint, worst.variants) == ("risk", "risk@1")
    assert worst.value < worst.threshold
    assert "where plan=team is 0." in worst.text
    samples = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    named = ("serve_app_segment_metric", "risk", "risk@1", "plan", "team", "accuracy")
    assert samples[named] == worst.value


def test_the_segments_of_a_row_that_says_nothing_of_them_are_none(house):
    house.serve()
    work = house.monitor()
    house.orders = itertools.count()
    house.ask(people(2, 1))
    house.deliver(work)
    house.now_s += 60
    work.keep([Feedback("risk", key="o-1", truth_json='"ill"')])
    house.now_s += ARRIVED_S
    work.match()
    (one,) = work.watch("quality").report("risk", 86_400)
    assert (one["labelled"], one["segments"]) == (1, [])
