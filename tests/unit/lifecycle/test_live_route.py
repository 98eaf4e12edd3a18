"""The endpoint at which a run's versions compete is one that a config takes as it is."""

import pytest

from serve_app.errors import Conflict
from serve_app.lifecycle.ledger import Run
from serve_app.lifecycle.live_route import endpoint_of

CLASSES = {"accuracy": 0.6, "roc_auc": 0.5}
NUMBERS = {"mae": 62.34, "rmse": 80.0}


def run(versions, metrics=CLASSES):
    result = {"versions": versions, "baseline": {"held_out": metrics}}
    return Run("churn-4", "churn", "churn", {}, "SUCCEEDED", 0.0, result=result)


def test_a_bandit_has_the_champion_and_every_version_as_arms():
    endpoint = endpoint_of(run([5, 6]), "bandit", 2)
    route = endpoint["route"]
    assert route["variants"] == [{"model": f"churn@{number}"} for number in (2, 5, 6)]
    assert (route["policy"], route["reward"]) == ("thompson", {"kind": "correct"})
    assert endpoint["fallback"] == "churn@2"


def test_a_champion_that_the_run_itself_registered_stands_once():
    variants = endpoint_of(run([5, 6]), "split", 6)["route"]["variants"]
    assert variants == [{"model": "churn@5"}, {"model": "churn@6"}]


def test_of_numbers_an_answer_as_far_off_as_the_baseline_earns_nothing():
    route = endpoint_of(run([5, 6], NUMBERS), "bandit", None)["route"]
    assert route["reward"] == {"kind": "error", "scale": 62.3}


@pytest.mark.parametrize(
    ("versions", "champion", "stable"),
    [([5, 6], 2, 2), ([5], 2, 2), ([5, 6], None, 6), ([5, 6], 5, 6)],
)
def test_a_canary_lets_the_best_take_over_from_what_stands(versions, champion, stable):
    route = endpoint_of(run(versions), "canary", champion)["route"]
    assert (route["stable"], route["candidate"]) == (f"churn@{stable}", "churn@5")
    assert route["gates"]["quality"] == [{"metric": "accuracy", "margin": 0.02}]


def test_a_canary_of_numbers_may_lose_a_fiftieth_of_the_baselines_error():
    (gate,) = endpoint_of(run([5, 6], NUMBERS), "canary", None)["route"]["gates"]["quality"]
    assert (gate["metric"], gate["margin"]) == ("mae", pytest.approx(1.25, abs=0.005))


@pytest.mark.parametrize(("versions", "champion"), [([], 2), ([5], None), ([5], 5), ([], None)])
def test_one_version_alone_has_nobody_to_compete_with(versions, champion):
    with pytest.raises(Conflict, match="there is nothing to choose between"):
        endpoint_of(run(versions), "bandit", champion)
