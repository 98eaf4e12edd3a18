"""The watch over rows that lie where hardly any of training do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.outliers import OutlierVerdict, judged_outliers
from serve_app.monitoring.sum_windows import Part
from serve_app.serving.watches.recent_rows import Block, RecentRows, Reference
from serve_app.serving.watches.row_windows import RowWindows, listed
from serve_app.serving.watches.watch import Sources

STATE = "outliers"
MOST_OUTLYING = 20
"""Of each version so many rows are named, those of the last day that lie furthest out."""
DAY_S = 86_400.0


class Outlying(NamedTuple):
    """A row that lies far out: its score and the columns that lie furthest, that one first."""

    score: float
    prediction_id: str
    row: int
    at_s: float
    features: tuple[str, ...]


class Outliers:
    """Scores sampled rows by the tails of their columns, and judges how many are outliers."""

    name = "look for outliers"
    kind = "outliers"
    pause_s = 60.0
    first_s = 20.0

    def __init__(self, sources: Sources, recent: RecentRows) -> None:
        self._args = sources.args.outliers
        self._recent, self._clock = recent, sources.clock
        self._windows = RowWindows(STATE, sources, recent, self._args, OutlierVerdict)
        self._outlying: dict[Part, tuple[Outlying, ...]] = {}

    def restore(self) -> None:
        """Know again what was read, which alarms stand, and which rows lay furthest out.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        self._outlying = {
            Part(endpoint, version): tuple(map(_outlying, outlying))
            for endpoint, version, outlying in self._windows.restore() or []
        }

    def run(self) -> None:
        """Score the rows that came since, and judge the windows that are over."""
        self._windows.run(self._look, self._judge, self._kept)

    def samples(self) -> list[Sample]:
        """The shares of outliers in the last judged windows."""
        return [
            Sample(catalogue.OUTLIER_RATIO, tuple(part), verdict.ratio)
            for part, verdict in self._windows.verdicts()
        ]

    def findings(self) -> list[Finding]:
        """The alarms that stand."""
        return [self._finding(part, verdict) for part, verdict in self._windows.alarming()]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:
        """What the last window of each version says, and the rows that lie furthest out.

        Of the columns that lie furthest the values come from the log, as far as it has them.

        Raises:
            RecordsFailed: the log cannot be read.
        """
        if not self._args.enabled:
            return []
        since_s = self._clock() - within_s
        return [self._stated(part, since_s) for part in listed(self._recent.watched(), endpoint)]

    def _stated(self, part: Part, since_s: float) -> Mapping[str, Any]:
        with self._windows.lock:
            outlying = [one for one in self._outlying.get(part, ()) if one.at_s >= since_s]
        return {
            **self._windows.stated(part, "outliers"),
            "furthest": [self._named(part.endpoint, one) for one in outlying],
        }

    def _named(self, endpoint: str, one: Outlying) -> Mapping[str, Any]:
        values = self._recent.values(endpoint, one.prediction_id, one.row)
        kept = {name: values[name] for name in one.features if name in values}
        return {**one._asdict(), "features": list(one.features), "values": kept}

    def _look(self, block: Block) -> Iterator[tuple[Part, tuple[float, ...]]]:
        for part, reference, rows in self._recent.parts(block):
            scores = reference.ecod.scores(rows.columns)
            threshold = reference.whole.outliers.threshold
            far = np.argsort(-scores, kind="stable")[:MOST_OUTLYING]
            far = np.sort(far[scores[far] > threshold])
            if len(far):
                chosen = rows.take(far)
                leading = reference.ecod.leading(chosen.columns)
                named = (
                    scores[far].tolist(),
                    chosen.prediction_ids,
                    chosen.rows,
                    chosen.at_s.tolist(),
                    leading,
                )
                self._add(part, [Outlying(*one) for one in zip(*named, strict=True)])
            yield part, (len(scores), int((scores > threshold).sum()))

    def _add(self, part: Part, outlying: Sequence[Outlying]) -> None:
        """Keep those that lie furthest out, each once."""
        since_s = self._clock() - DAY_S
        with self._windows.lock:
            every = {*self._outlying.get(part, ()), *outlying}
            fresh = sorted((one for one in every if one.at_s >= since_s), reverse=True)
            self._outlying[part] = tuple(fresh[:MOST_OUTLYING])

    def _judge(self, reference: Reference, sums: tuple[float, ...]) -> tuple[OutlierVerdict, bool]:
        rows, outliers = map(int, sums)
        verdict = judged_outliers(
            reference.whole.outliers,
            rows,
            outliers,
            threshold=self._args.threshold,
            alpha=self._args.alpha,
        )
        return verdict, verdict.is_unusual

    def _kept(self) -> list[Any]:
        watched = self._recent.watched()
        self._outlying = {p: v for p, v in self._outlying.items() if p in watched}
        return [[*part, rows] for part, rows in sorted(self._outlying.items())]

    def _finding(self, part: Part, verdict: OutlierVerdict) -> Finding:
        return Finding(
            self.kind,
            part.endpoint,
            part.version,
            "rows",
            f"{verdict.ratio:.1%} of the rows of {part.version} lie further out than all but "
            f"{verdict.reference_ratio:.1%} in training",
            value=verdict.ratio,
            threshold=self._args.threshold,
        )


def _outlying(values: Sequence[Any]) -> Outlying:
    score, prediction_id, row, at_s, features = values
    return Outlying(score, prediction_id, row, at_s, tuple(features))
