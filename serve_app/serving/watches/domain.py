"""The hourly look at whether a classifier tells rows from former ones."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.profile.encoding import Encoder, Matrix
from serve_app.monitoring.profile.whole_rows import MOST_COLUMNS
from serve_app.monitoring.sum_windows import Part
from serve_app.monitoring.windows import DAY_S, HOUR_S, Merged
from serve_app.serving.watches.elsewhere import Runner
from serve_app.serving.watches.hourly import Begun, Hour, Hourly
from serve_app.serving.watches.hourly_task import compared_rows
from serve_app.serving.watches.recent_rows import RecentRows
from serve_app.serving.watches.row_windows import listed
from serve_app.serving.watches.watch import Sources

STATE = "domain"
WEEK_S = 7 * DAY_S


class DomainClassifier:
    """Holds each hour's rows against those of the same hour a week ago, or of the first day.

    What is computed runs elsewhere, one version at a time; what fails or is late is counted, and
    the next version has its turn.
    """

    name = "tell rows from former ones"
    kind = "domain"
    pause_s = 15.0
    first_s = 60.0

    def __init__(self, sources: Sources, recent: RecentRows, runner: Runner) -> None:
        self._sources, self._recent, self._runner = sources, recent, runner
        self._args = sources.args.domain
        self._hourly = Hourly(STATE, sources, recent, self._args, self._is_unusual)

    def restore(self) -> None:
        """Know again which hours were judged and which alarms stand.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        self._hourly.restore()

    def run(self) -> None:
        """Take what was computed, and begin with the next version whose hour is over.

        Raises:
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read or written.
        """
        self._hourly.run(self._begin)

    def samples(self) -> list[Sample]:
        """The AUC of the last hours, and what became of the computations."""
        results, counts = self._hourly.results(), self._hourly.counts()
        return [
            *(Sample(catalogue.DOMAIN_AUC, tuple(part), one["auc"]) for part, one in results),
            *(Sample(catalogue.DOMAIN_RUNS, (what,), count) for what, count in counts.items()),
        ]

    def findings(self) -> list[Finding]:
        """The alarms that stand."""
        return [self._finding(part, result) for part, result in self._hourly.alarming()]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - of the last hour alone
        """What the last hour of each version says, or why nothing is judged."""
        if not self._args.enabled:
            return []
        return [
            {
                **stated,
                "reference_start_s": hour.reference_s,
                "reference": hour.of,
                "domain": hour.result,
            }
            for stated, hour in self._hourly.stated(listed(self._recent.watched(), endpoint))
        ]

    def _begin(self, part: Part, start_s: int) -> Hour | Begun:
        """Begin with the rows of a version in an hour; or know at once why that cannot be."""
        reason = self._recent.not_judged(part)
        reference = self._recent.reference(part.version)
        if reason is not None or reference is None:
            return Hour(start_s, reason)
        encoder = Encoder(reference.profile.features[:MOST_COLUMNS])
        current = self._rows(part, encoder, (start_s, start_s + HOUR_S))
        if len(current) < self._args.minimum_rows:
            few = f"too few rows: {len(current)} of {self._args.minimum_rows}"
            return Hour(start_s, few)
        former, since_s, of = self._former(part, encoder, start_s)
        if len(former) < self._args.minimum_rows:
            few = "there are too few rows of the same hour a week ago, and of a first day before it"
            return Hour(start_s, few)
        hour = Hour(start_s, None, None, since_s, of)
        pending = self._runner.start(
            compared_rows, former, current, encoder.names, start_s,
            forest=self._args.isolation_forest,
        )  # fmt: skip
        return Begun(hour, pending, lambda result: hour._replace(result=result))

    def _former(self, part: Part, encoder: Encoder, start_s: int) -> tuple[Matrix, float, str]:
        """The rows that an hour is held against, from when on these are, and what they are."""
        week_s = start_s - WEEK_S
        rows = self._rows(part, encoder, (week_s, week_s + HOUR_S))
        if len(rows) >= self._args.minimum_rows:
            return rows, week_s, "the same hour a week ago"
        first_s = self._first(part)
        # An hour that is part of its own reference is not told from it.
        if first_s + DAY_S > start_s:
            return rows[:0], first_s, "the first day"
        rows = self._rows(part, encoder, (first_s, first_s + DAY_S))
        return rows, first_s, "the first day on which the version answered"

    def _first(self, part: Part) -> float:
        """When a version began to answer, as far as hours are counted still, or else days."""

        def first(windows: Merged) -> float:
            starts = [
                min((one.key.start_s for one in windows.windows(series, length_s)[:1]), default=inf)
                for series in windows.series()
                if (series.endpoint, series.variant) == part
                for length_s in (DAY_S, HOUR_S)
            ]
            day_s, hour_s = min(starts[::2], default=inf), min(starts[1::2], default=inf)
            return hour_s if hour_s < day_s + DAY_S else day_s

        return self._sources.intake.read(first)

    def _rows(self, part: Part, encoder: Encoder, span: tuple[float, float]) -> Matrix:
        return encoder.encode(self._recent.sample(part, span, self._args.most_rows))

    def _is_unusual(self, result: Mapping[str, Any]) -> bool:
        return bool(result["auc"] >= self._args.least_auc and result["p"] <= self._args.alpha)

    def _finding(self, part: Part, result: Mapping[str, Any]) -> Finding:
        most = ", ".join(name for name, _ in result["columns"][:3])
        return Finding(
            self.kind,
            part.endpoint,
            part.version,
            "rows",
            f"rows of {part.version} are told from former ones (AUC {result['auc']:.2f}, by chance "
            f"0.5), most by {most}",
            value=result["auc"],
            threshold=self._args.least_auc,
        )
