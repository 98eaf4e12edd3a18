"""From recorded rows to whether features matter otherwise than in training."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from xgboost import XGBClassifier

from serve_app.core.preprocess import Preprocess
from serve_app.engine.registration.register import Candidate
from serve_app.serving.monitoring_work import MonitoringWork
from tests.unit.serving.monitor_house import NOON_S, House, people
from tests.unit.serving.watches.runners import AtOnce, Dies, Never
from tests.unit.serving.watches.whole_people import shown

HOUR_S = 3_600
FRAME = people(4_000, 0)
LABEL = np.where(FRAME["age"] + 5 * FRAME["dose"] > 50, "ill", "well")


def ages_lost(rows, seed):
    """Somebody fills in the mean age, by which the model tells most."""
    return people(rows, seed).assign(age=50.0)


def home(folder, estimator=None, monitoring=None, **attribution):
    estimator = estimator or LogisticRegression().fit(FRAME, LABEL)
    args = {"attribution": attribution}
    house = House(folder, Candidate("risk", estimator, FRAME), args, **(monitoring or {}))
    house.runner = AtOnce()
    return house


@pytest.fixture
def house(tmp_path):
    return home(tmp_path)


def monitor(house):
    work = MonitoringWork(house.args, house.registry, clock=house.clock, runner=house.runner)
    work.restore()
    return work


def hour(house, work, frame, at_h):
    """Answer rows in an hour that began so long after noon, in four parts."""
    for part in range(4):
        house.now_s = NOON_S + at_h * HOUR_S + 900 * part
        house.ask(frame.iloc[part::4])
        house.deliver(work)
    house.now_s = NOON_S + (at_h + 1) * HOUR_S + 121
    work.compact()


def looked(work, times=2):
    watch = work.watch("attribution")
    for _ in range(times):
        watch.run()
    return watch


def test_a_main_feature_that_becomes_constant_is_an_alarm_that_survives_a_kill(house):
    work = monitor(house)
    for at_h in range(2):
        hour(house, work, ages_lost(400, at_h), at_h)
        watch = looked(work)
    (one,) = watch.report("risk", HOUR_S)
    assert one["alarm"]
    assert (one["hour_start_s"], one["not_judged"]) == (NOON_S + HOUR_S, None)
    result = one["attribution"]
    # An age adds about twice as much as a dose does, and now stands behind it: its gain is
    # divided by log2(3), as in the definition of Järvelin and Kekäläinen.
    (_, age, age_now), (_, dose, dose_now) = sorted(result["features"])
    assert age > 1.5 * dose
    assert age_now < 0.1 < dose_now
    below = 1 / np.log2(3)
    assert result["ndcg"] == pytest.approx((dose + below * age) / (age + below * dose))
    assert (result["rank_correlation"], result["rows"]) == (pytest.approx(-1), 4 * 84)
    # Rows came in four of the six parts of the hour, of each of which a sixth of 500 is taken.
    assert result["method"] == "linear"
    json.dumps(one, allow_nan=False)
    (finding,) = [one for one in work.findings() if one.kind == "attribution"]
    assert finding.key == ("attribution", "risk", "risk@1", "importances")
    assert finding.value == result["ndcg"] < finding.threshold == 0.9
    assert "age 6" in finding.text
    assert shown(work)["serve_app_attribution_ndcg", "risk", "risk@1"] == finding.value
    again = monitor(house)
    assert again.watch("attribution").report("risk", HOUR_S) == [one]
    assert [one.key for one in again.findings()] == [finding.key]
    looked(again)
    assert len([one for one in house.runner.begun if one.work.__name__ == "explained_rows"]) == 2


def test_boosted_trees_are_watched_as_well(tmp_path):
    house = home(tmp_path, XGBClassifier(n_estimators=20, max_depth=3).fit(FRAME, LABEL == "ill"))
    work = monitor(house)
    hour(house, work, people(400, 5), 0)
    (one,) = looked(work).report(None, HOUR_S)
    assert one["attribution"]["ndcg"] > 0.99
    hour(house, work, ages_lost(400, 6), 1)
    (one,) = looked(work).report(None, HOUR_S)
    assert (one["attribution"]["method"], one["attribution"]["drifted"]) == ("tree_shap", True)


def test_rows_as_those_of_training_are_no_alarm(house):
    work = monitor(house)
    for at_h in range(3):
        hour(house, work, people(100, 20 + at_h), at_h)
        watch = looked(work)
        (one,) = watch.report(None, HOUR_S)
        assert not one["attribution"]["drifted"]
    assert watch.findings() == []
    assert watch.report("nobody", HOUR_S) == []


def test_one_hour_alone_is_no_alarm(house):
    work = monitor(house)
    hour(house, work, ages_lost(400, 1), 0)
    watch = looked(work)
    (one,) = watch.report(None, HOUR_S)
    assert one["attribution"]["drifted"]
    assert (one["alarm"], watch.findings()) == (False, [])


def test_too_few_rows_are_not_explained(house):
    work = monitor(house)
    (one,) = work.watch("attribution").report(None, HOUR_S)
    assert one["not_judged"] == "no hour is over yet"
    hour(house, work, people(60, 1), 0)
    (one,) = looked(work).report(None, HOUR_S)
    assert one["not_judged"] == "too few rows: 60 of 100"
    assert house.runner.begun == []


def test_a_version_that_is_not_explained_quickly_says_so(tmp_path):
    house = home(tmp_path, KNeighborsClassifier().fit(FRAME, LABEL))
    work = monitor(house)
    hour(house, work, people(400, 1), 0)
    (one,) = looked(work).report(None, HOUR_S)
    assert "without the importances of its features" in one["not_judged"]
    assert house.runner.begun == []


def test_of_rows_that_are_not_kept_whole_nothing_is_said_and_why(tmp_path):
    house = home(tmp_path, monitoring={"redact": ["dose"]})
    work = monitor(house)
    hour(house, work, people(400, 1), 0)
    (one,) = looked(work).report(None, HOUR_S)
    assert one["not_judged"] == "values of dose are never kept (redact)"


def test_rows_before_a_shared_transformer_are_not_explained(house):
    work = monitor(house)
    watch, sources = work.watch("attribution"), work.watch("attribution")._sources
    behind = {
        name: replace(spec, preprocess=Preprocess("risk@1", inline=True))
        for name, spec in sources.endpoints().items()
    }
    hour(house, work, people(400, 1), 0)
    watch._sources = replace(sources, endpoints=lambda: behind)
    (one,) = looked(work).report(None, HOUR_S)
    assert "before risk@1 transformed them" in one["not_judged"]
    assert house.runner.begun == []


@pytest.mark.parametrize(
    ("kind", "words"), [(Dies, "it failed; the log says why"), (Never, "it took too long")]
)
def test_a_task_that_fails_or_hangs_holds_nothing_up(house, kind, words):
    house.runner = AtOnce(kind)
    work = monitor(house)
    hour(house, work, people(400, 1), 0)
    looked(work)
    house.now_s += 301
    (one,) = looked(work).report(None, HOUR_S)
    assert (one["attribution"], one["not_judged"]) == (None, words)
    hour(house, work, people(400, 2), 1)
    looked(work)
    assert len(house.runner.begun) == 2


def test_a_version_that_is_gone_is_not_explained_and_says_why(house, tmp_path):
    work = monitor(house)
    hour(house, work, people(400, 1), 0)
    work.watch("attribution").run()
    for path in (tmp_path / "registry" / "risk" / "1").iterdir():
        path.unlink()
    (one,) = looked(work).report(None, HOUR_S)
    assert one["not_judged"].startswith("rows cannot be explained: ")


def test_it_can_be_off(tmp_path):
    house = home(tmp_path, enabled=False)
    work = monitor(house)
    hour(house, work, ages_lost(400, 1), 0)
    assert looked(work).report(None, HOUR_S) == []
