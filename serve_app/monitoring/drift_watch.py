"""Judges the windows of all series as they close, and knows which alarms stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from serve_app.monitoring.binning import Counts, Layout
from serve_app.monitoring.comparison import Comparison
from serve_app.monitoring.drift.alarms import Alarms
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.verdict import WindowVerdict
from serve_app.monitoring.window import Series
from serve_app.monitoring.windows import Merged

PREDICTION = "prediction:"
"""What the names of predictions begin with among those of alarms."""
Layouts = Mapping[Series, Layout | None]
"""What the vectors of each series mean; none where its profile cannot be read now."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a series: its last judged window, and the alarms that stand.

    `start_s` is when that window began, in seconds since 1970, and `rows` how many it has.
    """

    start_s: int
    rows: int
    verdict: WindowVerdict | None
    alarms: Alarms

    def alarming(self, settings: DriftSettings) -> tuple[tuple[str, str], ...]:
        """What alarms: a feature or prediction and what of it, such as `("age", "missing")`."""
        return self.alarms.standing(settings)


class DriftWatch:
    """Judges each window once, when it can get no more rows.

    `length_s` is how long the windows are that are judged, `grace_s` how long after its end rows
    of a window are waited for. `own` gives the settings of an endpoint that has some of its own.
    """

    def __init__(
        self,
        settings: DriftSettings,
        *,
        length_s: int,
        grace_s: float,
        own: Callable[[str], DriftSettings | None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.length_s = length_s
        self._own = own
        self._grace_s = grace_s
        self._standing: dict[Series, Standing] = {}
        self._comparisons: dict[Series, Comparison] = {}

    @property
    def standing(self) -> Mapping[Series, Standing]:
        """What is known of each series."""
        return dict(self._standing)

    def settings_of(self, endpoint: str) -> DriftSettings:
        """The settings by which an endpoint is judged."""
        return self._own(endpoint) or self.settings

    def judge(self, windows: Merged, layouts: Layouts, now_s: float) -> int:
        """Judge all windows that closed since the last time; how many those were.

        What was known of series that `layouts` has not is forgotten, alarms included.
        """
        judged = 0
        closed_s = now_s - self.length_s - self._grace_s
        series = {one: layouts[one] for one in windows.series() if one in layouts}
        for one, layout in series.items():
            if layout is not None:
                judged += self._judge(one, layout, windows, closed_s)
        for gone in self._standing.keys() - series.keys():
            del self._standing[gone]
            self._comparisons.pop(gone, None)
        return judged

    def to_json(self) -> list[Any]:
        """What must be known again, as JSON values: the alarms, and until when was judged."""
        return [
            [list(series), one.start_s, one.alarms.to_json()]
            for series, one in self._standing.items()
        ]

    def restore(self, body: list[Any]) -> None:
        """Know again what `to_json` wrote."""
        self._standing = {
            Series(*series): Standing(start_s, 0, None, Alarms.from_json(alarms))
            for series, start_s, alarms in body
        }

    def _judge(self, series: Series, layout: Layout, windows: Merged, closed_s: float) -> int:
        last, settings = self._standing.get(series), self.settings_of(series.endpoint)
        after_s = -1 if last is None else last.start_s
        fresh = windows.windows(series, self.length_s, after_s + 1, closed_s)
        comparison = self._comparisons.get(series)
        if comparison is None:
            comparison = self._comparisons[series] = Comparison(layout)
        if last is not None and last.verdict is None and not fresh:
            # It was judged by a former process, which said what alarms and not why.
            for window in windows.windows(series, self.length_s, after_s, after_s + 1):
                counts = Counts(layout, window.vector)
                verdict = comparison.judge(counts, settings)
                self._standing[series] = replace(last, rows=counts.rows, verdict=verdict)
        alarms = Alarms() if last is None else last.alarms
        for window in fresh:
            counts = Counts(layout, window.vector)
            verdict = comparison.judge(counts, settings)
            # A feature may be called as a prediction is.
            predictions = (
                replace(one, name=f"{PREDICTION}{one.name}") for one in verdict.predictions
            )
            alarms = alarms.after((*verdict.features, *predictions), settings)
            start_s = window.key.start_s
            self._standing[series] = Standing(start_s, counts.rows, verdict, alarms)
        return len(fresh)
