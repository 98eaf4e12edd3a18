"""What a run writes into the manifests of its versions: data, windows, code, seeds, digests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from serve_app.engine.registration.commit import source_code_of
from serve_app.engine.registration.environment import environment
from serve_app.lifecycle.digests import digest_of
from serve_app.lifecycle.ledger import Step
from serve_app.lifecycle.spec import body_of
from serve_app.lifecycle.steps import Work
from serve_app.registry.lineage import DataFile, Dataset, Importance, Lineage, Period

_ONE = dt.timedelta(microseconds=1)
"""Periods end before their end, and the newest row belongs to them."""


class Times(NamedTuple):
    """When a run began, and the time now, in seconds since 1970."""

    began: float
    now: float


def lineage_of(
    work: Work, trial: int, metrics: Mapping[str, float], *, champion: int | None, at: Times
) -> Lineage:
    """What the version of a trial of a run was made of."""
    steps = work.ledger.steps(work.run)
    split, settings = steps["split"].output, work.settings
    # Trials, and the models that are registered, are fitted with one thread.
    here = environment("training").model_copy(update={"threads": 1})
    return Lineage(
        run_id=work.run,
        trigger_id=(work.ledger.run(work.run).options or {}).get("trigger"),
        parent=None if champion is None else f"{settings.model}@{champion}",
        training_window=_period(split, "train"),
        holdout_window=_period(split, "holdout"),
        data=_data(steps),
        code=source_code_of([Path.cwd()]),
        environment=here,
        seeds={"search": settings.search.seed},
        metrics=dict(metrics),
        digests={
            "pipeline": digest_of(body_of(settings)),
            "split": str(split["digest"]),
            "search": steps["search"].output_digest,
            "predictions": str(steps["evaluate"].output["predictions"]),
        },
        importance=_importance(steps.get("importance"), trial),
        duration_s=max(0.0, at.now - at.began),
    )


def _importance(step: Step | None, trial: int) -> Importance | None:
    """What the step said of the model of a trial, if it said anything."""
    known = None if step is None else step.output["trials"].get(str(trial))
    return None if known is None else Importance.model_validate(known)


def _data(steps: Mapping[str, Step]) -> tuple[Dataset, ...]:
    snapshot, split = steps["snapshot"].output, steps["split"].output
    files = tuple(DataFile(path=path, **facts) for path, facts in snapshot["files"].items())
    training = Dataset(role="training", files=files, time_range=_period(split, "train"))
    rows = int(split["holdout_rows"])
    holdout = Dataset(role="holdout", files=files, rows=rows, time_range=_period(split, "holdout"))
    return training, holdout


def _period(split: Mapping[str, Any], part: str) -> Period | None:
    """From the first to the last row of a part, in UTC; none where rows have no time."""
    first = "holdout_from" if part == "holdout" else "train_from"
    last = "holdout_until" if part == "holdout" else "train_until"
    if first not in split:
        return None
    return Period(start=_iso(split[first]), end=_iso(split[last], _ONE))


def _iso(at_ns: int, more: dt.timedelta = dt.timedelta()) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=at_ns // 1000)
    return (moment + more).isoformat()
