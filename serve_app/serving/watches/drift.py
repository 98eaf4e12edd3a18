"""The watch over single features and predictions: windows of counts held against profiles."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from serve_app.errors import ConfigError
from serve_app.monitoring.binning import Layout
from serve_app.monitoring.catalogue import JUDGED_WINDOW_LENGTH, Sample
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift_watch import DriftWatch
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.window import Series
from serve_app.monitoring.windows import Limits, Merged
from serve_app.serving.monitor_samples import of_drift
from serve_app.serving.watches.layouts import Layouts
from serve_app.serving.watches.watch import Sources

ALARMS = "alarms"
logger = logging.getLogger("serve_app.monitor")


class WindowDrift:
    """Judges the windows that have closed, and keeps which alarms stand."""

    name = "judge windows"
    kind = "drift"
    pause_s = 15.0
    # What gateways held while no monitor was there comes before windows are judged.
    first_s = 15.0

    def __init__(self, sources: Sources, layouts: Layouts) -> None:
        drift = sources.args.drift
        self._sources = sources
        self._layouts = layouts
        self._judging = threading.Lock()
        self._watch = DriftWatch(
            DriftSettings.of(drift.chosen()),
            length_s=drift.window_s,
            grace_s=Limits().grace_s,
            own=self._own_settings,
        )
        self._own: dict[str, tuple[Mapping[str, Any], DriftSettings | None]] = {}

    def restore(self) -> None:
        """Know again which alarms stand.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        alarms = self._sources.state.load(ALARMS)
        if alarms is not None:
            self._watch.restore(alarms)

    def run(self) -> None:
        """Judge the windows that have closed."""
        intake = self._sources.intake
        with self._judging:
            # Profiles are read while deliveries are taken: a registry may be slow.
            layouts = self.layouts(intake.read(Merged.series))
            before = self._watch.standing.keys()
            now_s = self._sources.clock()
            judged = intake.read(lambda windows: self._watch.judge(windows, layouts, now_s))
            changed = judged or before != self._watch.standing.keys()
            if changed and not intake.is_over():
                self._sources.state.save(ALARMS, self._watch.to_json())

    def samples(self) -> list[Sample]:
        """Distances, shares and alarms of the last judged windows."""
        standing = self._watch.standing
        length = [Sample(JUDGED_WINDOW_LENGTH, (), self._watch.length_s)] if standing else []
        return [*length, *of_drift(standing, self.settings)]

    def findings(self) -> list[Finding]:
        """The alarms that stand."""
        return [
            Finding(
                self.kind,
                series.endpoint,
                series.variant,
                f"{name}: {what}",
                f"{name} of {series.variant} is unlike its reference ({what})",
            )
            for series, one in sorted(self._watch.standing.items())
            for name, what in one.alarming(self.settings(series.endpoint))
        ]

    def settings(self, endpoint: str) -> DriftSettings:
        """When features of an endpoint count as drifted."""
        return self._watch.settings_of(endpoint)

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - of the last window alone
        """What the last judged window of each series says."""
        with self._judging:
            return [
                {
                    "endpoint": series.endpoint,
                    "version": series.variant,
                    "window_start_s": one.start_s,
                    "window_s": self._watch.length_s,
                    "rows": one.rows,
                    "alarms": [{"name": name, "what": what}
                               for name, what in one.alarming(self.settings(series.endpoint))],
                    "features": [] if one.verdict is None
                    else [asdict(feature) for feature in one.verdict.features],
                    "predictions": [] if one.verdict is None
                    else [asdict(feature) for feature in one.verdict.predictions],
                }
                for series, one in sorted(self._watch.standing.items())
                if endpoint in {None, series.endpoint}
            ]  # fmt: skip

    def _own_settings(self, endpoint: str) -> DriftSettings | None:
        """The settings of an endpoint that has some of its own, None where those cannot be."""
        spec = self._sources.endpoints().get(endpoint)
        rules = {} if spec is None else spec.records.drift
        if not rules:
            return None
        known = self._own.get(endpoint)
        if known is None or known[0] != rules:
            known = self._own[endpoint] = (rules, self._settings_by(endpoint, rules))
        return known[1]

    def _settings_by(self, endpoint: str, rules: Mapping[str, Any]) -> DriftSettings | None:
        try:
            return DriftSettings.of(self._sources.args.drift.chosen(), rules)
        except (ConfigError, TypeError) as error:
            # `validate` would have refused them; the other endpoints are judged all the same.
            why = {"endpoint": endpoint, "why": str(error)}
            logger.warning("drift is judged by the rules of the monitor", extra=why)
            return None

    def layouts(self, every: Sequence[Series]) -> dict[Series, Layout | None]:
        """What the vectors mean of the series that are judged, as `Layouts.of` says."""
        return self._layouts.of(every)
