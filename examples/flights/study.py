"""From January's flights to an endpoint in July, what its monitor sees, and a successor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from examples.case_study.command import Outcome, Study
from examples.case_study.page import gates, table
from examples.case_study.session import CaseStudyError, Session
from examples.flights import pictures
from examples.flights.judging import Judged, auc_with, best_alone, distances, judged
from examples.flights.live import ENDPOINT, ask, drift_of
from examples.flights.year import FEATURES, LEAKS, NUMBERS, year

WEEK = ("2013-07-01", "2013-07-08")
"""The flights that are asked about live (New York's days); all earlier ones are known then."""
SEED = 20
_FILES = Path(__file__).parent


def run(session: Session) -> Outcome:
    """Train on January, answer the year, let the monitor see July, train again, answer the rest."""
    flights = year()
    day = flights["scheduled_at"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
    week = flights[(day >= WEEK[0]) & (day < WEEK[1])]
    later = flights[day >= WEEK[1]]
    _write(session, flights, {"01": flights["month"] == 1})
    session.json("retrain", "start", "flights.yaml", "--reason", "January")
    first = _batch(session, "flights@1", flights, "year")
    endpoint = session.start_cluster(_FILES / "live.yaml")
    ask(endpoint, week)
    drift = drift_of(session, len(week))
    found = session.json("monitor", "findings")
    why = reason(drift)
    months = flights["month"]
    known = {f"{month:02d}": (months == month) & (day < WEEK[1]) for month in range(2, 8)}
    _write(session, flights, known)
    retrained = session.json("retrain", "start", "flights.yaml", "--reason", why, codes=(0, 1))
    champion = f"flights@{retrained['challenger'] if retrained['state'] == 'PROMOTED' else 1}"
    second = _batch(session, champion, later, "later")
    by_month = _by_month(first), _by_month(second)
    january, february = (flights[months == month] for month in (1, 2))
    apart = {month: distances(january, flights[months == month]) for month in range(1, 13)}
    blocks = {
        "leaks": _leaks(january, february),
        "year": _year(by_month[0], apart),
        "drift": _drift(drift, found),
        "gates": gates(retrained),
        "later": _later(_by_month(first[first["flight"].isin(later["flight"])]), by_month[1]),
        "answer": _answer(session, week, champion),
    }
    drawn = {
        "months": pictures.months(by_month, apart),
    }
    return Outcome(blocks, drawn, _next_steps(session, week))


STUDY = Study(
    "flights",
    "Which flights are late, in a year that moves away from January.",
    run,
    on_cluster=True,
)


def _write(session: Session, flights: pd.DataFrame, known: Mapping[str, Any]) -> None:
    """Files of months with the flights whose arrival is known, for the pipeline."""
    folder = session.folder / "months"
    folder.mkdir(exist_ok=True)
    shutil.copy2(_FILES / "flights.yaml", session.folder)
    columns = ["flight", "scheduled_at", *FEATURES, "late"]
    for name, chosen in known.items():
        here = flights[chosen & flights["late"].notna()]
        here[columns].to_csv(folder / f"2013-{name}.csv", index=False)


def _batch(session: Session, version: str, flights: pd.DataFrame, name: str) -> pd.DataFrame:
    """What a version says of flights: a batch job of one file, beside what came."""
    flights[["flight", "month", *FEATURES, "late"]].to_parquet(session.folder / f"{name}.parquet")
    session.serve_app(
        "predict", version, "--local", "--data", f"{name}.parquet", "--out", name,
        "--id", "flight", "--passthrough", "month,late",
    )  # fmt: skip
    parts = sorted((session.folder / name).glob("part-*.parquet"))
    answers = pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)
    if len(answers) != len(flights):
        raise CaseStudyError(f"{len(answers):,} of {len(flights):,} flights were answered")
    return answers


def _by_month(answers: pd.DataFrame) -> dict[int, Judged]:
    months = [month for month in range(1, 13) if (answers["month"] == month).any()]
    return {month: judged(answers[answers["month"] == month]) for month in months}


def _leaks(january: pd.DataFrame, february: pd.DataFrame) -> str:
    alone = best_alone(LEAKS, january)
    rows = [[f"`{name}` alone", f"{area:.3f}"] for name, area in alone.items()]
    for words, columns in (
        ("what is known before, by a model", NUMBERS),
        ("the same and `dep_delay`", (*NUMBERS, "dep_delay")),
    ):
        rows.append([words, f"{auc_with(columns, january, february, seed=SEED):.3f}"])
    return table(["late in February, from January", "area under ROC"], rows)


def _year(months: Mapping[int, Judged], apart: Mapping[int, Mapping[str, float]]) -> str:
    rows = []
    for month, one in months.items():
        name, far = max(apart[month].items(), key=lambda pair: pair[1])
        furthest = f"`{name}` {far:.2f}" if month > 1 else ""
        rows.append([month, *_judged(one), furthest])
    head = ["month", "arrivals", "late", "expected", "AUC", "Brier", "furthest from January (PSI)"]
    return table(head, rows)


def _judged(one: Judged) -> list[str]:
    return [
        f"{one.flights:,}", f"{one.late:.1%}", f"{one.expected:.1%}",
        f"{one.auc:.3f}", f"{one.brier:.3f}",
    ]  # fmt: skip


def _excess(feature: Mapping[str, Any]) -> float:
    return float(feature["distances"][feature["distance"]] / feature["threshold"])


def _far(drift: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The columns about which the monitor raised an alarm, the furthest first."""
    alarms = {alarm["name"] for alarm in drift["alarms"]}
    features = [one for one in drift["features"] if one["name"] in alarms]
    return sorted(features, key=_excess, reverse=True)


def reason(drift: Mapping[str, Any]) -> str:
    """Why somebody trains again.

    Raises:
        CaseStudyError: the monitor sees nothing.
    """
    names = [one["name"] for one in _far(drift)]
    if not names:
        raise CaseStudyError("the monitor sees no drift in July")
    return f"drift of {', '.join(names)}"


def _drift(drift: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            f"`{one['name']}`",
            one["distance"].replace("_", "-"),
            f"{one['distances'][one['distance']]:.2f}",
            f"{one['threshold']:g}",
        ]
        for one in _far(drift)
    ]
    kinds = {one["kind"] for one in found}
    if "drift" not in kinds:
        raise CaseStudyError("drift is no finding of the monitor")
    head = [f"{drift['rows']:,} flights of a week in July", "distance", "from January", "threshold"]
    return table(head, rows)


def _later(first: Mapping[int, Judged], second: Mapping[int, Judged]) -> str:
    rows = [
        [
            month, f"{one.late:.1%}", f"{one.expected:.1%}", f"{second[month].expected:.1%}",
            f"{one.auc:.3f}", f"{second[month].auc:.3f}",
            f"{one.brier:.3f}", f"{second[month].brier:.3f}",
        ]
        for month, one in first.items()
    ]  # fmt: skip
    head = [
        "month", "late", "expected by 1", "by 2", "AUC of 1", "of 2", "Brier of 1", "of 2",
    ]  # fmt: skip
    return table(head, rows)


def _answer(session: Session, week: pd.DataFrame, champion: str) -> str:
    """What the endpoint says of one flight, which takes the successor without a deploy.

    Raises:
        CaseStudyError: it is still answered by another version.
    """
    answer = session.endpoints[-1].client.predict(ENDPOINT, week[list(FEATURES)].head(1))
    if answer.variants != [champion]:
        raise CaseStudyError(f"{', '.join(answer.variants)} answers, and not {champion}")
    one = week.iloc[0]
    probability = answer.frame()["p(yes)"].iloc[0]
    return (
        f"`{champion}` answers at the endpoint: {one['carrier']} from {one['origin']} to "
        f"{one['dest']} on 1 July is late with a probability of {probability:.2f}."
    )


def _next_steps(session: Session, week: pd.DataFrame) -> tuple[str, ...]:
    file = session.folder / "one.json"
    rows = week[list(FEATURES)].head(1).to_json(orient="records")
    file.write_text(json.dumps({"instances": json.loads(rows)}))
    url = f"http://127.0.0.1:{session.port}/v1/models/{ENDPOINT}"
    state = session.folder / "state"
    return (
        f"curl -s {url}:predict -H 'content-type: application/json' -d @{file}",
        f"serve-app monitor drift {ENDPOINT} --state {state}",
        f"serve-app events --state {state}",
    )
