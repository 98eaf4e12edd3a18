"""Folders of runs as the console meets large ones: of training with trials, and of retraining."""

import json
import sqlite3

from serve_app.lifecycle.ledger import FILE, Ledger, Run, Step
from serve_app.lifecycle.retraining import database
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.lifecycle.trial import Trial
from tests.unit.console.seeded import HARMFUL, MODEL

GATES = [
    {"name": "beats_baseline", "value": 0.0375, "threshold": 0.0, "rows": 4_000,
     "verdict": "passed", "reason": ""},
    {"name": "slices", "value": -0.08, "threshold": -0.05, "rows": 4_000, "verdict": "failed",
     "reason": HARMFUL[0]},
]  # fmt: skip
HELD_OUT = {"roc_auc": 0.9125}
RESULT = {
    "metric": "roc_auc", "greater_is_better": True, "rows": 4_000, "versions": [999],
    "challengers": [{"trial": 7, "candidate": "hist", "cross_validated": 0.91, "version": 999,
                     "held_out": HELD_OUT, "interval": [0.9, 0.925]}],
    "baseline": {"name": "prior", "held_out": {"roc_auc": 0.5}},
    "champion": {"version": 998, "problem": None, "held_out": {"roc_auc": 0.905}},
    "slices": [{"column": "plan", "slice": HARMFUL[4], "rows": 90, "challenger": 0.9,
                "baseline": 0.5, "champion": 0.88}],
    "gates": GATES,
}  # fmt: skip
NOW_S = 1_000_000.0


def training(folder, runs=10_000, trials=120):
    """A ledger of runs; the newest one has steps and trials, of which every tenth failed."""
    ledger = Ledger(folder)
    ledger.create(Run("churn-1", "churn", MODEL, {"model": MODEL}, "RUNNING", 1.0))
    ledger.end("churn-1", "SUCCEEDED", 2.0, result=RESULT)
    with sqlite3.connect(folder / FILE) as db:
        db.executemany(
            "INSERT INTO run SELECT ?, pipeline, model, body, ?, ?, ?, 1, 0, ?, result, options "
            "FROM run WHERE id = 'churn-1'",
            [
                (f"churn-{at}", "FAILED" if at % 9 == 0 else "SUCCEEDED", float(at), at + 60.0,
                 HARMFUL[0] if at % 9 == 0 else None)
                for at in range(2, runs + 1)
            ],
        )  # fmt: skip
    newest = f"churn-{runs}"
    for at, name in enumerate(("import", "snapshot", "split", "search", "evaluate")):
        ledger.keep_step(newest, Step(name, {}, {"rows": 1}, "ab" * 32, at + 0.25))
    for at in range(trials):
        error = f"Traceback\n  boom {at}\nValueError: {HARMFUL[0]}" if at % 10 == 3 else None
        folds = () if error else (0.5 + at / 1000, 0.7)
        ledger.keep_trial(
            newest, Trial(at, at // 4, "hist", {"depth": at, "note": HARMFUL[1]}, folds, 0.5, 0.4,
                          error)
        )  # fmt: skip
    return ledger


def retraining(folder, runs=200, *, by_another=False):
    """A ledger of retraining, of which the newest run waits for a person."""
    made = Database(folder)
    with made.writing() as db:
        db.execute(
            "INSERT INTO trigger_row VALUES (1, ?, 'drift', ?, '{}', 'k', 5.0, 'ada', 'started', "
            "NULL, '', NULL)",
            (MODEL, f"drift of {HARMFUL[0]}"),
        )
        body = {"retrain": {"approval": {"required": True, "by_another": by_another}}}
        facts = {"gates": GATES, "digest": "cd" * 32, "training_run": "churn-7"}
        db.executemany(
            "INSERT INTO run VALUES (?, ?, 'churn', ?, 1, ?, 3, 1, ?, ?, ?, 998, 999, NULL, ?, ?)",
            [
                (f"{MODEL}-r{at}", MODEL, json.dumps(body),
                 "APPROVAL" if at == runs else "PROMOTED", NOW_S + at, NOW_S + at,
                 int(at != runs), HARMFUL[0] if at == 5 else None, json.dumps(facts))
                for at in range(1, runs + 1)
            ],
        )  # fmt: skip
        db.execute(
            "INSERT INTO event (model, run, at_s, who, what, why, state_before, state_after) "
            "VALUES (?, ?, 5.0, 'ada', 'APPROVAL', ?, 'REGISTERING', 'APPROVAL')",
            (MODEL, f"{MODEL}-r{runs}", HARMFUL[0]),
        )
        db.execute("INSERT INTO freeze VALUES ('other', 'bob', 'audit week', 5.0)")
    assert (folder / database.FILE).exists()
    return RetrainingRuns(folder, lambda: NOW_S + runs + 60)
