"""What is said of reuse is what a run does once it goes on."""

import pytest

from serve_app.lifecycle.cards import sections
from serve_app.lifecycle.digests import libraries
from serve_app.lifecycle.explanation import STEPS, changed_files, explained
from serve_app.lifecycle.inputs import StepInputs
from tests.unit.lifecycle.runs import Dies, dies_when, rows, settings, trained, training


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows().to_csv("rows.csv", index=False)
    return tmp_path


def verdicts(made, wanted, versions=None):
    inputs = StepInputs(made.ledger.run("churn-1").body, wanted, versions or libraries())
    done, folder = made.ledger.steps("churn-1"), made.folder / "churn-1"
    return {one.step: one for one in explained(done, inputs, folder, sections(wanted))}


@pytest.fixture
def interrupted(home):
    """A run that ended before it registered anything."""
    made = training(home, report=dies_when(("register", "started")))
    with pytest.raises(Dies):
        trained(made, settings())
    return made


def test_of_what_did_not_change_everything_is_used(interrupted):
    found = verdicts(interrupted, settings())
    assert tuple(found) == STEPS
    used = [name for name, one in found.items() if one.verdict == "reused"]
    assert used == ["snapshot", "profile", "split", "search", "evaluate", "importance"]
    assert {found[name].verdict for name in ("register", "card")} == {"not done"}


def test_another_library_is_named_and_is_why_the_search_is_done_anew(interrupted, home):
    other = {**libraries(), "scikit-learn": "0.1"}
    found = verdicts(interrupted, settings(), other)
    assert found["split"].verdict == "reused"
    assert found["search"].verdict == "anew"
    assert found["search"].reasons[0].startswith("libraries.scikit-learn: ")
    assert found["evaluate"].verdict == "depends"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serve_app.lifecycle.sequence.libraries", lambda: other)
        lines = []
        training(home, report=lines.append).work_on(interrupted.ledger.run("churn-1"))
    assert [one.step for one in lines if one.kind == "again"] == ["search"]
    # The search came out as it did, so that what follows was used.
    assert ("evaluate", "reused") in [(one.step, one.kind) for one in lines]


def test_rows_that_somebody_changed_are_read_anew(interrupted, home):
    path = home / "runs" / "churn-1" / "data.parquet"
    rows(seed=2).to_parquet(path, index=False)
    found = verdicts(interrupted, settings())
    assert (found["snapshot"].verdict, found["split"].verdict) == ("anew", "depends")
    assert "is not what it was" in found["snapshot"].reasons[0]


def test_files_that_hold_something_else_now_are_named(interrupted, home):
    done = interrupted.ledger.steps("churn-1")
    assert list(changed_files(done)) == []
    rows(seed=2).to_csv("rows.csv", index=False)
    assert list(changed_files(done)) == ["rows.csv has other content than the run read"]
    (home / "rows.csv").unlink()
    assert list(changed_files(done)) == ["rows.csv is not there any more"]
