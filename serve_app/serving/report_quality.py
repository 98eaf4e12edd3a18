"""What a report says of quality: labelled rows read in stretches of time, and counted by label."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from serve_app.core.snapshot import Endpoint
from serve_app.monitoring.binning import PREDICTED
from serve_app.monitoring.quality.segments import SegmentRule
from serve_app.monitoring.report.document import Quality
from serve_app.monitoring.report.estimates import Estimates, estimates_of, with_estimates
from serve_app.monitoring.report.quality_series import (
    Bucket,
    Variants,
    bucket_length,
    quality_by_variants,
)
from serve_app.monitoring.windows import DAY_S, FIVE_MINUTES_S, HOUR_S, Limits, Merged
from serve_app.serving.watches.estimate import EstimatedQuality
from serve_app.serving.watches.watch import Sources, Watch

MOST_LABELLED, LEAST_LABELLED = 30_000, 2_000
"""So many labelled rows are looked at for a report, shared by its endpoints, and so many of each
at least; of each stretch of time as many as the others leave."""


class ReportQuality:
    """Reads labels in stretches of time; estimates come from the watch that makes them."""

    def __init__(self, sources: Sources, watches: Sequence[Watch]) -> None:
        self._sources = sources
        self._watches = watches

    def of(
        self, name: str, spec: Endpoint, since_s: float, *, share: float = 1.0
    ) -> dict[Variants, Quality]:
        """How good the answers of an endpoint were since then, by who gave them.

        Of all rows that are looked at for a report it may take a share.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        now_s = self._sources.clock()
        buckets, cut = self._buckets(name, since_s, now_s, round(MOST_LABELLED * share))
        profiles = ((version, self._sources.profiles(version)) for version in spec.asks())
        made = quality_by_variants(
            buckets,
            spec.signature.output,
            now_s=now_s,
            horizon_s=spec.records.feedback_horizon_days * float(DAY_S),
            registered={name: one.metrics for name, one in profiles if one is not None},
            rule=SegmentRule(spec.records.segments),
        )
        estimates = self._estimates(name, since_s)
        note = ""
        if cut:
            note = (
                f"Of stretches with more than {cut:,} labelled rows, the first ones are measured."
            )
        blank = Quality(0, (), ())
        return {
            variants: replace(
                (quality := made.get(variants, blank)),
                note=note,
                metrics=with_estimates(quality.metrics, estimates.get(variants, {})),
            )
            for variants in {**made, **estimates}
        }

    def _estimates(self, name: str, since_s: float) -> dict[Variants, Estimates]:
        """What is estimated of each version, where a watch makes estimates."""
        window_s = self._sources.args.estimate.window_s
        return {
            (version,): estimates_of(windows, window_s, since_s)
            for watch in self._watches
            if isinstance(watch, EstimatedQuality)
            for version, windows in watch.estimates(name).items()
            if windows
        }

    def _buckets(
        self, name: str, since_s: float, now_s: float, most_rows: int
    ) -> tuple[list[Bucket], int]:
        """The time in stretches, oldest first; and of how many rows each is, where that is few."""
        length_s = bucket_length(now_s - since_s)
        start_s = int(since_s // length_s) * length_s
        starts = range(start_s, int(now_s) + 1, length_s)
        count = partial(_predicted, name, starts, now_s)
        predicted = self._sources.intake.read(count)
        buckets: list[Bucket] = []
        budget, fewest = max(LEAST_LABELLED, most_rows), 0
        for place, at in enumerate(starts):
            most = budget // (len(starts) - place)
            from_s, to_s = max(float(at), since_s), min(float(at + length_s), now_s)
            rows = list(islice(self._sources.feedback.labelled(name, from_s, to_s), most + 1))
            answered = predicted.get(at, {})
            labelled = None
            if len(rows) > most:
                fewest = min(fewest or most, most)
                summary = self._sources.feedback.summary(name, from_s, to_s, answered)
                labelled = {one.variants: one.labelled for one in summary.by_variants}
            budget -= min(len(rows), most)
            buckets.append(Bucket(from_s, to_s, rows[:most], answered, labelled))
        return buckets, fewest


def _predicted(
    endpoint: str, starts: range, now_s: float, windows: Merged
) -> dict[int, dict[Variants, int]]:
    """How many rows each version answered alone, by the stretch of time."""
    length_s = _length_of_windows(starts.step, now_s - starts.start)
    counted: dict[int, dict[Variants, int]] = {}
    for series in windows.series():
        if series.endpoint != endpoint:
            continue
        for one in windows.windows(series, length_s, starts.start):
            at = starts.start + (one.key.start_s - starts.start) // starts.step * starts.step
            rows = int(one.vector[PREDICTED])
            if rows:
                known = counted.setdefault(at, {})
                known[series.variant,] = known.get((series.variant,), 0) + rows
    return counted


def _length_of_windows(step_s: int, span_s: float) -> int:
    """The longest windows that fit into stretches of so many seconds and are kept for so long."""
    kept = Limits().keep_s
    for length_s in (DAY_S, HOUR_S, FIVE_MINUTES_S):
        if step_s % length_s == 0 and span_s <= kept[length_s]:
            return length_s
    return DAY_S if step_s >= DAY_S else HOUR_S
