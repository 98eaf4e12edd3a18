"""Runs of training are counted by what was written down of them, whoever trained."""

from serve_app.core.events import Event
from serve_app.monitoring.training import of_retraining, of_training


def ended(at_s, model, state, *, trials=5, failed=0, seconds=2.0):
    after = {"model": model, "state": state, "seconds": seconds, "trials": trials,
             "failed_trials": failed}  # fmt: skip
    return Event(at_s, "ada", "training", f"{model}-{at_s:.0f}", after=after)


def moved(run, state):
    return Event(1.0, "retraining", "retraining", run, after=state)


def values(samples):
    return {(one.metric.name.removeprefix("serve_app_"), *one.labels): one.value for one in samples}


def test_runs_and_trials_are_added_up_and_the_newest_run_says_how_long_it_took():
    newest_first = [
        ended(30.0, "churn", "REJECTED", trials=4, failed=1, seconds=9.0),
        ended(20.0, "other", "FAILED", trials=0),
        ended(10.0, "churn", "SUCCEEDED"),
    ]
    assert values(of_training(newest_first)) == {
        ("training_runs", "churn", "REJECTED"): 1,
        ("training_runs", "churn", "SUCCEEDED"): 1,
        ("training_runs", "other", "FAILED"): 1,
        ("training_trials", "churn", "judged"): 8,
        ("training_trials", "churn", "failed"): 1,
        ("training_trials", "other", "judged"): 0,
        ("training_trials", "other", "failed"): 0,
        ("training_seconds", "churn"): 9.0,
        ("training_seconds", "other"): 2.0,
        ("training_ended_timestamp_seconds", "churn"): 30.0,
        ("training_ended_timestamp_seconds", "other"): 20.0,
    }


def test_a_run_of_retraining_is_counted_in_its_newest_state_and_freezes_are_no_runs():
    newest_first = [
        moved("my-model-r2", "CANARY"),
        Event(1.0, "ada", "retraining", "my-model", "freeze"),
        moved("my-model-r2", "DEPLOYING"),
        moved("my-model-r1", "PROMOTED"),
        moved("other-r1", "PROMOTED"),
    ]
    assert values(of_retraining(newest_first)) == {
        ("retraining_runs", "my-model", "CANARY"): 1,
        ("retraining_runs", "my-model", "PROMOTED"): 1,
        ("retraining_runs", "other", "PROMOTED"): 1,
    }


def test_nothing_that_happened_has_no_samples():
    assert [*of_training(()), *of_retraining(())] == []
