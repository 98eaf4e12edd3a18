"""The watch over experiments: what they have come to, and whether one is to be ended."""

import importlib.util
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serve_app.core.experiment import Experiment
from serve_app.core.snapshot import Endpoint
from serve_app.errors import NotReady, ServeError
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.experiment.document import ExperimentReport, HistoryLine
from serve_app.monitoring.experiment.exposures import Exposures, joined, labels_of
from serve_app.monitoring.finding import Finding
from serve_app.serving.watches.watch import Sources
from serve_app.storage.events import EventLog
from serve_app.storage.experiment_rows import Compared, exposures, subjects_of
from serve_app.storage.records.reader import Query

MOST_ROWS = 200_000
"""Of an experiment with more rows, those of a part of its units are analysed."""
STEP_S = 3_600.0
SETTLED_S = 600.0
"""Records of requests that are older have come from their gateways."""
FRESH_S = 5.0
"""A report that was made so lately is given again."""
MOST_BUSY = 1 / 20
"""Of the time, at most so much is spent on the analysis of one experiment."""
MOST_LINES = 200
_ALARMING = {"invalid": "sample ratio", "roll back": "guardrail"}
logger = logging.getLogger("serve_app.monitor")


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What was read of an experiment: all rows up to `until_s`, of one of `one_of` units."""

    experiment: str
    exposures: Exposures
    until_s: float
    one_of: int = 1


@dataclass(frozen=True, slots=True)
class _Made:
    """A report, the experiment that it is of, and when it was made, in how many seconds."""

    experiment: Experiment
    report: ExperimentReport
    at_s: float
    took_s: float


class ExperimentWatch:
    """Analyses what was recorded since each experiment began.

    Rows are read once and kept in memory, but for the newest, which may still be coming.
    """

    name = "analyse experiments"
    kind = "experiment"
    pause_s = 60.0
    first_s = 30.0

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._events = EventLog(sources.args.state)
        self._kept: dict[str, _Kept] = {}
        self._made: dict[str, _Made] = {}
        self._subjects_before: dict[str, tuple[str, Mapping[str, str]]] = {}
        # Whoever asks for a report waits for the one that is being made.
        self._lock = threading.Lock()

    def restore(self) -> None:
        """All that it knows is read anew."""

    def run(self) -> None:
        """Analyse each experiment that runs, those last that took long.

        Raises:
            ServeError: what was recorded of one cannot be read now; all others are analysed.
        """
        if self._sources.intake.is_over() or not _has_scipy():
            return
        failure: ServeError | None = None
        known = dict(self._experiments())
        with self._lock:
            self._kept = {name: one for name, one in self._kept.items() if name in known}
            self._made = {name: one for name, one in self._made.items() if name in known}
            before = self._subjects_before.items()
            self._subjects_before = {name: one for name, one in before if name in known}
        for name, (spec, experiment) in known.items():
            if experiment.phase != "running" or not self._is_due(name):
                continue
            try:
                self._analysed(spec, experiment)
            except ServeError as error:
                failure = error
        if failure is not None:
            raise failure

    def samples(self) -> Iterable[Sample]:
        """Nothing: reports say what experiments have come to."""
        return ()

    def findings(self) -> Sequence[Finding]:
        """The running experiments that are void, or in which a variant is worse."""
        return [
            Finding(
                self.kind,
                name,
                decision.variant or "",
                _ALARMING[decision.outcome],
                f"experiment {one.report.name}: {decision.words}",
                severity="critical" if decision.outcome == "roll back" else "warning",
            )
            for name, one in sorted(self._made.items())
            if (decision := one.report.decision).outcome in _ALARMING
            and one.experiment.phase == "running"
        ]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """What each experiment has come to since it began.

        Raises:
            NotReady: SciPy is not installed, which the analysis needs.
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read.
        """
        return [
            self._analysed(spec, experiment).to_json()
            for name, (spec, experiment) in self._experiments()
            if endpoint in {None, name}
        ]

    def _experiments(self) -> Iterator[tuple[str, tuple[Endpoint, Experiment]]]:
        experiments = self._sources.experiments()
        for name, spec in sorted(self._sources.endpoints().items()):
            if name in experiments and spec.experiment is not None:
                yield name, (spec, experiments[name])

    def _is_due(self, name: str) -> bool:
        made = self._made.get(name)
        if made is None:
            return True
        since_s = self._sources.clock() - made.at_s
        return not 0 <= since_s < made.took_s / MOST_BUSY

    def _analysed(self, spec: Endpoint, experiment: Experiment) -> ExperimentReport:
        if not _has_scipy():
            raise NotReady(
                "experiments are analysed with SciPy, which the monitor has not: pip install "
                "'serve-app[train]', or take the image `full`"
            )
        with self._lock:
            began_s = self._sources.clock()
            made = self._made.get(spec.name)
            is_same = made is not None and made.experiment == experiment
            if made is not None and is_same and 0 <= began_s - made.at_s < FRESH_S:
                return made.report
            report = self._analyse(spec, experiment, began_s)
            took_s = max(0.0, self._sources.clock() - began_s)
            self._made[spec.name] = _Made(experiment, report, began_s, took_s)
            return report

    def _analyse(self, spec: Endpoint, experiment: Experiment, now_s: float) -> ExperimentReport:
        # SciPy takes a while to import, and not every monitor has it.
        from serve_app.monitoring.experiment.analysis import (  # noqa: PLC0415
            Recorded,
            analysed,
            not_started,
        )

        history = self._history(spec.name)
        if experiment.started_s is None:
            return not_started(spec, experiment, now_s, history)
        started_s, stopped_s = experiment.started_s, experiment.stopped_s
        until_s = now_s if stopped_s is None else min(now_s, stopped_s)
        kept = self._read(spec, experiment, until_s)
        labelled = self._sources.feedback.labelled(spec.name, started_s, until_s)
        known = labels_of(kept.exposures, labelled)
        if stopped_s is not None:
            # What came before the stop may still mature.
            until_s = min(now_s, stopped_s + _longest_window_s(spec))
        notes: tuple[str, ...] = ()
        if kept.one_of > 1:
            note = (
                f"there are many requests: one of {kept.one_of} units is analysed, chosen by a "
                "hash; counts are theirs"
            )
            notes = (note,)
        before = self._before(spec, experiment)
        recorded = Recorded(kept.exposures, known, now_s, before, history, notes)
        return analysed(spec, experiment, recorded)

    def _read(self, spec: Endpoint, experiment: Experiment, until_s: float) -> _Kept:
        """The rows since the start: those that were kept, and what came since."""
        started_s = experiment.started_s or 0.0
        name = _named(experiment)
        kept = self._kept.get(spec.name)
        if kept is None or kept.experiment != name or kept.until_s > until_s:
            kept = _Kept(name, Exposures.empty(), started_s)
        settled_s = max(kept.until_s, min(until_s, self._sources.clock() - SETTLED_S))
        kept = self._extended(spec, kept, settled_s)
        self._kept[spec.name] = kept
        return self._extended(spec, kept, until_s)

    def _extended(self, spec: Endpoint, kept: _Kept, until_s: float) -> _Kept:
        settings: Mapping[str, Any] = spec.experiment or {}
        covariate = (settings.get("covariate") or {}).get("column")
        compared = Compared([one.version for one in spec.variants], covariate)
        while kept.until_s < until_s:
            to_s = min(until_s, kept.until_s + STEP_S)
            wanted = Query(spec.name, kept.until_s, to_s)
            parts = [kept.exposures]
            for part in exposures(self._sources.files, wanted, compared):
                parts.append(part.thinned(kept.one_of))
                if sum(map(len, parts)) > MOST_ROWS:
                    parts, one_of = _thinned(parts, kept.one_of)
                    kept = replace(kept, one_of=one_of)
            kept = replace(kept, exposures=joined(parts), until_s=to_s)
        return kept

    def _before(self, spec: Endpoint, experiment: Experiment) -> Mapping[str, float]:
        """The mean reward of each subject in a time before the start, where it is wanted."""
        covariate = (spec.experiment or {}).get("covariate") or {}
        before_s, started_s = covariate.get("before_s"), experiment.started_s
        if before_s is None or started_s is None:
            return {}
        # Feedback names predictions; whose they were stands in the log.
        subjects = self._subjects(
            spec, experiment, Query(spec.name, started_s - before_s, started_s)
        )
        sums: dict[str, tuple[float, int]] = {}
        rows = self._sources.feedback.labelled(spec.name, started_s - before_s, started_s)
        for row in rows:
            key = subjects.get(row.prediction.prediction_id, row.prediction.key)
            # What became known later may be what the experiment did.
            known_before = row.prediction.at_s + row.delay_s <= started_s
            if key is None or row.reward is None or not known_before:
                continue
            total, n = sums.get(key, (0.0, 0))
            sums[key] = total + row.reward, n + 1
        return {key: total / n for key, (total, n) in sums.items()}

    def _subjects(self, spec: Endpoint, experiment: Experiment, wanted: Query) -> Mapping[str, str]:
        """Whose predictions of before were: read once, as soon as all of them must be there."""
        name = _named(experiment)
        kept = self._subjects_before.get(spec.name)
        if kept is not None and kept[0] == name:
            return kept[1]
        subjects = subjects_of(self._sources.files, wanted)
        if self._sources.clock() - (experiment.started_s or 0.0) > SETTLED_S:
            self._subjects_before[spec.name] = name, subjects
        return subjects

    def _history(self, name: str) -> tuple[HistoryLine, ...]:
        """What was changed of the experiment and of the weights of its endpoint, oldest first."""
        kinds = ("experiment", "weights set", "rollout")
        events = [
            event
            for kind in kinds
            for event in self._events.newest(MOST_LINES, kind=kind, subject=name)
        ]
        return tuple(
            HistoryLine(one.at_s, one.who, f"{one.kind}: {_shown(one.after)}", one.why)
            for one in sorted(events, key=lambda event: event.at_s)[-MOST_LINES:]
        )


def _named(experiment: Experiment) -> str:
    """What tells an experiment from the one of the same settings that was started before."""
    return f"{experiment.digest}@{experiment.started_s or 0.0}"


def _thinned(parts: list[Exposures], one_of: int) -> tuple[list[Exposures], int]:
    """Half of the units, as often as it takes."""
    while sum(map(len, parts)) > MOST_ROWS:
        one_of *= 2
        parts = [part.thinned(one_of) for part in parts]
    return parts, one_of


def _longest_window_s(spec: Endpoint) -> float:
    metrics = (spec.experiment or {}).get("metrics", ())
    return max((one["window_s"] or 0.0 for one in metrics), default=0.0)


def _has_scipy() -> bool:
    return importlib.util.find_spec("scipy") is not None


def _shown(after: Any) -> str:
    """What stood after a change, in a few words."""
    if not isinstance(after, dict):
        return "not declared any more" if after is None else str(after)
    if "phase" in after:
        return str(after["phase"])
    return ", ".join(f"{name}={value}" for name, value in after.items())
