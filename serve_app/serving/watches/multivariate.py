"""The watch over rows as wholes: whether their columns still go together as in training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.drift.multivariate import ErrorSums, ErrorVerdict, judged_errors
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.sum_windows import Part
from serve_app.serving.watches.recent_rows import Block, RecentRows, Reference
from serve_app.serving.watches.row_windows import RowWindows, listed
from serve_app.serving.watches.watch import Sources

STATE = "multivariate"


class MultivariateDrift:
    """Rebuilds rows from the principal components of training, and judges how well that goes."""

    name = "judge rows as wholes"
    kind = "multivariate"
    pause_s = 60.0
    first_s = 15.0

    def __init__(self, sources: Sources, recent: RecentRows) -> None:
        self._args = sources.args.multivariate
        self._recent = recent
        self._windows = RowWindows(STATE, sources, recent, self._args, ErrorVerdict)

    def restore(self) -> None:
        """Know again what was read and which alarms stand.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        self._windows.restore()

    def run(self) -> None:
        """Look at the rows that came since, and judge the windows that are over."""
        self._windows.run(self._look, self._judge)

    def samples(self) -> list[Sample]:
        """The scores of the last judged windows."""
        return [
            Sample(catalogue.MULTIVARIATE_DRIFT, tuple(part), verdict.score)
            for part, verdict in self._windows.verdicts()
        ]

    def findings(self) -> list[Finding]:
        """The alarms that stand."""
        return [self._finding(part, verdict) for part, verdict in self._windows.alarming()]

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - of the last window alone
        """What the last window of each version says, or why nothing is judged."""
        if not self._args.enabled:
            return []
        parts = listed(self._recent.watched(), endpoint)
        return [self._windows.stated(part, "reconstruction") for part in parts]

    def _look(self, block: Block) -> Iterator[tuple[Part, tuple[float, ...]]]:
        for part, reference, rows in self._recent.parts(block):
            whole = reference.whole
            errors = whole.components.errors(reference.encoder.encode(rows.columns))
            # One absurd row is an outlier and no drift of all.
            sums = ErrorSums.of(errors.clip(max=whole.greatest_error))
            yield part, (sums.rows, sums.total, sums.squares)

    def _judge(self, reference: Reference, sums: tuple[float, ...]) -> tuple[ErrorVerdict, bool]:
        rows, total, squares = sums
        verdict = judged_errors(
            reference.whole.errors,
            ErrorSums(int(rows), total, squares),
            least_z=self._args.least_z,
            least_change=self._args.least_change,
        )
        return verdict, verdict.score >= 1

    def _finding(self, part: Part, verdict: ErrorVerdict) -> Finding:
        how = "greater" if verdict.change > 0 else "smaller"
        return Finding(
            self.kind,
            part.endpoint,
            part.version,
            "rows",
            f"columns of {part.version} no longer go together as in training: the error with "
            f"which rows are rebuilt is {abs(verdict.change):.0%} {how}",
            value=verdict.score,
            threshold=1.0,
        )
