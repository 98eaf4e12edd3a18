"""What a window of counted rows says, held against the profile that it was counted by."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.monitoring.binning import Cells, Counts, Layout
from serve_app.monitoring.drift.distances import centres
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import (
    FeatureReference,
    FeatureWindow,
    WindowVerdict,
    judge_window,
)
from serve_app.monitoring.profile.feature import Feature


class Comparison:
    """Judges windows that were counted by one profile."""

    def __init__(self, layout: Layout) -> None:
        profile = layout.profile
        self._layout = layout
        self._features = [_reference(one) for one in profile.features]
        self._predictions = [_reference(one.feature) for one in profile.predictions]

    def judge(self, counts: Counts, settings: DriftSettings) -> WindowVerdict:
        """Which features and predictions drifted, and why some are not judged.

        Raises:
            ValueError: the counts are by another profile.
        """
        if counts.layout.digest != self._layout.digest:
            msg = "counts of different profiles cannot be compared"
            raise ValueError(msg)
        window = {name: _window(counts.feature(name)) for name in self._layout.features}
        predicted = {name: _window(counts.prediction(name)) for name in self._layout.predictions}
        return judge_window(self._features, self._predictions, window, predicted, settings)


def _reference(feature: Feature) -> FeatureReference:
    counts = _with_infinities(
        feature, feature.counts, feature.minus_infinity, feature.plus_infinity
    )
    last = len(counts) - 1
    if feature.kind == "numbers":
        return FeatureReference(
            feature.name,
            "numbers",
            counts,
            feature.missing,
            positions=tuple(centres(feature.edges).tolist()),
            standard_deviation=feature.deviation,
            outside=(0, last),
        )
    if feature.kind == "values":
        return FeatureReference(
            feature.name,
            "numbers",
            counts,
            feature.missing,
            positions=feature.values,
            standard_deviation=feature.deviation,
            unseen=(last,),
        )
    return FeatureReference(
        feature.name,
        "categories",
        counts,
        feature.missing,
        unseen=(last,) if feature.closed else (),
        singletons=feature.singletons,
    )


def _window(cells: Cells) -> FeatureWindow:
    counts = _with_infinities(
        cells.feature, cells.counts.tolist(), cells.minus_infinity, cells.plus_infinity
    )
    return FeatureWindow(counts, cells.missing)


def _with_infinities(
    feature: Feature, counts: Sequence[int], minus: int, plus: int
) -> tuple[int, ...]:
    """The cells, with infinities where what is out of range or was never seen is counted."""
    given = list(counts)
    if feature.kind == "numbers":
        given[0] += minus
        given[-1] += plus
    elif feature.kind == "values":
        given[-1] += minus + plus
    return tuple(given)
