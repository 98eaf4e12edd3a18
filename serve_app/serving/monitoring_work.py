"""What the monitor does, in plain calls that may take a while."""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from serve_app.config import MonitorArgs
from serve_app.config.privacy import RetentionSettings
from serve_app.core.experiment import Experiment
from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.errors import NotFound, NotReady
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.windows import Limits, Merged
from serve_app.registry.store import Registry
from serve_app.security.audit import AuditEvent, AuditLog
from serve_app.serving.alerting.sender import AlertSender, Surroundings
from serve_app.serving.monitor_report import MonitorReport
from serve_app.serving.monitor_samples import Ending, of_feedback, of_intake
from serve_app.serving.owned_predictions import gave_in
from serve_app.serving.record_packing import profiles_of
from serve_app.serving.watches.attribution import AttributionDrift
from serve_app.serving.watches.bandits import BanditRewards
from serve_app.serving.watches.callers import CallerPatterns
from serve_app.serving.watches.concept import ConceptDrift
from serve_app.serving.watches.data_quality import VOLUME, DataQuality
from serve_app.serving.watches.domain import DomainClassifier
from serve_app.serving.watches.drift import WindowDrift
from serve_app.serving.watches.elsewhere import RayRunner, Runner
from serve_app.serving.watches.estimate import EstimatedQuality
from serve_app.serving.watches.experiment import ExperimentWatch
from serve_app.serving.watches.layouts import Layouts
from serve_app.serving.watches.multivariate import MultivariateDrift
from serve_app.serving.watches.outliers import Outliers
from serve_app.serving.watches.quality import RealisedQuality
from serve_app.serving.watches.recent_rows import RecentRows
from serve_app.serving.watches.shadow import ShadowWatch
from serve_app.serving.watches.watch import Sources, Watch
from serve_app.storage.baselines import BaselineStore
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.feedback_erasure import FeedbackErasure
from serve_app.storage.feedback_matcher import match_all
from serve_app.storage.intake import Intake
from serve_app.storage.monitor_state import MonitorState
from serve_app.storage.predicted_rows import predicted_rows
from serve_app.storage.privacy.retained import Retention, subjects_of
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.deliveries import Incoming
from serve_app.storage.records.files import Files
from serve_app.storage.snapshots import SnapshotStore
from serve_app.storage.turn import Turn
from serve_app.storage.windows import WindowStore

DAY_S = 86_400.0
ARRIVED_S = 10.0
"""What was predicted so long ago has come from its gateway. Before that, the newest prediction of
a key may be on its way, and feedback would be about an older one."""
logger = logging.getLogger("serve_app.monitor")


class MonitoringWork:
    """Everything that the monitor keeps, and what it does with it again and again.

    `clock` gives seconds since 1970; what takes long is given to a `runner`. What is let go is
    written down in `audit`, where there is one. Every method may be called in a thread of its own.
    """

    def __init__(
        self,
        args: MonitorArgs,
        registry: Registry,
        *,
        clock: Callable[[], float],
        runner: Runner | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        self._args, self._audit, self._clock = args, audit, clock
        self._subjects = subjects_of(args.privacy, clock=clock)
        vault = None if self._subjects is None else self._subjects.rows
        self._files = Files(args.records, vault=vault)
        kept = RetentionSettings() if args.privacy is None else args.privacy.retain_days
        self.retention = Retention(kept, FeedbackErasure(args.state, clock=clock), clock)
        incoming = Incoming(self._files)
        windows = Merged(clock, time.monotonic, Limits())
        self._compactor = Compactor(self._files, incoming)
        turn = Turn(args.state, uuid.uuid4().hex)
        self.intake = Intake(incoming, self._compactor, WindowStore(args.state), windows, turn)
        self._feedback = FeedbackStore(args.state)
        self._snapshots = SnapshotStore(args.state)
        self._endpoints: Mapping[str, Endpoint] = {}
        self._experiments: Mapping[str, Experiment] = {}
        self._compacting = threading.Lock()
        self._feedback_counts: Mapping[str, Mapping[str, int]] = {}
        self._ending = Ending()
        sources = Sources(
            args=args,
            clock=clock,
            endpoints=lambda: self._endpoints,
            intake=self.intake,
            feedback=self._feedback,
            files=self._files,
            state=MonitorState(args.state),
            registry=registry,
            profiles=profiles_of(registry, BaselineStore(args.state)),
            experiments=self._newest_experiments,
        )
        self.watches = _watches(sources, runner or RayRunner())
        self._looked: set[str] = set()
        self.alerts = self._alerts(args, sources.state)
        self.report = MonitorReport(sources, self.watches)

    def _alerts(self, args: MonitorArgs, state: MonitorState) -> AlertSender:
        return AlertSender(
            args.alerts,
            Surroundings(
                findings=self.findings,
                unknown=self.unknown,
                state=state,
                is_over=self.intake.is_over,
                clock=self._clock,
                ids=lambda: uuid.uuid4().hex,
                environment=os.environ,
            ),
        )

    def restore(self) -> None:
        """Know again what a former process knew.

        Raises:
            ServeError: a store cannot be read, or the keys of subjects are those of another secret.
        """
        if self._subjects is not None:
            self._subjects.keys.check()
        self.follow()
        self.intake.restore()
        for watch in self.watches:
            watch.restore()
        self.alerts.restore()

    def follow(self) -> None:
        """Learn which endpoints there are now."""
        latest = self._snapshots.latest()
        if latest is not None:
            snapshot = Snapshot.from_json(latest)
            self._endpoints, self._experiments = snapshot.endpoints, snapshot.experiments

    def _newest_experiments(self) -> Mapping[str, Experiment]:
        """How far experiments are, also where one was started just now."""
        self.follow()
        return self._experiments

    def keep(self, feedback: Sequence[Feedback]) -> Sequence[Outcome]:
        """Keep feedback; what became of each."""
        return self._feedback.record_all([self._private(one) for one in feedback], self._clock())

    def _private(self, feedback: Feedback) -> Feedback:
        """Feedback whose key is written as the log writes it: where rows have subjects, as hash."""
        spec = self._endpoints.get(feedback.endpoint)
        if spec is None or spec.records.subject is None or feedback.key is None:
            return feedback
        if self._subjects is None:
            return replace(feedback, key=None)
        return replace(feedback, key=self._subjects.rows.key_of(spec.name, feedback.key))

    def match(self) -> None:
        """Look for the predictions that feedback is about."""
        now_s, gave = self._clock(), gave_in(self._args.state)
        for name, spec in self._endpoints.items():
            horizon_s = spec.records.feedback_horizon_days * DAY_S
            # What comes after the horizon is late, and not lost while its prediction is kept.
            kept_s = max(horizon_s, spec.records.retention_days * DAY_S)
            find = partial(predicted_rows, self._files, now_s=now_s, horizon_s=kept_s)
            due_s = now_s - ARRIVED_S
            match_all(self._feedback, find, name, horizon_s=horizon_s, now_s=due_s, gave=gave)
        self._feedback_counts = {name: self._feedback.counts(name) for name in self._endpoints}

    def save(self) -> None:
        """Save what was counted."""
        self.intake.save()

    def compact(self) -> None:
        """Put what was delivered into segments."""
        with self._compacting:
            while self.intake.compact():
                pass

    def tidy(self) -> None:
        """Let go of what is older or more than is to be kept, and merge small segments."""
        settings = {name: spec.records for name, spec in self._endpoints.items()}
        with self._compacting:
            if not self.intake.may_change():
                return
            # First what makes room: nothing can be merged where the disk is full.
            kept = self.retention.of_records(settings)
            removed = self._compactor.retain(self._clock(), kept, self._args.max_bytes)
            if removed:
                self._note(f"records of {removed} bytes, older or more than is kept")
            self._compactor.merge()

    def _note(self, gone: str) -> None:
        """Write down what was let go; where that fails, it is gone all the same."""
        if self._audit is None:
            return
        try:
            self._audit.write(AuditEvent("retain", gone, "done", "monitor"))
        except NotReady as error:
            logger.error("what was let go is not in the audit log: %s", error.message)

    def look(self, watch: Watch) -> None:
        """Let a watch look once."""
        watch.run()
        self._looked.add(watch.kind)

    def unknown(self) -> set[str]:
        """The kinds of findings of which nothing is known yet, since no watch has looked."""
        unknown = {watch.kind for watch in self.watches} - self._looked
        return unknown | {VOLUME} if DataQuality.kind in unknown else unknown

    def findings(self) -> list[Finding]:
        """What is wrong now, by endpoint."""
        every = chain.from_iterable(watch.findings() for watch in self.watches)
        return sorted(every, key=lambda finding: (finding.endpoint, finding.key))

    def watch(self, kind: str) -> Watch:
        """The watch of a kind.

        Raises:
            NotFound: there is none.
        """
        for watch in self.watches:
            if watch.kind == kind:
                return watch
        kinds = ", ".join(watch.kind for watch in self.watches)
        raise NotFound(f"the monitor has no watch over {kind!r}; there are {kinds}")

    def samples(self) -> Iterator[Sample]:
        """What was counted and judged, as metrics."""
        yield from of_intake(self.intake.counts)
        known = (
            of_feedback(self._feedback_counts),
            *(watch.samples() for watch in self.watches),
            self.alerts.samples(),
        )
        yield from self._ending.of(chain(*known))


def _watches(sources: Sources, runner: Runner) -> tuple[Watch, ...]:
    """Everything that the monitor looks at."""
    # What counts mean is read once for all that look at counts.
    recent, layouts = RecentRows(sources), Layouts(sources)
    return (
        WindowDrift(sources, layouts),
        RealisedQuality(sources),
        ConceptDrift(sources),
        EstimatedQuality(sources, layouts),
        MultivariateDrift(sources, recent),
        Outliers(sources, recent),
        DomainClassifier(sources, recent, runner),
        AttributionDrift(sources, recent, runner),
        DataQuality(sources, layouts),
        CallerPatterns(sources, recent),
        BanditRewards(sources),
        ShadowWatch(sources),
        ExperimentWatch(sources),
    )
