"""The watch over concept drift: have answers become wrong more often, row by row?"""

import logging
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from serve_app.core.labelled import LabelledRow
from serve_app.core.snapshot import Endpoint
from serve_app.errors import ConfigError, InvalidInput
from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.concept import DEFAULT_DETECTORS, detector_named
from serve_app.monitoring.concept.errors import ERROR
from serve_app.monitoring.concept.follower import (
    HOUR_S,
    SCALE_ROWS,
    ConceptFollower,
    ConceptHistory,
    cannot_be_watched,
)
from serve_app.monitoring.concept.watcher import ConceptEvent, ConceptWatcher
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.quality.maturity import MATURE_SHARE, MIN_LABELS
from serve_app.serving.watches.watch import ARRIVALS, Sources

MAX_ROWS = 20_000
"""Labelled rows of an endpoint that one run takes: about two seconds."""
MATCHED_WITHIN_S = 60.0
"""Labels are matched some seconds after they came."""
COUNT_EVERY_S = 900.0
DAY_S = 86_400.0
STATE = "concept: "
logger = logging.getLogger("serve_app.monitor")


class ConceptDrift:
    """Watches the errors of labelled rows in the order of their predictions, each row once."""

    name = "watch errors"
    kind = "concept"
    pause_s = 30.0
    first_s = 30.0

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        args = sources.args.concept
        self._names = DEFAULT_DETECTORS if args.detectors is None else args.detectors
        self._lock = threading.Lock()
        self._followers: dict[str, ConceptFollower] = {}
        self._histories: dict[str, ConceptHistory] = {}
        self._scales: dict[str, float | None] = {}
        self._late: dict[str, int] = {}
        self._counted_s = -math.inf
        self._off: str | None = None
        self._is_loaded = False

    def restore(self) -> None:
        """Know again which changes stand. The first run does the rest: river takes seconds.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        for name in self._sources.endpoints():
            state = self._sources.state.load(STATE + name)
            try:
                if state is not None:
                    self._histories[name] = ConceptHistory.of_state(state)
            except InvalidInput as error:
                logger.warning("changes are not known again", extra={"why": error.message})

    def run(self) -> None:
        """Take the rows whose label has come, of each endpoint."""
        with self._lock:
            if not self._is_on():
                return
            endpoints = self._sources.endpoints()
            for name, spec in endpoints.items():
                if cannot_be_watched(spec.signature.output) is None:
                    self._follow(name, spec)
            self._followers = {n: one for n, one in self._followers.items() if n in endpoints}
            self._histories = {name: one.history for name, one in self._followers.items()}
            self._count_late()

    def samples(self) -> list[Sample]:
        """Rows, drifts by detector, and rows whose label came too late."""
        made = []
        for endpoint, one in list(self._followers.items()):
            for variants, rows in list(one.rows.items()):
                made.append(Sample(catalogue.CONCEPT_ROWS, (endpoint, variants), rows))
                for detector in self._names:
                    count = one.detected.get((variants, detector), 0)
                    labels = (endpoint, variants, detector)
                    made.append(Sample(catalogue.CONCEPT_DRIFT, labels, count))
        late = self._late.items()
        return made + [Sample(catalogue.CONCEPT_LATE, (name,), count) for name, count in late]

    def findings(self) -> list[Finding]:
        """The rises of errors that stand."""
        return [
            self._finding(changes)
            for name, spec in sorted(self._sources.endpoints().items())
            for changes in self._standing(name, spec)
        ]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:
        """What is watched of each endpoint, and which changes there were of late."""
        since_s = self._sources.clock() - within_s
        with self._lock:
            return [
                self._report(name, spec, since_s)
                for name, spec in sorted(self._sources.endpoints().items())
                if endpoint in {None, name}
            ]

    def _is_on(self) -> bool:
        """Whether there are detectors; where there are none, why is known then."""
        if self._is_loaded or self._off is not None:
            return self._off is None
        if not self._names:
            self._off = "no detectors are chosen"
            return False
        try:
            self._watcher(self._names)
        except ConfigError as error:
            self._off = error.message
            logger.warning("concept drift is not watched", extra={"why": error.message})
            return False
        self._is_loaded = True
        return True

    def _watcher(self, names: Sequence[str]) -> ConceptWatcher:
        return ConceptWatcher(names, self._sources.args.concept.settings)

    def _follow(self, name: str, spec: Endpoint) -> None:
        follower = self._followers.get(name) or self._restored(name, spec)
        if follower is None:
            return
        self._followers[name] = follower
        until_s = self._until_s(name, spec)
        if until_s is None or until_s <= follower.position_s:
            return
        labelled = self._sources.feedback.labelled(name, follower.position_s, until_s)
        rows, until_s = _up_to(MAX_ROWS, labelled, until_s)
        follower.take(rows, until_s, spec.signature.output, self._scale_of)
        if rows and not self._sources.intake.is_over():
            self._sources.state.save(STATE + name, follower.state())

    def _restored(self, name: str, spec: Endpoint) -> ConceptFollower | None:
        """The follower of an endpoint as it was left; none where no detector takes its errors."""
        names: Sequence[str] = self._names
        if spec.signature.output.kind == "regression":
            settings = self._sources.args.concept.settings
            names = tuple(
                one for one in names if not detector_named(one, settings.get(one, {})).binary
            )
        if not names:
            return None
        follower = ConceptFollower(name, self._watcher(names))
        state = self._sources.state.load(STATE + name)
        if state is None:
            return follower
        try:
            words = follower.restore(state)
        except InvalidInput as error:
            logger.warning("errors are watched anew", extra={"why": error.message})
            return ConceptFollower(name, self._watcher(names))
        for word in words:
            logger.warning("a detector begins anew", extra={"why": word})
        return follower

    def _until_s(self, name: str, spec: Endpoint) -> float | None:
        """Until when no labels are expected any more; none where that cannot be known now."""
        within_s = self._labels_within_s(name, spec)
        if within_s is None:
            return None
        now_s = self._sources.clock()
        if self._sources.feedback.pending(name, 1, due_s=now_s - MATCHED_WITHIN_S):
            # Labels are there whose predictions nobody has looked for yet.
            return None
        return now_s - within_s - MATCHED_WITHIN_S

    def _labels_within_s(self, name: str, spec: Endpoint) -> float | None:
        """How late labels come: as is set, or as nearly all of the newest did."""
        chosen = self._sources.args.concept.labels_within_s
        if chosen is not None:
            return chosen
        by_variants = self._sources.feedback.arrivals(name, ARRIVALS)
        delays = [delay_s for some in by_variants.values() for delay_s in some]
        if len(delays) < MIN_LABELS:
            return None
        horizon_s = spec.records.feedback_horizon_days * DAY_S
        return min(horizon_s, float(np.quantile(delays, MATURE_SHARE)))

    def _scale_of(self, version: str) -> float | None:
        """The RMSE of a version where it was registered."""
        if version not in self._scales:
            profile = self._sources.profiles(version)
            self._scales[version] = None if profile is None else profile.metrics.get("rmse")
        return self._scales[version]

    def _count_late(self) -> None:
        """Count the rows whose label came when later ones had been taken."""
        now_s = self._sources.clock()
        if now_s - self._counted_s < COUNT_EVERY_S:
            return
        self._counted_s = now_s
        self._late = {name: self._late_of(name, one) for name, one in self._followers.items()}

    def _late_of(self, name: str, follower: ConceptFollower) -> int:
        late = 0
        for hour, taken in follower.taken.items():
            start_s = hour * HOUR_S
            end_s = min(start_s + HOUR_S, follower.position_s)
            late += max(0, self._sources.feedback.labelled_count(name, start_s, end_s) - taken)
        return late

    def _finding(self, changes: Sequence[ConceptEvent]) -> Finding:
        newest = changes[0]
        detectors = sorted({event.change.detector for event in changes})
        change, stream = newest.change, newest.stream
        what = f"the {stream}" if stream.startswith(ERROR) else f"how far answers are {stream},"
        return Finding(
            self.kind,
            newest.endpoint,
            newest.variant,
            stream,
            f"{what} of {newest.variant} rose from {change.error_before:.3g} to about "
            f"{change.error_now:.3g} (as {' and '.join(detectors)} say): the truth seems to depend "
            "on the inputs in another way than in training",
            "critical" if stream == ERROR else "warning",
            change.error_now,
            change.error_before,
        )

    def _standing(self, name: str, spec: Endpoint) -> list[list[ConceptEvent]]:
        history = self._histories.get(name)
        stands_s = self._sources.args.concept.stands_s
        return [] if history is None or self._off else history.rises(stands_s, spec.asks())

    def _report(self, name: str, spec: Endpoint, since_s: float) -> dict[str, Any]:
        follower = self._followers.get(name)
        why_not = self._off or cannot_be_watched(spec.signature.output)
        within_s = None if why_not else self._labels_within_s(name, spec)
        if why_not is None and follower is None and self._is_loaded:
            why_not = "its detectors watch right and wrong alone, and it answers with numbers"
        elif why_not is None and within_s is None:
            why_not = f"fewer than {MIN_LABELS} labels: it is not known how late they come"
        history = self._histories.get(name)
        changes = () if history is None else history.events
        return {
            "endpoint": name,
            "detectors": list(self._names),
            "not_watched": why_not,
            "labels_within_s": within_s,
            "watched_until_s": follower.position_s if follower and follower.rows else None,
            "rows": {} if follower is None else dict(follower.rows),
            "unit_rows": {} if follower is None else follower.unit_rows,
            "unit_rows_needed": SCALE_ROWS,
            "late": self._late.get(name, 0),
            "left_out": 0 if follower is None else follower.left_out,
            "standing": [{"variant": some[0].variant, "stream": some[0].stream}
                         for some in self._standing(name, spec)],
            "changes": [event.to_json() for event in reversed(changes) if event.at_s >= since_s],
        }  # fmt: skip


def _up_to(
    most: int, rows: Iterable[LabelledRow], until_s: float
) -> tuple[list[LabelledRow], float]:
    """About so many of the first rows, all of one time or none, and until when these are all."""
    taken: list[LabelledRow] = []
    for row in rows:
        if len(taken) >= most and row.prediction.at_s != taken[-1].prediction.at_s:
            return taken, math.nextafter(taken[-1].prediction.at_s, math.inf)
        taken.append(row)
    return taken, until_s
