"""A profile of the data of a version: what every later window of rows is held against."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from serve_app.monitoring.estimate.dle import ErrorModel
from serve_app.monitoring.profile.baseline import Baseline
from serve_app.monitoring.profile.calibration import Calibration
from serve_app.monitoring.profile.feature import Feature, Skipped
from serve_app.monitoring.profile.importances import ReferenceImportances
from serve_app.monitoring.profile.predicted import Predicted
from serve_app.monitoring.profile.whole_rows import WholeRows

FILE = "profile.json"
"""What the profile is called among the files of a version."""

SCHEMA = 1
ScoresFrom = Literal["held_out", "training", "profile_data"]
"""The rows that were predicted: some that a clone of the model had not seen when it was fitted,
those of training, or those that were given for the profile."""


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """What the columns of some rows look like, and what a model says of them.

    `source` says in words where the rows are from. Columns in `skipped` are not counted, nor are
    `left_out` more of a table that is too wide. `predictions` are counts of `scored_rows`
    predictions, which are of the rows that `scores_from` names; where their truth is known there
    are calibrations, `metrics`, and `baselines` of metrics in windows of several sizes; of numbers
    there is an `error_model`, where the features of those rows are known too. `importances` there
    are of versions that are explained exactly and quickly.

    Names of categories, least and greatest values and quantiles are data: who may read the
    profile can read them.
    """

    rows: int
    features: tuple[Feature, ...]
    skipped: tuple[Skipped, ...] = ()
    left_out: int = 0
    source: str | None = None
    predictions: tuple[Predicted, ...] = ()
    scored_rows: int = 0
    scores_from: ScoresFrom | None = None
    calibrations: tuple[Calibration, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    baselines: tuple[Baseline, ...] = ()
    error_model: ErrorModel | None = None
    whole_rows: WholeRows | None = None
    importances: ReferenceImportances | None = None

    def to_json(self) -> dict[str, Any]:
        """The profile as JSON values; `from_json` makes the same of them, to the last bit."""
        # Profiles without it stay as they were, to the last byte: counts go by their digest.
        errors = {} if self.error_model is None else {"error_model": self.error_model.to_json()}
        body: dict[str, Any] = {
            **errors,
            "schema": SCHEMA,
            "rows": self.rows,
            "features": [feature.to_json() for feature in self.features],
            "skipped": {one.name: one.reason for one in self.skipped},
            "left_out": self.left_out,
            "source": self.source,
            "predictions": [one.to_json() for one in self.predictions],
            "scored_rows": self.scored_rows,
            "scores_from": self.scores_from,
            "calibrations": [one.to_json() for one in self.calibrations],
            "metrics": dict(self.metrics),
            "baselines": [one.to_json() for one in self.baselines],
        }
        if self.whole_rows is not None:
            body["whole_rows"] = self.whole_rows.to_json()
        if self.importances is not None:
            body["importances"] = self.importances.to_json()
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FeatureProfile:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no profile, or one of a later kind; says where it is wrong.
        """
        whole_rows, importances = body.get("whole_rows"), body.get("importances")
        try:
            if body["schema"] != SCHEMA:
                msg = f"it is of schema {body['schema']}, and {SCHEMA} is what is known"
                raise ValueError(msg)
            return cls(
                rows=body["rows"],
                features=tuple(map(Feature.from_json, body["features"])),
                skipped=tuple(Skipped(*pair) for pair in body["skipped"].items()),
                left_out=body["left_out"],
                source=body["source"],
                predictions=tuple(map(Predicted.from_json, body["predictions"])),
                scored_rows=body["scored_rows"],
                scores_from=body["scores_from"],
                calibrations=tuple(map(Calibration.from_json, body["calibrations"])),
                metrics=body["metrics"],
                baselines=tuple(map(Baseline.from_json, body["baselines"])),
                error_model=None
                if body.get("error_model") is None
                else ErrorModel.from_json(body["error_model"]),
                whole_rows=None if whole_rows is None else WholeRows.from_json(whole_rows),
                importances=None
                if importances is None
                else ReferenceImportances.from_json(importances),
            )
        except (KeyError, TypeError, AttributeError) as error:
            msg = f"it is no profile: {error!r}"
            raise ValueError(msg) from None

    def encode(self) -> bytes:
        """The profile as JSON: the same bytes for the same profile."""
        body = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return body.encode()

    @classmethod
    def decode(cls, content: bytes) -> FeatureProfile:
        """Read what `encode` wrote.

        Raises:
            ValueError: it is no profile; says where it is wrong.
        """
        body = json.loads(content)
        if not isinstance(body, dict):
            msg = "it is no profile: it is no JSON object"
            raise ValueError(msg)  # noqa: TRY004 - what a file holds is a value
        return cls.from_json(body)

    @property
    def digest(self) -> str:
        """The SHA-256 of what rows are counted by: where it is the same, counts can be added up."""
        # Nothing is counted by what a former version of this package does not read.
        counted_by = replace(self, whole_rows=None, importances=None)
        return hashlib.sha256(counted_by.encode()).hexdigest()
