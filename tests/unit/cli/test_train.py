"""`serve-app train` as people type it, with processes that are really killed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from serve_app.lifecycle.ledger import Ledger

DEADLINE_S = 100.0
PIPELINE = """\
pipeline: churn
model: churn
data: {source: rows.csv, target: churned}
validation: {kind: stratified, folds: 2}
candidates: [{import: "own_models:build", space: {C: {float: [0.01, 10], log: true}}}]
search: {trials: 6, parallel: 2, seed: 3}
slices: [age]
gates: {beats_baseline: true}
"""
OWN = """
import time
from pathlib import Path
from sklearn.linear_model import LogisticRegression

def waiting(model, rows, labels):
    time.sleep(600)

def build():
    if Path("hold").exists():
        LogisticRegression.fit = waiting
    return LogisticRegression()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.normal(50, 10, 160), "dose": rng.normal(2, 1, 160)})
    frame["churned"] = np.where(frame["age"] + rng.normal(0, 4, 160) > 50, "yes", "no")
    frame.to_csv("rows.csv", index=False)
    (tmp_path / "own_models.py").write_text(OWN)
    (tmp_path / "churn.yaml").write_text(
        PIPELINE.replace("own_models:build", "sklearn.linear_model:LogisticRegression")
    )
    (tmp_path / "slow.yaml").write_text(PIPELINE)
    return tmp_path


def test_a_pipeline_is_trained_shown_and_done_again(serve_app, folder):
    trained = serve_app("train", "run", "churn.yaml", "--workers", 1)
    assert trained.code == 0, trained.err
    assert "registered: churn@1" in trained.out
    assert "beats_baseline" in trained.out
    assert "loss of roc_auc" in trained.out
    assert "search: done in" in trained.err
    listed = json.loads(serve_app("train", "status", "--json").out)
    assert [(one["run"], one["state"]) for one in listed] == [("churn-1", "SUCCEEDED")]
    shown = json.loads(serve_app("train", "status", "churn-1", "--json").out)
    assert len(shown["trials"]) == 6
    assert [step["name"] for step in shown["steps"]] == [
        *("snapshot", "profile", "split", "search", "evaluate", "importance", "register", "card"),
    ]
    assert "churn-1: SUCCEEDED" in serve_app("train", "status", "churn-1").out
    steps = json.loads(serve_app("train", "explain", "churn-1", "--json").out)["steps"]
    assert {one["verdict"] for one in steps} == {"reused"}
    assert "used as it is" in serve_app("train", "explain", "churn-1").out
    again = serve_app("train", "rerun", "churn-1")
    assert again.code == 0, again.err
    assert "the same came out; predictions differ by 0 at most" in again.out


def searching(folder, run, trials=0):
    """Poll until a process searches for a run, and has judged so many trials."""
    ledger, until = Ledger(folder / "runs"), time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        begun = any(one.id == run for one in ledger.runs())
        if begun and "search_inputs" in ledger.steps(run) and len(ledger.trials(run)) >= trials:
            return ledger
        time.sleep(0.1)
    raise AssertionError("the search did not begin")


def started(*arguments):
    command = [sys.executable, "-c", "from serve_app.cli.main import main; main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_run_that_was_killed_goes_on_and_gives_the_same(serve_app, folder):
    (folder / "hold").touch()
    process = started("train", "run", "slow.yaml", "--workers", "1")
    searching(folder, "churn-1")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE_S)
    (folder / "hold").unlink()
    listed = json.loads(serve_app("train", "status", "--json").out)
    assert [one["state"] for one in listed] == ["INTERRUPTED"]
    resumed = serve_app("train", "run", "slow.yaml", "--workers", 1, "--json")
    assert resumed.code == 0, resumed.err
    whole = serve_app("train", "run", "slow.yaml", "--fresh", "--workers", 2, "--json")
    one, other = json.loads(resumed.out), json.loads(whole.out)
    assert (one["run"], one["attempts"], other["run"]) == ("churn-1", 2, "churn-2")
    assert one["result"]["predictions"] == other["result"]["predictions"]
    assert one["result"]["versions"] == [1]


def test_a_run_is_cancelled_while_its_process_works(serve_app, folder):
    (folder / "hold").touch()
    process = started("train", "run", "slow.yaml")
    searching(folder, "churn-1")
    asked = serve_app("train", "cancel", "churn-1")
    assert "stops as soon as its process sees it" in asked.out
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "churn-1: CANCELLED" in out
    assert not (folder / "registry" / "churn").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["run", "wrong.yaml"], "wrong.yaml:1: serch: there is no key 'serch' here"),
        (["resume", "churn-9"], "there is no run 'churn-9'"),
        (["explain", "churn-9"], "there is no run 'churn-9'"),
        (["rerun", "churn-9"], "there is no run 'churn-9'"),
        (["status", "churn-9"], "there is no run 'churn-9'"),
        (["cancel", "churn-9"], "there is no run 'churn-9'"),
    ],
)
def test_mistakes_are_told_in_words(serve_app, folder, line, words):
    (folder / "wrong.yaml").write_text("serch: {}\n" + PIPELINE)
    told = serve_app("train", *line)
    assert (told.code, told.out) == (1, "")
    assert words in told.err
    assert "Traceback" not in told.err
