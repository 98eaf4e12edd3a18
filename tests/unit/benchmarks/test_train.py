"""What `make bench-train` computes of times and outcomes."""

from pathlib import Path

import pytest

from benchmarks.train import Watch, missed, with_bounds
from serve_app.lifecycle.progress import Progress
from serve_app.lifecycle.search import Trial
from serve_app.lifecycle.spec import read_pipeline

PIPELINE = Path(__file__).parents[3] / "pipelines" / "diagnosis.yaml"
REACHED = {
    "search_s": 80.0,
    "over_the_fit_ms": 12.0,
    "same_spec_twice_equal": True,
    "resumed_equal": True,
}


def test_what_a_trial_takes_over_its_fits_is_from_one_to_the_next_less_the_fits(monkeypatch):
    times = iter([10.0, 13.0, 13.5, 14.25, 14.5])
    monkeypatch.setattr("benchmarks.train.time.perf_counter", lambda: next(times))
    watch = Watch()
    for kind in ("started", "trial", "trial", "trial", "done"):
        watch.report(Progress("search", kind))
    assert (watch.began_s, watch.ended_s) == (10.0, 14.5)
    trials = [Trial(number, number, "linear", {}, fit_s=0.4) for number in range(3)]
    assert watch.over_the_fit_ms(trials) == pytest.approx([100.0, 350.0])


def test_nothing_ends_a_search_before_its_trials_are_judged():
    settings = with_bounds(read_pipeline(PIPELINE), 40, 1)
    search = settings.search
    assert (search.trials, search.parallel, search.early_stop) == (40, 1, None)
    assert search.timeout_s > 1e6
    assert settings.validation.folds == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"search_s": 91.0}, ["search_s: 91.0, the goal is 90"]),
        ({"over_the_fit_ms": 60.0}, ["over_the_fit_ms: 60.0, the goal is 50"]),
        ({"resumed_equal": False}, ["resumed_equal: it came out otherwise"]),
        ({"same_spec_twice_equal": False}, ["same_spec_twice_equal: it came out otherwise"]),
    ],
)
def test_every_goal_that_is_missed_is_said(change, words):
    assert missed({**REACHED, **change}) == words
