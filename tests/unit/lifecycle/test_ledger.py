"""The ledger keeps what it was given, whoever opens it next."""

import sqlite3
from dataclasses import replace

import pytest

from serve_app.errors import ConfigError, Conflict, NotFound
from serve_app.lifecycle.ledger import FILE, Ledger, Run, RunFilter, Step
from serve_app.lifecycle.trial import Trial

RUN = Run("churn-1", "churn", "churn", {"pipeline": "churn"}, "RUNNING", 5.0, options={"a": 1})


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "runs")
    made.create(RUN)
    return made


def test_a_run_is_read_as_it_was_created(ledger, tmp_path):
    assert Ledger(tmp_path / "runs").run("churn-1") == RUN


def test_two_runs_of_one_name_are_refused(ledger):
    with pytest.raises(Conflict, match="there is a run 'churn-1' already"):
        ledger.create(RUN)


def test_an_unknown_run_is_told_with_those_that_there_are(ledger):
    with pytest.raises(NotFound, match="there are: churn-1"):
        ledger.run("churn-2")


def test_a_folder_without_a_ledger_has_no_runs_and_none_is_made(tmp_path):
    assert Ledger(tmp_path).runs() == []
    assert (Ledger(tmp_path).page(0, 5), Ledger(tmp_path).count()) == ([], 0)
    with pytest.raises(NotFound, match="there are: none"):
        Ledger(tmp_path).run("churn-1")
    assert not (tmp_path / FILE).exists()


def test_pages_have_the_newest_runs_first_and_each_once(ledger):
    for at in range(2, 8):
        ledger.create(replace(RUN, id=f"churn-{at}", created_at=5.0 + at % 3))
    pages = [[run.id for run in ledger.page(first, 3)] for first in (0, 3, 6, 9)]
    assert [one for page in pages for one in page] == [run.id for run in ledger.runs()]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert ledger.count() == 7


def test_runs_are_looked_for_by_text_and_state(ledger):
    ledger.create(replace(RUN, id="loans-1", pipeline="Loans", model="credit", created_at=9.0))
    ledger.end("loans-1", "FAILED", 9.5)
    for fitting in (RunFilter("LOAN"), RunFilter("credit", "FAILED"), RunFilter(state="FAILED")):
        assert [run.id for run in ledger.page(0, 5, fitting)] == ["loans-1"]
        assert ledger.count(fitting) == 1
    assert ledger.count(RunFilter("%")) == 0
    assert ledger.count(RunFilter("credit", "RUNNING")) == 0


def test_attempts_are_counted_and_forget_how_the_last_one_ended(ledger):
    assert ledger.begin("churn-1") == 1
    ledger.ask_to_cancel("churn-1")
    ledger.end("churn-1", "FAILED", 9.0, error="no")
    assert (ledger.run("churn-1").error, ledger.is_cancelled("churn-1")) == ("no", True)
    assert ledger.begin("churn-1") == 2
    run = ledger.run("churn-1")
    assert (run.state, run.error, run.ended_at, run.cancel) == ("RUNNING", None, None, False)


def test_a_result_is_kept_with_the_state(ledger):
    ledger.end("churn-1", "SUCCEEDED", 9.0, result={"versions": [1]})
    run = ledger.run("churn-1")
    assert (run.state, run.ended_at, run.result) == ("SUCCEEDED", 9.0, {"versions": [1]})


def test_a_step_takes_the_place_of_what_an_earlier_attempt_made(ledger):
    for rows in (3, 4):
        step = Step("snapshot", {"a": 1}, {"rows": rows}, f"digest{rows}", 0.5)
        ledger.keep_step("churn-1", step)
    assert ledger.steps("churn-1") == {"snapshot": step}


def test_trials_come_in_the_order_of_their_numbers_with_every_digit(ledger):
    good = Trial(1, 0, "linear", {"C": 0.1 + 0.2}, (1 / 3, 2 / 3), 0.5, 0.4)
    bad = Trial(0, 0, "own", {}, error="Traceback\nValueError: no")
    for trial in (good, bad):
        ledger.keep_trial("churn-1", trial)
    assert ledger.trials("churn-1") == [bad, good]
    ledger.forget_trials("churn-1")
    assert ledger.trials("churn-1") == []


def test_a_ledger_of_a_newer_release_is_left_alone(ledger, tmp_path):
    with sqlite3.connect(tmp_path / "runs" / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="written by a newer serve-app"):
        ledger.runs()
