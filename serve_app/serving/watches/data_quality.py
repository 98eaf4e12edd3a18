"""The watch over sudden changes: rows that stop, columns that go missing or stand still."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from serve_app.core.snapshot import Endpoint
from serve_app.monitoring import catalogue
from serve_app.monitoring.anomalies import (
    Anomaly,
    AnomalySettings,
    column_anomaly,
    column_shares,
    volume_anomaly,
)
from serve_app.monitoring.binning import ROWS, Layout
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding, Severity
from serve_app.monitoring.window import Series
from serve_app.monitoring.windows import DAY_S, Limits, Merged
from serve_app.serving.watches.layouts import Layouts
from serve_app.serving.watches.watch import Sources

STATE = "data_quality"
VOLUME = "volume"
"""The kind of findings about rows that stopped or surged; all others have that of the watch."""
WINDOWS_BEFORE = 24
SAME_TIMES = 5
"""With so many windows at the same time of former days, these say what is usual."""
_DAYS = 14

Vectors = dict[int, NDArray[np.int64]]
"""The counts of a version by when their windows begin."""


class Judged(NamedTuple):
    """What the last window of an endpoint says: which are its rows, and what is unlike before.

    Anomalies of `columns` are by version, that of `volume` is of all rows of the endpoint;
    `stopped` are versions that no longer get rows while others do.
    """

    start_s: int
    rows: int
    volume: Anomaly | None
    stopped: tuple[str, ...]
    columns: Mapping[str, tuple[Anomaly, ...]]


class DataQuality:
    """Judges each window of an endpoint once it is over, by the windows before it."""

    name = "look for sudden changes"
    kind = "data_quality"
    pause_s = 30.0
    # What gateways held while no monitor was there comes before.
    first_s = 30.0

    def __init__(self, sources: Sources, layouts: Layouts) -> None:
        self._sources, self._layouts = sources, layouts
        self._args = sources.args.data_quality
        self._settings = AnomalySettings(**self._args.chosen())
        self._began_s = sources.clock()
        self._lock = threading.Lock()
        self._judged: dict[str, Judged] = {}
        self._stood: dict[str, tuple[bool, tuple[str, ...]]] = {}

    def restore(self) -> None:
        """Know again where rows had stopped; all else is in the windows.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._sources.state.load(STATE) or {}
        self._stood = {name: (stood, tuple(gone)) for name, (stood, gone) in body.items()}

    def run(self) -> None:
        """Judge the windows that are over."""
        if not self._args.enabled:
            return
        now_s, length_s = self._sources.clock(), self._args.window_s
        start_s = int((now_s - Limits().grace_s) // length_s - 1) * length_s
        endpoints = self._sources.endpoints()
        judged = {name: one for name, one in self._judged.items() if name in endpoints}
        for name, spec in endpoints.items():
            known = judged.get(name)
            if known is None or known.start_s != start_s:
                judged[name] = self._judge(name, spec, start_s)
        stood = {name: (one.volume is not None, one.stopped) for name, one in judged.items()}
        if stood != self._stood and not self._sources.intake.is_over():
            self._sources.state.save(STATE, stood)
        with self._lock:
            self._judged, self._stood = judged, stood

    def samples(self) -> list[Sample]:
        """How many things of the last window are unlike those before."""
        with self._lock:
            every = [(name, _counted(one)) for name, one in self._judged.items()]
        return [
            Sample(catalogue.DATA_ANOMALIES, (name, what), number)
            for name, counted in every
            for what, number in counted.items()
        ]

    def findings(self) -> list[Finding]:
        """What of the last windows is unlike those before."""
        with self._lock:
            return [
                finding
                for name, one in sorted(self._judged.items())
                for finding in self._findings(name, one)
            ]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - of the last window alone
        """What the last window of each endpoint says."""
        with self._lock:
            return [
                {
                    "endpoint": name,
                    "window_start_s": one.start_s,
                    "window_s": self._args.window_s,
                    "rows": one.rows,
                    "volume": None if one.volume is None else asdict(one.volume),
                    "stopped": list(one.stopped),
                    "columns": {
                        version: [asdict(anomaly) for anomaly in anomalies]
                        for version, anomalies in sorted(one.columns.items())
                    },
                }
                for name, one in sorted(self._judged.items())
                if endpoint in {None, name}
            ]

    def _judge(self, name: str, spec: Endpoint, start_s: int) -> Judged:
        by_version: dict[str, Vectors] = {}
        columns: dict[str, tuple[Anomaly, ...]] = {}
        every = [one for one in self._sources.intake.read(Merged.series) if one.endpoint == name]
        layouts = self._layouts.of(every)
        for series in every:
            vectors = self._vectors(series, start_s)
            rows = by_version.setdefault(series.variant, {})
            for at_s, vector in vectors.items():
                rows[at_s] = rows.get(at_s, np.zeros(1, dtype=np.int64)) + vector[ROWS]
            layout = layouts.get(series)
            if start_s in vectors and layout is not None:
                columns[series.variant] = self._columns(layout, vectors, start_s)
        taker = None if spec.preprocess is None else spec.preprocess.version
        answering = {version: rows for version, rows in by_version.items() if version != taker}
        total = _total(answering.values())
        now = total.get(start_s, 0)
        volume: Anomaly | None = None
        stopped: tuple[str, ...] = ()
        if self._all_counted(spec):
            volume = volume_anomaly(now, self._usual(total, start_s), self._settings)
            stopped = self._stopped(spec, answering, start_s) if now else ()
        if start_s < self._began_s:
            # What came while no monitor was there need not be here: only what stood can stand on.
            stood, gone = self._stood.get(name, (False, ()))
            volume = volume if stood else None
            stopped = tuple(one for one in stopped if one in gone)
        return Judged(start_s, now, volume, stopped, columns)

    def _vectors(self, series: Series, start_s: int) -> Vectors:
        """The counts of a series up to a window."""
        length_s = self._args.window_s
        first_s = start_s - _DAYS * max(DAY_S, length_s)
        windows = self._sources.intake.read(
            lambda merged: merged.windows(series, length_s, first_s, start_s + 1)
        )
        same = (start_s % DAY_S, start_s - WINDOWS_BEFORE * length_s)
        return {
            window.key.start_s: window.vector
            for window in windows
            if window.key.start_s % DAY_S == same[0] or window.key.start_s >= same[1]
        }

    def _usual(self, rows: Mapping[int, int], start_s: int) -> list[int]:
        """The rows of the windows that say what is usual; 0 where there were none in between.

        Those at the same time of former days, where there are enough, or else those just before.
        """
        length_s = self._args.window_s
        first_s = min(rows, default=start_s)
        days = range(start_s - DAY_S, start_s - (_DAYS + 1) * DAY_S, -DAY_S)
        same = [rows.get(at_s, 0) for at_s in days if at_s >= first_s]
        if length_s < DAY_S and len(same) >= max(SAME_TIMES, self._settings.minimum_windows):
            return same
        before = range(start_s - length_s, start_s - (WINDOWS_BEFORE + 1) * length_s, -length_s)
        return [rows.get(at_s, 0) for at_s in before if at_s >= first_s]

    def _stopped(
        self, spec: Endpoint, by_version: Mapping[str, Vectors], start_s: int
    ) -> tuple[str, ...]:
        """Versions that are to get rows, got many before and none now."""
        stopped = []
        for version in sorted(v.version for v in spec.variants if v.weight > 0):
            rows = _total([by_version.get(version, {})])
            if not rows.get(start_s) and volume_anomaly(
                0, self._usual(rows, start_s), self._settings
            ):
                stopped.append(version)
        return tuple(stopped)

    def _columns(self, layout: Layout, vectors: Vectors, start_s: int) -> tuple[Anomaly, ...]:
        shares = {at_s: column_shares(layout, vector) for at_s, vector in vectors.items()}
        first_s = start_s - WINDOWS_BEFORE * self._args.window_s
        before = [one for at_s, one in shares.items() if first_s <= at_s < start_s]
        anomalies = (
            column_anomaly(name, now, (one[name] for one in before), self._settings)
            for name, now in shares[start_s].items()
        )
        return tuple(one for one in anomalies if one is not None)

    def _all_counted(self, spec: Endpoint) -> bool:
        """Whether all rows of an endpoint are counted, which those without a profile are not."""
        return all(
            self._sources.profiles(one.version) is not None
            for one in spec.variants
            if one.weight > 0
        )

    def _findings(self, name: str, judged: Judged) -> list[Finding]:
        findings = []
        one = judged.volume
        if one is not None:
            text = f"rows of {name} {one.what}: {one.value:,.0f}, and {one.usual:,.0f} are usual"
            severity: Severity = "critical" if one.what == "stopped" else "warning"
            findings.append(Finding(VOLUME, name, "", "rows", text, severity, one.value, one.usual))
        findings += [
            Finding(VOLUME, name, version, "rows", f"{version} gets no rows of {name} any more")
            for version in judged.stopped
        ]
        for version, anomalies in sorted(judged.columns.items()):
            for one in anomalies:
                text = (
                    f"{one.subject} is missing in {one.value:.0%} of the rows of {version}, and "
                    f"in {one.usual:.0%} before"
                    if one.what == "missing"
                    else f"{one.subject} is the same in all rows of {version}"
                )
                subject = f"{one.subject}: {one.what}"
                findings.append(
                    Finding(self.kind, name, version, subject, text, "warning", one.value)
                )
        return findings


def _total(by_version: Any) -> dict[int, int]:
    """The rows of several versions by window."""
    total: dict[int, int] = {}
    for rows in by_version:
        for at_s, vector in rows.items():
            total[at_s] = total.get(at_s, 0) + int(vector[ROWS])
    return total


def _counted(judged: Judged) -> dict[str, int]:
    counted = {"missing": 0, "constant": 0}
    for anomalies in judged.columns.values():
        for one in anomalies:
            counted[one.what] += 1
    return {**counted, "volume": int(judged.volume is not None) + len(judged.stopped)}
