"""The hourly look at whether features matter in another order than in training."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from serve_app.monitoring import catalogue
from serve_app.monitoring.attribution import AttributionSettings, Importances, attribution_drift
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.profile.importances import ReferenceImportances
from serve_app.monitoring.sum_windows import Part
from serve_app.monitoring.windows import HOUR_S
from serve_app.serving.watches.attribution_task import explained_rows
from serve_app.serving.watches.elsewhere import Runner
from serve_app.serving.watches.hourly import Begun, Hour, Hourly
from serve_app.serving.watches.recent_rows import RecentRows
from serve_app.serving.watches.row_windows import listed
from serve_app.serving.watches.watch import Sources

STATE = "attribution"
MOST_SHOWN = 10


class AttributionDrift:
    """Explains some rows of each hour, and holds the order of features against that of training.

    Rows are explained elsewhere, one version at a time; what fails or is late is logged, and the
    next version has its turn.
    """

    name = "tell which features matter"
    kind = "attribution"
    pause_s = 15.0
    first_s = 90.0

    def __init__(self, sources: Sources, recent: RecentRows, runner: Runner) -> None:
        self._sources, self._recent, self._runner = sources, recent, runner
        self._args = sources.args.attribution
        self._hourly = Hourly(STATE, sources, recent, self._args, _has_drifted)

    def restore(self) -> None:
        """Know again which hours were judged and which alarms stand.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        self._hourly.restore()

    def run(self) -> None:
        """Take what was explained, and begin with the next version whose hour is over.

        Raises:
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read or written.
        """
        self._hourly.run(self._begin)

    def samples(self) -> list[Sample]:
        """How far features matter in the order of training, of each version's last hour."""
        results = self._hourly.results()
        return [Sample(catalogue.ATTRIBUTION_NDCG, tuple(p), one["ndcg"]) for p, one in results]

    def findings(self) -> list[Finding]:
        """The alarms that stand."""
        return [self._finding(part, result) for part, result in self._hourly.alarming()]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - of the last hour alone
        """What the last hour of each version says, or why nothing is judged."""
        if not self._args.enabled:
            return []
        parts = listed(self._recent.watched(), endpoint)
        return [
            {**stated, "attribution": hour.result} for stated, hour in self._hourly.stated(parts)
        ]

    def _begin(self, part: Part, start_s: int) -> Hour | Begun:
        """Begin with the rows of a version in an hour; or know at once why that cannot be."""
        reason = self._not_judged(part)
        known = self._recent.reference(part.version)
        reference = None if known is None else known.profile.importances
        if reason is not None or reference is None:
            return Hour(start_s, reason)
        rows = self._recent.sample(part, (start_s, start_s + HOUR_S), self._args.most_rows)
        if rows.rows < self._args.minimum_rows:
            few = f"too few rows: {rows.rows} of {self._args.minimum_rows}"
            return Hour(start_s, few)
        pending = self._runner.start(
            explained_rows,
            self._sources.args.registry,
            part.version,
            rows,
            reference.method,
        )
        return Begun(Hour(start_s), pending, partial(self._judged, start_s, reference))

    def _not_judged(self, part: Part) -> str | None:
        """Why a version is not judged at all, in words; none where it is."""
        spec = self._sources.endpoints()[part.endpoint]
        if spec.preprocess is not None:
            return (
                f"rows are kept as they were before {part.version} transformed them, and the "
                "versions behind it are explained by what it gives"
            )
        reason = self._recent.not_judged(part)
        known = self._recent.reference(part.version)
        if reason is not None or known is None or known.profile.importances is not None:
            return reason
        return (
            f"{part.version} was registered without the importances of its features: only linear "
            "models and trees of XGBoost, LightGBM and CatBoost have them, which are explained "
            "exactly and quickly; one that was registered by a former version of serve-app has "
            "them once it is registered again"
        )

    def _judged(
        self, start_s: int, reference: ReferenceImportances, explained: Mapping[str, Any]
    ) -> Hour:
        if "not_explained" in explained:
            return Hour(start_s, explained["not_explained"])
        now = Importances(explained["by_feature"], explained["rows"])
        then = reference.importances
        settings = AttributionSettings(self._args.threshold, self._args.minimum_rows)
        drift = attribution_drift(now, then, settings)
        if drift.drifted is None or drift.ndcg is None:
            return Hour(start_s, drift.reason)
        before, after = _shares(then), _shares(now)
        changed = sorted(before, key=lambda name: (-abs(after[name] - before[name]), name))
        result = {
            "ndcg": drift.ndcg,
            "rank_correlation": drift.rank_correlation,
            "rows": drift.rows,
            "drifted": drift.drifted,
            "method": reference.method,
            "features": [[name, before[name], after[name]] for name in changed[:MOST_SHOWN]],
        }
        return Hour(start_s, None, result)

    def _finding(self, part: Part, result: Mapping[str, Any]) -> Finding:
        most = ", ".join(
            f"{name} {then:.0%} then and {now:.0%} now"
            for name, then, now in result["features"][:3]
        )
        return Finding(
            self.kind,
            part.endpoint,
            part.version,
            "importances",
            f"features of {part.version} matter in another order than in training (NDCG "
            f"{result['ndcg']:.2f}, 1 is the same); of all they add: {most}",
            value=result["ndcg"],
            threshold=self._args.threshold,
        )


def _has_drifted(result: Mapping[str, Any]) -> bool:
    return bool(result["drifted"])


def _shares(importances: Importances) -> dict[str, float]:
    """What part of all importance each feature has."""
    total = sum(importances.by_feature.values()) or 1.0
    return {name: value / total for name, value in importances.by_feature.items()}
