"""Windows that gateways counted are estimated, beside what came true of them."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

from serve_app.config.estimate import EstimateArgs
from serve_app.core.feedback import Feedback
from serve_app.engine.load import profile_of
from serve_app.engine.registration.register import Candidate
from serve_app.serving.watches import estimate
from tests.unit.serving.monitor_house import House, people

ROWS = 1_500


class Guesses(House):
    """A classifier that was evaluated, and rows of which it may be less sure."""

    def __init__(self, folder):
        x, y = make_classification(
            30_000, 6, n_informative=5, n_redundant=0, flip_y=0.05, class_sep=0.9, random_state=1
        )
        self.x = pd.DataFrame(x, columns=list("abcdef"))
        self.y = np.where(y == 1, "yes", "no")
        fitted = LogisticRegression().fit(self.x[:10_000], self.y[:10_000])
        self.unsure = 1 - fitted.predict_proba(self.x).max(axis=1)
        super().__init__(folder, Candidate("risk", fitted, self.x[:10_000], truth=self.y[:10_000]))
        self.args = self.args.model_copy(update={"estimate": EstimateArgs(window_s=60)})

    def window(self, work, seed, strength=0.0, truth=None):
        """A window of rows; labels come at once, those that are there or others."""
        rng = np.random.default_rng(seed)
        weights = np.exp(strength * self.unsure[10_000:])
        rows = 10_000 + rng.choice(20_000, ROWS, p=weights / weights.sum())
        response = self.ask(self.x.iloc[rows])
        self.deliver(work)
        labels = self.y[rows] if truth is None else truth(self.x.iloc[rows], self.y[rows])
        text = json.dumps(labels.tolist())
        work.keep([Feedback("risk", response.prediction_id, truth_json=text)])
        self.now_s += 60
        shares = response.answer.prediction.probabilities[:, 1]
        return roc_auc_score(labels == "yes", shares)


@pytest.fixture
def house(tmp_path):
    return Guesses(tmp_path)


def look(house, work):
    house.now_s += 31
    work.match()
    work.watch("estimate").run()
    (one,) = work.watch("estimate").report("risk", 1e6)
    return one


def test_a_drop_is_found_before_labels_come_and_the_estimate_is_what_comes_true(house):
    work = house.monitor()
    true = [house.window(work, seed, strength) for seed, strength in enumerate((0, 0, 5, 5))]
    one = look(house, work)
    assert (one["endpoint"], one["version"], one["window_s"]) == ("risk", "risk@1", 60)
    assert (one["assumes"], one["not_estimated"]) == ("no concept drift", None)
    estimated = [window["metrics"]["auc"]["value"] for window in one["windows"]]
    assert estimated == pytest.approx(true, abs=0.03)
    assert true[0] - true[-1] > 0.08
    realised = [window["realised"]["auc"]["value"] for window in one["windows"]]
    assert realised == pytest.approx(true, abs=0.01)
    assert [window["coverage"] for window in one["windows"]] == [1.0] * 4
    assert [window["rows"] for window in one["windows"]] == [ROWS] * 4
    assert [set(window["worse"]) for window in one["windows"]] == [
        set(), set(), {"accuracy", "auc"}, {"accuracy", "auc"}
    ]  # fmt: skip
    assert one["alarms"] == ["accuracy", "auc"]
    findings = {f.subject: f for f in work.findings() if f.kind == "estimate"}
    assert set(findings) == {"accuracy", "auc"}
    assert findings["auc"].value == estimated[-1] < findings["auc"].threshold
    assert "auc of risk@1 is estimated at 0." in findings["auc"].text
    shown = {(s.metric.name, *s.labels): s.value for s in work.samples()}
    named = ("serve_app_estimated_metric", "risk", "risk@1", "auc")
    assert shown[*named, "value"] == estimated[-1] < shown[*named, "threshold"]
    assert shown[*named, "low"] < estimated[-1] < shown[*named, "high"]
    # The next monitor says the same at once.
    again = house.monitor()
    assert {f.key for f in again.findings()} == {f.key for f in work.findings()}
    assert json.loads(json.dumps(again.watch("estimate").report("risk", 1e6))) == [one]


def test_the_report_of_the_monitor_shows_estimates_beside_what_came_true(house):
    work = house.monitor()
    for seed in range(3):
        house.window(work, seed)
    one = look(house, work)
    made = work.report.make("risk", 3600)
    (section,) = made.sections
    series = {each.metric: each for each in section.quality.metrics}
    estimated = series["auc"].estimated
    assert [point.value for point in estimated] == [
        window["metrics"]["auc"]["value"] for window in one["windows"]
    ]
    assert estimated[0].end_s - estimated[0].start_s == 60
    assert len(series["auc"].realised) > 0


def test_one_bad_window_is_no_finding_and_it_ends_with_good_ones(house):
    work = house.monitor()
    for seed, strength in enumerate((0, 5, 0)):
        house.window(work, seed, strength)
    assert look(house, work)["alarms"] == []
    house.window(work, 3, 5)
    house.now_s += 60
    assert look(house, work)["alarms"] == ["accuracy", "auc"]
    for seed in (4, 5):
        house.window(work, seed)
    assert look(house, work)["alarms"] == []
    assert work.watch("estimate").findings() == []


def test_a_change_of_the_truth_alone_is_not_estimated_and_shows_in_what_came_true(house):
    def turned(x, y):
        return np.where(x["a"] > 0, np.where(y == "yes", "no", "yes"), y)

    work = house.monitor()
    true = [house.window(work, seed, truth=turned) for seed in range(3)]
    one = look(house, work)
    assert one["alarms"] == []
    assert work.watch("estimate").findings() == []
    for window, area in zip(one["windows"], true, strict=True):
        assert window["realised"]["auc"]["value"] == pytest.approx(area, abs=0.01)
        assert window["metrics"]["auc"]["value"] - area > 0.2


def test_windows_of_few_rows_are_not_estimated(house):
    work = house.monitor()
    house.ask(house.x.iloc[:299])
    house.deliver(work)
    house.now_s += 60
    assert look(house, work)["windows"] == []
    assert work.watch("estimate").findings() == []


def test_of_old_windows_the_labels_are_not_read_where_there_are_too_many(house, monkeypatch):
    monkeypatch.setattr(estimate, "MAX_LABELLED", 2 * ROWS - 1)
    work = house.monitor()
    for seed in range(3):
        house.window(work, seed)
    one = look(house, work)
    assert [window["labelled"] for window in one["windows"]] == [None, None, ROWS]
    assert all(window["metrics"]["auc"]["value"] for window in one["windows"])


def test_a_version_without_a_target_is_said_to_be_unknown(tmp_path):
    house = House(tmp_path)
    house.args = house.args.model_copy(update={"estimate": EstimateArgs(window_s=60)})
    work = house.monitor()
    house.ask(people(2_000, 1))
    house.deliver(work)
    house.now_s += 60
    one = look(house, work)
    assert "register it with its target" in one["not_estimated"]
    assert one["windows"] == []
    assert work.watch("estimate").report("nobody", 1e6) == []


def test_errors_of_numbers_are_estimated_by_a_model_that_registering_made(tmp_path):
    rng = np.random.default_rng(1)

    def drawn(count, shift=0.0):
        frame = pd.DataFrame({"size": rng.normal(shift, 1, count), "age": rng.normal(size=count)})
        spread = np.exp(0.5 * np.clip(frame["size"], -2, 2))
        return frame, (3 * frame["size"] + spread * rng.normal(size=count)).to_numpy()

    frame, truth = drawn(8_000)
    fitted = LinearRegression().fit(frame, truth)
    house = House(tmp_path, Candidate("risk", fitted, frame, truth=truth))
    house.args = house.args.model_copy(update={"estimate": EstimateArgs(window_s=60)})
    profile = profile_of(house.registry, "risk", 1)
    assert profile.scores_from == "held_out"
    assert profile.error_model.rows == 2_000
    work = house.monitor()
    wanted = []
    for shift in (0.0, 1.0, 1.0):
        rows, right = drawn(2_000, shift)
        response = house.ask(rows)
        wanted.append(np.abs(response.answer.prediction.values - right).mean())
        house.deliver(work)
        house.now_s += 60
    one = look(house, work)
    assert one["reference"]["mae"]["value"] == pytest.approx(profile.metrics["mae"], rel=0.03)
    estimated = [window["metrics"]["mae"]["value"] for window in one["windows"]]
    assert estimated == pytest.approx(wanted, rel=0.12)
    assert one["alarms"] == ["mae", "rmse"]


def test_more_windows_than_are_looked_at_cannot_be_asked_for():
    with pytest.raises(ValueError, match="alarm_windows 4 is above of_windows 3"):
        EstimateArgs(alarm_windows=4)
