"""The watch over shadows: how what they say compares with what was answered."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serve_app.core.snapshot import Endpoint
from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.finding import Finding
from serve_app.monitoring.paired_rows import Pairing
from serve_app.monitoring.pairs import agreement_json
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.shadow_comparison import ShadowComparison, ShadowSums
from serve_app.monitoring.windows import HOUR_S
from serve_app.serving.watches.watch import Sources
from serve_app.storage.records.reader import Query
from serve_app.storage.shadow_rows import shadow_rows

MOST_ROWS = 300_000
"""So many rows of an endpoint are compared at most, the newest hours first."""
MOST_LABELS = 200_000
_NO_COMPARISON = "no row was shown to it in this time"


class ShadowWatch:
    """Compares each shadow with what was answered, row by row. It says what is, and judges none."""

    name = "compare shadows"
    kind = "shadow"
    pause_s = 300.0
    first_s = 20.0

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._last_hour: Mapping[str, Sequence[ShadowComparison]] = {}

    def restore(self) -> None:
        """All that it knows is compared anew."""

    def run(self) -> None:
        """Compare what was shown in the last hour.

        Raises:
            RecordsFailed: the log cannot be read.
            RegistryFailed: the database cannot be read.
        """
        if self._sources.intake.is_over():
            return
        since_s = self._sources.clock() - HOUR_S
        self._last_hour = {
            name: self._compared(spec, since_s)[0]
            for name, spec in self._sources.endpoints().items()
            if spec.shadows
        }

    def samples(self) -> Iterator[Sample]:
        """How often each shadow agreed in the last hour."""
        for endpoint, comparisons in self._last_hour.items():
            for one in comparisons:
                agreement = agreement_json(one.whole.counts.table)
                if agreement is not None:
                    value = agreement["value"]
                    yield Sample(catalogue.SHADOW_AGREEMENT, (endpoint, one.shadow), value)

    def findings(self) -> Sequence[Finding]:
        """None: a shadow that says something else is what it is there for."""
        return ()

    def report(self, endpoint: str | None, within_s: float) -> Sequence[Mapping[str, Any]]:
        """The comparison of every shadow, of rows of the last so many seconds.

        Where there are more rows than are compared, `since_s` says from when on they are.
        """
        since_s = self._sources.clock() - within_s
        results: list[Mapping[str, Any]] = []
        for name, spec in sorted(self._sources.endpoints().items()):
            if not spec.shadows or endpoint not in {None, name}:
                continue
            comparisons, first_s = self._compared(spec, since_s)
            known = {one.shadow for one in comparisons}
            for shadow in spec.shadows:
                if shadow.version not in known:
                    given = {"endpoint": name, "since_s": first_s, "shadow": shadow.version}
                    results.append({**given, "rows": 0, "not_judged": _NO_COMPARISON})
            results += [
                {"endpoint": name, "since_s": first_s, **one.to_json(), "not_judged": None}
                for one in comparisons
            ]
        return results

    def _compared(self, spec: Endpoint, since_s: float) -> tuple[list[ShadowComparison], float]:
        """The comparison of each shadow, and from when on rows are in it."""
        truths = self._truths(spec.name, since_s)
        pairing = Pairing(spec.signature.output, lambda name, row: truths.get((name, row)))
        sums: dict[str, ShadowSums] = {}
        rows, until_s = 0, self._sources.clock() + HOUR_S
        rule = SegmentRule(spec.records.segments)
        while until_s > since_s and rows < MOST_ROWS:
            from_s = max(since_s, until_s - HOUR_S)
            wanted = Query(spec.name, from_s, until_s)
            for some in shadow_rows(self._sources.files, wanted):
                if some.version not in sums:
                    sums[some.version] = ShadowSums(some.version, pairing, rule)
                sums[some.version].add(some.pairs, some.answered_by, some.segments)
                rows += len(some.pairs.rows)
            until_s = from_s
        return [sums[version].comparison() for version in sorted(sums)], until_s

    def _truths(self, endpoint: str, since_s: float) -> dict[tuple[str, int], Any]:
        """What is known to be true of rows of predictions, of the newest where there are many."""
        truths: dict[tuple[str, int], Any] = {}
        now_s = self._sources.clock()
        for one in self._sources.feedback.labelled(endpoint, since_s, now_s):
            if one.truth is not None:
                truths[one.prediction.prediction_id, one.prediction.row] = one.truth
            if len(truths) > MOST_LABELS:
                # The oldest came first.
                del truths[next(iter(truths))]
        return truths
