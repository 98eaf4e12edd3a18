"""The report of the monitor: what stands, and what was seen of each endpoint and version."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from serve_app.core.snapshot import Endpoint
from serve_app.monitoring.binning import ROWS, Layout
from serve_app.monitoring.report.document import (
    FeedbackCount,
    Health,
    Quality,
    Report,
    Section,
)
from serve_app.monitoring.report.drift_part import (
    LEAST_WINDOWS,
    MOST_WINDOWS,
    drift_of,
    window_length,
)
from serve_app.monitoring.report.quality_series import Variants
from serve_app.monitoring.window import Series
from serve_app.monitoring.windows import MINUTE_S, Limits, Merged, Tally
from serve_app.serving.report_quality import ReportQuality
from serve_app.serving.watches.drift import WindowDrift
from serve_app.serving.watches.watch import Sources, Watch

MOST_SECTIONS = 30
MOST_VERDICTS = 40_000
"""So many features are judged for a report, window by window: about ten seconds of a core."""
NO_PROFILE = (
    "This version has no profile to be held against: it was registered without data, or its "
    "columns cannot be counted. `serve-app monitor baseline` makes one of recorded rows."
)
NO_ROWS = (
    "No row was counted in this time: nobody asked this version, or the gateway has not sent its "
    "counts yet (it does every few seconds)."
)


class MonitorReport:
    """Makes reports of what watches and stores know; each takes a while.

    Windows are judged as the watch over drift does, which is one of `watches`.
    """

    def __init__(self, sources: Sources, watches: Sequence[Watch]) -> None:
        self._sources = sources
        self._drift = next(one for one in watches if isinstance(one, WindowDrift))
        self._watches = watches
        self._quality = ReportQuality(sources, watches)

    def make(self, endpoint: str | None, within_s: float, failing: Sequence[str] = ()) -> Report:
        """The report of one endpoint or all, of the last so many seconds.

        It begins with the first row that is known where that came later. `failing` says in words
        what of the monitor's work fails.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        now_s = self._sources.clock()
        endpoints = {
            name: spec
            for name, spec in sorted(self._sources.endpoints().items())
            if endpoint in {None, name}
        }
        first_s = self._sources.intake.read(partial(_first, frozenset(endpoints)))
        since_s = now_s - within_s
        if first_s is not None:
            since_s = max(since_s, min(float(first_s), now_s - MINUTE_S))
        names = [(name, one) for name, spec in endpoints.items() for one in sorted(spec.answers())]
        kept = names[:MOST_SECTIONS]
        findings = [one for watch in self._watches for one in watch.findings()]
        shown = dict.fromkeys(name for name, _ in kept)
        quality = {
            name: self._quality.of(name, endpoints[name], since_s, share=1 / len(shown))
            for name in shown
        }
        return Report(
            made_s=now_s,
            since_s=since_s,
            window_s=self._sources.args.drift.window_s,
            findings=tuple(one for one in findings if one.endpoint in endpoints),
            sections=tuple(self._sections(kept, quality, since_s, now_s)),
            health=self._health(endpoints, failing),
            left_out=tuple(f"{name} {version}" for name, version in names[MOST_SECTIONS:]),
        )

    def _sections(
        self,
        names: Sequence[tuple[str, str]],
        quality: Mapping[str, Mapping[Variants, Quality]],
        since_s: float,
        now_s: float,
    ) -> list[Section]:
        """A section for each version, and for versions that answered together."""
        every = self._sources.intake.read(Merged.series)
        layouts = self._drift.layouts(every)
        sections = []
        for name, version in names:
            series = [one for one in layouts if (one.endpoint, one.variant) == (name, version)]
            budget = MOST_VERDICTS // max(1, len(names))
            bounds = (since_s, now_s, budget)
            section = self._drift_section((name, version), series, layouts, bounds)
            result = quality.get(name, {}).get((version,))
            sections.append(replace(section, quality=result))
        for name, by_variants in quality.items():
            for variants, result in by_variants.items():
                if len(variants) != 1 or (name, variants[0]) not in names:
                    words = "Drift is judged by the rows of each version alone."
                    sections.append(
                        Section(name, "+".join(variants), 0, no_drift=words, quality=result)
                    )
        order = {name: at for at, name in enumerate(quality)}
        return sorted(sections, key=lambda one: order.get(one.endpoint, len(order)))

    def _drift_section(
        self,
        name: tuple[str, str],
        series: Sequence[Series],
        layouts: Mapping[Series, Layout | None],
        bounds: tuple[float, float, int],
    ) -> Section:
        since_s, now_s, budget = bounds
        layout = next((layouts[one] for one in series if layouts[one] is not None), None)
        if layout is None or not series:
            profile = self._sources.profiles(name[1])
            return Section(*name, 0, no_drift=NO_PROFILE if profile is None else NO_ROWS)
        features = len(layout.features) + len(layout.predictions)
        most = min(MOST_WINDOWS, max(LEAST_WINDOWS, budget // max(1, features)))
        judged_s = self._sources.args.drift.window_s
        length_s = window_length(now_s - since_s, judged_s, most)
        start_s = int(since_s // length_s) * length_s
        columns = int((now_s - start_s) // length_s) + 1
        windows = self._sources.intake.read(
            lambda merged: merged.windows(series[0], length_s, start_s)
        )[-most:]
        settings = self._drift.settings(name[0])
        drift = drift_of(
            layout,
            [one for one in windows if one.key.start_s < start_s + columns * length_s],
            settings,
            start_s=start_s,
            columns=columns,
        )
        rows = sum(int(one.vector[ROWS]) for one in windows)
        return Section(*name, rows, drift=drift, no_drift="" if drift is not None else NO_ROWS)

    def _health(self, endpoints: Mapping[str, Endpoint], failing: Sequence[str]) -> Health:
        sources = self._sources
        counts = sources.intake.counts
        tally, series, size, newest_s = sources.intake.read(_of_windows)
        return Health(
            kept_rows=counts.rows,
            deliveries=counts.deliveries,
            repeated=counts.repeated,
            late=tally.late,
            expired=tally.expired,
            refused=tally.refused,
            series=series,
            window_bytes=size,
            newest_s=newest_s,
            feedback=tuple(
                FeedbackCount(
                    name,
                    *(known.get(what, 0)
                      for what in ("stored", "matched", "pending", "unmatched", "late")),
                )
                for name, known in ((name, sources.feedback.counts(name)) for name in endpoints)
            ),
            failing=tuple(failing),
        )  # fmt: skip


def _first(endpoints: frozenset[str], windows: Merged) -> int | None:
    """When the first row of some endpoints was counted, to the minute where that is known."""
    keep_s = Limits().keep_s
    first_s: int | None = None
    for length_s in sorted(keep_s, reverse=True):
        starts = [
            counted[0].key.start_s
            for series in windows.series()
            if series.endpoint in endpoints and (counted := windows.windows(series, length_s))
        ]
        # Shorter windows of a longer time ago are gone: then those do not say when it began.
        if starts and (first_s is None or min(starts) < first_s + _next_longer(length_s)):
            first_s = max(min(starts), first_s or 0)
    return first_s


def _next_longer(length_s: int) -> int:
    """The length of the next longer windows that are kept."""
    return min((one for one in Limits().keep_s if one > length_s), default=length_s)


def _of_windows(windows: Merged) -> tuple[Tally, int, int, float | None]:
    """What became of counts, how many series there are, their bytes, and when the newest came."""
    every = windows.series()
    newest = [
        counted[-1].key.start_s for one in every if (counted := windows.windows(one, MINUTE_S))
    ]
    return windows.tally, len(every), windows.nbytes, max(newest, default=None)
