"""A search depends on its seed, its bounds and what trials give; on nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.config.pipeline_search import AutoEstimator, Dimension, ImportedEstimator
from serve_app.errors import ModelFailed
from serve_app.lifecycle.executor import TrialOutcome
from serve_app.lifecycle.search import SearchRule, Watch, search
from serve_app.lifecycle.space import searched

RANGES = {"x": {"float": [-3, 3]}, "n": {"int": [1, 64], "log": True}, "kind": {"choice": ["a", 2]}}


def candidates(names=("one", "two")):
    space = {name: Dimension.model_validate(given_) for name, given_ in RANGES.items()}
    made = ImportedEstimator.model_validate({"import": "a:b", "space": space})
    entries = {name: made.model_copy(update={"name": name}) for name in names}
    return {name: searched(entry, classes=2) for name, entry in entries.items()}


class Executor:
    """Gives what a function of the parameters says, in an order that is drawn."""

    def __init__(self, value, seed=0):
        self.value = value
        self.computed = []
        self.rng = np.random.default_rng(seed)

    def run(self, requests, timeout_s, stop):
        for place in self.rng.permutation(len(requests)):
            request = requests[place]
            self.computed.append(request.number)
            try:
                yield TrialOutcome(request.number, (self.value(request),))
            except ZeroDivisionError as error:
                yield TrialOutcome(request.number, error=f"Traceback\nZeroDivisionError: {error}")

    def close(self):
        pass


def bowl(request):
    return (request.parameters.get("x", 2.5) - 1.5) ** 2 + (request.recipe.name == "two")


def rule(**more):
    usual = {"trials": 24, "parallel": 3, "seed": 4, "greater": False}
    return SearchRule(**{**usual, "timeout_s": 1e9, "trial_timeout_s": 1e9, **more})


def run(value=bowl, *, kept=None, seed=0, of=candidates, elapsed=lambda: 0.0, stop=None, **more):
    trials = {}
    executor = Executor(value, seed)
    watch = Watch(
        lambda trial: trials.__setitem__(trial.number, trial), elapsed, stop or (lambda: False),
        kept or {},
    )  # fmt: skip
    return search(of(), rule(**more), executor, watch), trials, executor


def test_it_comes_near_the_best_of_the_better_candidate():
    result, _, _ = run(trials=60)
    best = result.best(1, greater=False)[0]
    assert best.candidate == "one"
    assert abs(best.parameters["x"] - 1.5) < 0.3
    assert result.ended == "trials"


def test_first_come_the_candidates_with_their_own_defaults():
    result, _, _ = run(trials=4)
    assert [(one.candidate, one.parameters) for one in result.trials[:2]] == [
        ("one", {}),
        ("two", {}),
    ]
    assert result.trials[2].parameters.keys() == RANGES.keys()


@pytest.fixture(scope="module")
def whole():
    """A search that nothing interrupted, and its trials by number."""
    result, trials, _ = run()
    return result, trials


@settings(max_examples=6)
@given(done=st.sets(st.integers(0, 23)), seed=st.integers(0, 100))
def test_whatever_was_done_before_an_interruption_the_same_comes_out(whole, done, seed):
    whole, trials = whole
    kept = {number: trials[number] for number in done}
    again, _, executor = run(kept=kept, seed=seed)
    assert again == whole
    assert sorted(executor.computed) == sorted(set(range(24)) - done)


def test_a_seed_of_the_search_decides_what_is_tried():
    one = search(candidates(), rule(seed=4), Executor(bowl), quiet())
    other = search(candidates(), rule(seed=5), Executor(bowl), quiet())
    assert one.trials[:2] == other.trials[:2]
    assert one.trials[2:] != other.trials[2:]


def quiet():
    return Watch(lambda trial: None, lambda: 0.0, lambda: False)


def test_it_stops_once_the_best_is_old():
    result, _, _ = run(lambda request: float(request.number), early_stop=6)
    assert (result.ended, len(result.trials)) == ("early_stop", 9)


def test_it_stops_when_its_time_is_over():
    times = iter([0.0, 5.0, 20.0])
    result, _, _ = run(elapsed=lambda: next(times), timeout_s=10.0)
    assert (result.ended, len(result.trials)) == ("timeout", 9)


def test_somebody_who_stops_it_is_heard_before_the_next_generation():
    asked = iter([False, False, True])
    result, _, _ = run(stop=lambda: next(asked))
    assert (result.ended, len(result.trials)) == ("stopped", 6)


def test_a_trial_that_fails_is_kept_with_its_traceback_and_others_go_on():
    def value(request):
        return 1 / 0 if request.number == 3 else bowl(request)

    result, trials, _ = run(value)
    assert trials[3].value is None
    assert "ZeroDivisionError" in trials[3].error
    assert len(result.trials) == 24
    assert 3 not in [trial.number for trial in result.best(24, greater=False)]


def test_more_than_half_failed_fails_the_search_with_the_last_reason():
    def value(request):
        return 1 / 0 if request.number % 3 else bowl(request)

    with pytest.raises(ModelFailed, match=r"14 of \d+ trials failed.*division by zero") as error:
        run(value)
    assert "Traceback" in error.value.details["traceback"]


def test_half_failed_is_no_failure():
    result, _, _ = run(lambda request: 1 / 0 if request.number % 2 else bowl(request))
    assert sum(trial.value is None for trial in result.trials) == 12


def test_what_stays_within_the_space_is_all_that_is_tried():
    result, _, _ = run(trials=60)
    for trial in result.trials[2:]:
        assert -3 <= trial.parameters["x"] <= 3
        assert 1 <= trial.parameters["n"] <= 64
        assert trial.parameters["kind"] in {"a", 2}


def test_the_same_parameters_are_the_best_only_once():
    fixed = ImportedEstimator.model_validate({"import": "a:b", "name": "one"})
    result, _, _ = run(
        lambda request: 0.5, of=lambda: {"one": searched(fixed, classes=0)}, trials=4
    )
    assert [trial.number for trial in result.best(3, greater=True)] == [0]


def test_a_parameter_that_is_fixed_is_not_searched():
    entry = AutoEstimator(auto="xgboost", params={"max_depth": 3})
    assert "max_depth" not in searched(entry, classes=2).distributions
    assert "learning_rate" in searched(entry, classes=2).distributions
