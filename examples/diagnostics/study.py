"""From 400 patients to an endpoint, a batch of 120 new ones, their labels, and a successor."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from examples.case_study.command import Outcome, Study
from examples.case_study.page import gates, table
from examples.case_study.plot import Axis, Dots, Line, Mark, Panel, picture
from examples.case_study.session import Endpoint, Session
from examples.diagnostics.costs import bins, outcomes
from examples.diagnostics.models import MISS_COST, forest, threshold, voting_forest
from examples.diagnostics.patients import ID, TARGET, Patients, patients
from serve_app.core.columns import Array
from serve_app.examples.datasets import SEED
from serve_app.lifecycle.answers import calibration_error
from serve_app.models.training.metrics import METRICS, Predicted

MODEL = "diagnostics"
_ILL = "malignant"
_EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
_THRESHOLDS = tuple(np.round(np.arange(0.01, 0.91, 0.01), 2).tolist())
_FILES = Path(__file__).parent


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """What a model says of patients whose diagnosis is known: 1 is malignant."""

    is_ill: Array
    probability: Array

    def predicted(self) -> Predicted:
        """As metrics take it."""
        shares = np.column_stack([1.0 - self.probability, self.probability])
        return Predicted(shares.argmax(axis=1), shares)


def run(session: Session) -> Outcome:
    """Train, answer, learn what was true, train again, and answer on."""
    everybody = patients()
    _write(session, everybody)
    first = session.json("retrain", "start", "diagnostics.yaml", "--reason", "the first patients")
    endpoint = session.serve(f"{MODEL}@champion")
    new = _batch(session, "later.csv", "answers")
    assessed = Assessed(_is_ill(everybody.later), new[f"probability_{_ILL}"].to_numpy())
    # What was true of them is known by now.
    everybody.later.to_csv(session.folder / "patients" / "2-later.csv", index=False)
    second = session.json(
        "retrain", "start", "diagnostics.yaml", "--reason", "120 diagnoses more", codes=(0, 1)
    )
    endpoint.stop()
    endpoint = session.serve(f"{MODEL}@champion")
    champion = (
        f"{MODEL}@{second['challenger'] if second['state'] == 'PROMOTED' else first['challenger']}"
    )
    session.serve_app(
        "models", "card", champion, "--add", "use.md", "--complete", "--out", "card.md"
    )
    waiting = _batch(session, "waiting.csv", "waiting-answers")
    by_turns = {name: _by_turns(everybody.first, name) for name in ("votes", "calibrated")}
    blocks = {
        "calibration": _calibration(by_turns),
        "costs": _costs(assessed),
        "gates": gates(second),
        "explanation": _explanation(endpoint, everybody.waiting, waiting),
        "waiting": _waiting(everybody.waiting, waiting),
    }
    pictures = {
        "calibration": _calibration_picture(by_turns),
        "cost": _cost_picture(by_turns["calibrated"], assessed),
    }
    return Outcome(blocks, pictures, _next_steps(session, everybody.waiting))


STUDY = Study(MODEL, "Benign or malignant, where a miss costs 20 needless biopsies.", run)


def _write(session: Session, everybody: Patients) -> None:
    folder = session.folder / "patients"
    folder.mkdir()
    for name in ("diagnostics.yaml", "use.md"):
        shutil.copy2(_FILES / name, session.folder)
    everybody.first.to_csv(folder / "1-first.csv", index=False)
    for name, frame in (("later", everybody.later), ("waiting", everybody.waiting)):
        frame.drop(columns=TARGET).to_csv(session.folder / f"{name}.csv", index=False)


def _batch(session: Session, file: str, out: str) -> pd.DataFrame:
    """The answers of a batch job to the rows of a file, in their order."""
    session.serve_app(
        "predict", f"{MODEL}@champion", "--local", "--data", file, "--out", out, "--id", ID
    )
    return pd.read_csv(session.folder / out / "part-00000.csv")


def _is_ill(frame: pd.DataFrame) -> Array:
    return np.asarray(frame[TARGET] == _ILL, dtype=np.float64)


def _by_turns(frame: pd.DataFrame, name: str) -> Assessed:
    """What a forest says of each patient when it was fitted on others, in five parts."""
    estimator = clone(voting_forest() if name == "votes" else forest())
    seeds = [key for key in estimator.get_params() if key.endswith("random_state")]
    estimator.set_params(**dict.fromkeys(seeds, SEED))
    features, ill = frame[_measurements(frame)], _is_ill(frame)
    shares = cross_val_predict(estimator, features, ill.astype(int), cv=5, method="predict_proba")
    return Assessed(ill, shares[:, 1])


def _measurements(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in {ID, "admitted", TARGET}]


def _calibration(by_turns: Mapping[str, Assessed]) -> str:
    names = {"votes": "the forest's votes", "calibrated": "calibrated"}
    rows = []
    for name, assessed in by_turns.items():
        predicted, truth = assessed.predicted(), assessed.is_ill.astype(np.intp)
        scores = [METRICS[metric].compute(truth, predicted) for metric in ("log_loss", "brier")]
        error = calibration_error(truth, predicted)
        auc = METRICS["roc_auc"].compute(truth, predicted)
        cost = outcomes(assessed.is_ill, assessed.probability, threshold(MISS_COST))
        shown = [f"{value:.3f}" for value in (*scores, error, auc)]
        rows.append([names[name], *shown, f"{cost.cost_per_100(MISS_COST):.0f}"])
    head = ["log loss", "Brier", "calibration error", "area under ROC", "cost per 100 at 1/21"]
    return table(["400 patients, by turns", *head], rows)


def _costs(assessed: Assessed) -> str:
    rows = []
    for at, words in ((0.5, "0.5"), (threshold(MISS_COST), "1/21")):
        one = outcomes(assessed.is_ill, assessed.probability, at)
        cost = f"{one.cost_per_100(MISS_COST):.0f}"
        rows.append([words, one.called, one.missed, one.needless, cost])
    ill = int(assessed.is_ill.sum())
    return table(
        [f"120 new patients, {ill} ill", "called", "missed", "needless", "cost per 100"], rows
    )


def _explanation(endpoint: Endpoint, waiting: pd.DataFrame, answers: pd.DataFrame) -> str:
    """The patient about whom the model is least sure, as the endpoint explains the answer."""
    place = int((answers[f"probability_{_ILL}"] - 0.5).abs().argmin())
    row = waiting[_measurements(waiting)].iloc[[place]]
    explained = endpoint.client.explain(MODEL, row)
    one = explained.explanations[0]
    parts = sorted(one["contributions"].items(), key=lambda part: -abs(part[1]))
    shown = [
        [f"`{name}`", f"{row[name].iloc[0]:.4g}", f"{value:+.3f}"] for name, value in parts[:6]
    ]
    rest = sum(value for _, value in parts[6:])
    shown += [[f"the other {len(parts) - 6}", "", f"{rest:+.3f}"]]
    words = (
        f"Patient `{waiting[ID].iloc[place]}`: `{explained.explained_class}` in `{explained.space}`"
    )
    sums = f"from {one['base_value']:.3f} to {one['output']:.3f}"
    return f"{words}, {sums}.\n\n{table(['measurement', 'value', 'adds'], shown)}"


def _waiting(waiting: pd.DataFrame, answers: pd.DataFrame) -> str:
    is_called = np.asarray(answers["prediction"] == _ILL, dtype=np.float64)
    one = outcomes(_is_ill(waiting), is_called, 0.5)
    ill = int(_is_ill(waiting).sum())
    return (
        f"Of {one.patients} patients {one.called} are called malignant by "
        f"`{answers['model_version'].iloc[0]}`. As it turns out, {ill} are ill; missed: "
        f"{one.missed}, called needlessly: {one.needless}."
    )


def _calibration_picture(by_turns: Mapping[str, Assessed]) -> str:
    shapes: list[Any] = [Line("as it should be", [(0, 0), (1, 1)], 4, dashed=True)]
    looks = (("votes", "the forest's votes", 1, True), ("calibrated", "calibrated", 0, False))
    for name, words, colour, dashed in looks:
        assessed = by_turns[name]
        points = [
            (one.mean_probability, one.share_ill)
            for one in bins(assessed.is_ill, assessed.probability, _EDGES)
        ]
        shapes += [Line(words, points, colour, dashed=dashed), Dots("", points, colour)]
    axes = Axis("probability that the model says", 0, 1), Axis("share that is malignant", 0, 1)
    return picture(
        "Calibration of a forest",
        "Share of malignant patients by the probability that was said, before and after.",
        [Panel("Do probabilities come true?", *axes, shapes)],
    )


def _cost_picture(by_turns: Assessed, new: Assessed) -> str:
    curves = {
        name: [
            (at, outcomes(assessed.is_ill, assessed.probability, at).cost_per_100(MISS_COST))
            for at in _THRESHOLDS
        ]
        for name, assessed in (("400 patients, by turns", by_turns), ("120 new patients", new))
    }
    highest = max(cost for points in curves.values() for _, cost in points)
    shapes = [
        Line(name, points, place, dashed=bool(place), stairs=True)
        for place, (name, points) in enumerate(curves.items())
    ]
    marks = (Mark(threshold(MISS_COST), "1/21"), Mark(0.5, "one half"))
    axes = (
        Axis("called malignant from this probability on", 0, 0.9),
        Axis("needless biopsies per 100 patients", 0, highest * 1.05),
    )
    return picture(
        "What thresholds cost",
        "Cost by threshold, where a miss counts as 20 needless biopsies.",
        [Panel("A miss costs as much as 20 needless biopsies", *axes, shapes, marks)],
    )


def _next_steps(session: Session, waiting: pd.DataFrame) -> tuple[str, ...]:
    file = session.folder / "one.json"
    row = waiting[_measurements(waiting)].head(1)
    file.write_text(f'{{"instances": {row.to_json(orient="records")}}}')
    header = "-H 'content-type: application/json'"
    url = f"http://127.0.0.1:{session.port}/v1/models/{MODEL}"
    return (
        f"curl -s {url}:predict {header} -d @{file}",
        f"curl -s {url}:explain {header} -d @{file}",
        f"less {session.folder / 'card.md'}",
    )
