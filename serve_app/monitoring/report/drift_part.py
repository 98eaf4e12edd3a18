"""From the windows of a version to what a report says of drift: judged again, one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from serve_app.monitoring.binning import Counts, Layout
from serve_app.monitoring.comparison import Comparison
from serve_app.monitoring.drift.alarms import Alarms
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import FeatureVerdict, WindowVerdict
from serve_app.monitoring.drift_watch import PREDICTION
from serve_app.monitoring.report.cells import distribution_of
from serve_app.monitoring.report.document import (
    GREATEST_SCORE,
    AlarmSpan,
    Distribution,
    Drift,
    FeatureSummary,
    HeatBand,
    HeatMap,
    Rate,
)
from serve_app.monitoring.window import Window
from serve_app.monitoring.windows import DAY_S, Limits

MOST_WINDOWS = 200
LEAST_WINDOWS = 6
MOST_BANDS = 40
MOST_DISTRIBUTIONS = 24
MOST_ALARMS = 200
NOW_ROWS = 2_000
"""The newest windows that have so many rows together are `now`, or all that there are."""
Name = tuple[bool, str]
"""Whether it is a prediction, and what it is called: a feature may be called as one is."""


def window_length(span_s: float, judged_s: int, most: int) -> int:
    """How long the windows of a map are: as those that are judged where that makes `most` or less.

    Otherwise the next longer ones that are kept for the whole time, or days.
    """
    for length_s, keep_s in sorted(Limits().keep_s.items()):
        if length_s >= judged_s and span_s <= min(most * length_s, keep_s):
            return length_s
    return DAY_S


@dataclass(frozen=True, slots=True)
class Judged:
    """A window and what it says; `place` is its column in the map."""

    place: int
    window: Window
    counts: Counts
    verdict: WindowVerdict

    def verdicts(self) -> Mapping[Name, FeatureVerdict]:
        """What it says of each feature and prediction."""
        features = {(False, one.name): one for one in self.verdict.features}
        return features | {(True, one.name): one for one in self.verdict.predictions}


@dataclass(slots=True)
class _History:
    """What the windows said of one feature or prediction, column by column."""

    scores: list[float | None]
    drifted: list[int] = field(default_factory=list)
    judged: int = 0

    @property
    def worst(self) -> float | None:
        known = [score for score in self.scores if score is not None]
        return max(known, default=None)

    def interest(self) -> tuple[float, float]:
        """By which those that drifted most come first."""
        share = len(self.drifted) / self.judged if self.judged else 0.0
        return (share, self.worst or 0.0)


def drift_of(
    layout: Layout,
    windows: Sequence[Window],
    settings: DriftSettings,
    *,
    start_s: int,
    columns: int,
) -> Drift | None:
    """What windows of one length say, of which the map has so many from `start_s` on.

    They come in order. None where there is none, or no profile to hold them against.
    """
    if not windows:
        return None
    length_s = windows[0].key.length_s
    comparison = Comparison(layout)
    judged = []
    for window in windows:
        counts = Counts(layout, window.vector)
        place = (window.key.start_s - start_s) // length_s
        judged.append(Judged(place, window, counts, comparison.judge(counts, settings)))
    histories = _histories(judged, columns)
    order = sorted(histories, key=lambda name: histories[name].interest(), reverse=True)
    newest = _newest(judged)
    now = Counts(layout, np.sum([one.counts.vector for one in newest], axis=0))
    latest = Judged(0, newest[-1].window, now, comparison.judge(now, settings)).verdicts()
    rows = [0] * columns
    for one in judged:
        rows[one.place] = one.counts.rows
    return Drift(
        reference_rows=layout.profile.rows,
        source=layout.profile.source,
        current_rows=now.rows,
        current_from_s=newest[0].window.key.start_s,
        current_to_s=newest[-1].window.key.start_s + length_s,
        heat=_heat(HeatMap(start_s, length_s, tuple(rows), ()), histories, order),
        features=tuple(_summary(name, latest[name], histories[name]) for name in order),
        distributions=_distributions(layout, now, order),
        alarms=_alarms(judged, settings),
        skipped=len(layout.profile.skipped) + layout.profile.left_out,
    )


def score_of(verdict: FeatureVerdict) -> float | None:
    """The distance by which it is judged, in thresholds; None where it is not judged."""
    if verdict.not_judged is not None:
        return None
    return min(round(verdict.distances[verdict.distance] / verdict.threshold, 3), GREATEST_SCORE)


def _histories(judged: Sequence[Judged], columns: int) -> dict[Name, _History]:
    histories: dict[Name, _History] = {}
    for window in judged:
        for name, verdict in window.verdicts().items():
            history = histories.setdefault(name, _History([None] * columns))
            history.scores[window.place] = score_of(verdict)
            findings = verdict.findings()
            history.judged += bool(findings)
            if any(findings.values()):
                history.drifted.append(window.place)
    return histories


def _newest(judged: Sequence[Judged]) -> list[Judged]:
    """The last windows that have enough rows together, oldest first."""
    newest: list[Judged] = []
    rows = 0
    for window in reversed(judged):
        newest.insert(0, window)
        rows += window.counts.rows
        if rows >= NOW_ROWS:
            break
    return newest


def _heat(blank: HeatMap, histories: Mapping[Name, _History], order: Sequence[Name]) -> HeatMap:
    """The map of all predictions and of the features that drifted most."""
    features = [name for name in order if not name[0]]
    shown = [*(name for name in order if name[0]), *features[:MOST_BANDS]]
    bands = tuple(
        HeatBand(
            name, is_prediction, tuple(histories[key].scores), tuple(histories[key].drifted)
        )
        for key in shown
        for is_prediction, name in [key]
    )  # fmt: skip
    return replace(blank, bands=bands, left_out=len(order) - len(bands))


def _summary(name: Name, verdict: FeatureVerdict, history: _History) -> FeatureSummary:
    rates = tuple(
        Rate(what, rate.reference, rate.current, rate.threshold, rate.drifted)
        for what, rate in verdict.rates.items()
    )
    return FeatureSummary(
        name=name[1],
        prediction=name[0],
        distance=verdict.distance,
        score=score_of(verdict),
        is_drifted=verdict.drifted,
        not_judged=verdict.not_judged,
        worst=history.worst,
        judged=history.judged,
        drifted=len(history.drifted),
        rates=rates,
    )


def _distributions(layout: Layout, now: Counts, order: Sequence[Name]) -> tuple[Distribution, ...]:
    """All predictions and the features that drifted most, of the reference and of now."""
    reference = layout.reference()
    features = [name for is_prediction, name in order if not is_prediction][:MOST_DISTRIBUTIONS]
    predicted = [one.feature.name for one in layout.profile.predictions]
    return (
        *(
            distribution_of(reference.prediction(name), now.prediction(name), prediction=True)
            for name in predicted
        ),
        *(
            distribution_of(reference.feature(name), now.feature(name), prediction=False)
            for name in features
        ),
    )


def _alarms(judged: Sequence[Judged], settings: DriftSettings) -> tuple[AlarmSpan, ...]:
    """When alarms stood, as the monitor raises them, by these windows; the newest ones."""
    alarms = Alarms()
    since: dict[tuple[str, str], int] = {}
    spans: list[AlarmSpan] = []
    for one in judged:
        predictions = (
            replace(verdict, name=f"{PREDICTION}{verdict.name}")
            for verdict in one.verdict.predictions
        )
        alarms = alarms.after((*one.verdict.features, *predictions), settings)
        standing = set(alarms.standing(settings))
        end_s = one.window.key.start_s + one.window.key.length_s
        for ended in since.keys() - standing:
            name, what = ended
            spans.append(AlarmSpan(name, what, since.pop(ended), end_s))
        for begun in standing - since.keys():
            since[begun] = end_s
    spans += [AlarmSpan(name, what, since_s) for (name, what), since_s in since.items()]
    newest = sorted(spans, key=_recency, reverse=True)[:MOST_ALARMS]
    return tuple(newest)


def _recency(span: AlarmSpan) -> tuple[float, int, str, str]:
    until_s = math.inf if span.until_s is None else float(span.until_s)
    return (until_s, span.since_s, span.name, span.what)
