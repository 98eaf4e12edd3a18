"""Which features drifted in a window: effect and significance, and why some are not judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from serve_app.monitoring.drift.cells import Cells, pooled, reference_cells
from serve_app.monitoring.drift.distances import Vector, of_cells, of_order
from serve_app.monitoring.drift.settings import DriftSettings, Kind
from serve_app.monitoring.drift.significance import (
    ChiSquare,
    benjamini_hochberg,
    homogeneity_p,
    kolmogorov_smirnov_p,
    of_counts,
    psi_p,
    two_proportions_p,
)

DISTRIBUTION, MISSING, OUT_OF_RANGE, UNSEEN = "distribution", "missing", "out_of_range", "unseen"


@dataclass(frozen=True, slots=True)
class FeatureReference:
    """A feature (or a score) as the reference has it: rows per bin, and what the bins are."""

    name: str
    kind: Kind
    counts: tuple[int, ...]
    missing: int = 0
    positions: tuple[float, ...] | None = None
    """A value for each bin of numbers, in growing order: `distances.centres` of the edges.

    Bins after the last of them, such as that of values never seen, have no place in the order.
    """
    standard_deviation: float | None = None
    outside: tuple[int, ...] = ()
    """The places of the bins beyond the reference's smallest and largest value."""
    unseen: tuple[int, ...] = ()
    """The places of the bins of categories that the reference has not."""
    singletons: int | None = None
    """Categories that one row of the reference has; None counts the bins that hold one row."""


@dataclass(frozen=True, slots=True)
class FeatureWindow:
    """Rows of a window in the bins of the reference; missing values are counted apart."""

    counts: tuple[int, ...]
    missing: int = 0


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """A share of rows in the reference and in a window, and whether it drifted."""

    reference: float
    current: float
    threshold: float
    p: float
    adjusted_p: float = 1.0
    drifted: bool = False

    @property
    def change(self) -> float:
        """By how much the share grew; below zero if it fell."""
        return self.current - self.reference


@dataclass(frozen=True, slots=True)
class FeatureVerdict:
    """What one window says about one feature."""

    name: str
    kind: Kind
    rows: int
    """Rows with a value."""
    distance: str
    """The distance by which it is judged."""
    threshold: float
    distances: Mapping[str, float] = field(default_factory=dict)
    statistic: float | None = None
    """Pearson's statistic of the cells."""
    degrees: int = 0
    p: float | None = None
    adjusted_p: float | None = None
    not_judged: str | None = None
    """Why its distribution is not judged; None if it is."""
    drifted: bool = False
    """Whether its distribution drifted: effect and significance."""
    rates: Mapping[str, RateVerdict] = field(default_factory=dict)
    """The shares of missing, out of range and unseen values that were judged."""

    def findings(self) -> dict[str, bool]:
        """Whether each thing that was judged drifted, by `distribution` or the rate's name."""
        judged = {} if self.not_judged is not None else {DISTRIBUTION: self.drifted}
        return judged | {name: rate.drifted for name, rate in self.rates.items()}


@dataclass(frozen=True, slots=True)
class WindowVerdict:
    """What one window says about the features and, apart from them, about the predictions."""

    features: tuple[FeatureVerdict, ...]
    predictions: tuple[FeatureVerdict, ...] = ()

    def drifted(self) -> tuple[str, ...]:
        """The names of features of which anything drifted, in their order."""
        return tuple(one.name for one in self.features if any(one.findings().values()))

    def drifted_share(self) -> float:
        """The share of judged features of which anything drifted; 0 if none is judged."""
        judged = sum(bool(one.findings()) for one in self.features)
        return len(self.drifted()) / judged if judged else 0.0


def judge_window(
    features: Sequence[FeatureReference],
    predictions: Sequence[FeatureReference],
    window: Mapping[str, FeatureWindow],
    predicted: Mapping[str, FeatureWindow],
    settings: DriftSettings,
) -> WindowVerdict:
    """Judge all features of a window, and its predictions as a family of their own."""
    return WindowVerdict(judge(features, window, settings), judge(predictions, predicted, settings))


def judge(
    references: Sequence[FeatureReference],
    window: Mapping[str, FeatureWindow],
    settings: DriftSettings,
) -> tuple[FeatureVerdict, ...]:
    """Judge every feature of the reference by its counts in a window, by the feature's name.

    All p-values of the window, of distributions and of rates, are adjusted together.
    """
    raw = [_measure(one, window.get(one.name), settings) for one in references]
    adjusted = iter(benjamini_hochberg([p for one in raw for p in _p_values(one)]))
    return tuple(_decided(one, adjusted, settings) for one in raw)


def _p_values(verdict: FeatureVerdict) -> Iterator[float]:
    if verdict.p is not None and verdict.not_judged is None:
        yield verdict.p
    for rate in verdict.rates.values():
        yield rate.p


def _decided(
    verdict: FeatureVerdict, adjusted: Iterator[float], settings: DriftSettings
) -> FeatureVerdict:
    """The verdict once its adjusted p-values are known, taken in the order of `_p_values`."""
    adjusted_p, drifted = None, False
    if verdict.p is not None and verdict.not_judged is None:
        adjusted_p = next(adjusted)
        effect = verdict.distances[verdict.distance] >= verdict.threshold
        drifted = effect and adjusted_p <= settings.alpha
    rates = {}
    for name, rate in verdict.rates.items():
        level = next(adjusted)
        # Fewer strange values than before are no news; fewer missing ones are.
        change = abs(rate.change) if name == MISSING else rate.change
        hit = change >= rate.threshold and level <= settings.alpha
        rates[name] = replace(rate, adjusted_p=level, drifted=hit)
    return replace(verdict, adjusted_p=adjusted_p, drifted=drifted, rates=rates)


def _measure(
    reference: FeatureReference, window: FeatureWindow | None, settings: DriftSettings
) -> FeatureVerdict:
    distance = settings.distance(reference.kind)
    verdict = FeatureVerdict(
        reference.name, reference.kind, 0, distance, settings.threshold(distance)
    )
    if window is None:
        return replace(verdict, not_judged="the window has no counts of it")
    if len(window.counts) != len(reference.counts):
        bins = f"{len(window.counts)} bins in the window, {len(reference.counts)} in the reference"
        return replace(verdict, not_judged=f"counted in other bins: {bins}")
    verdict = replace(verdict, rows=sum(window.counts), rates=_rates(reference, window, settings))
    if not sum(reference.counts):
        return replace(verdict, not_judged="the reference has no values of it")
    if not verdict.rows:
        return replace(verdict, not_judged="no rows with a value")
    return _compared(verdict, reference, window, settings)


def _compared(
    verdict: FeatureVerdict,
    reference: FeatureReference,
    window: FeatureWindow,
    settings: DriftSettings,
) -> FeatureVerdict:
    ordered = reference.kind == "numbers"
    whole = np.asarray(reference.counts, dtype=np.float64)
    whole_now = np.asarray(window.counts, dtype=np.float64)
    cells = _cells(reference, settings)
    before, now = pooled(whole, cells), pooled(whole_now, cells)
    filled = before + now > 0
    before, now = before[filled], now[filled]
    distances = of_cells(before, now, settings.floor)
    if ordered:
        placed = slice(None if reference.positions is None else len(reference.positions))
        if whole[placed].any() and whole_now[placed].any():
            distances |= of_order(
                whole[placed],
                whole_now[placed],
                reference.positions,
                reference.standard_deviation,
            )
    table = of_counts(before, now, ordered=ordered)
    return replace(
        verdict,
        distances=distances,
        statistic=table.statistic,
        degrees=table.degrees,
        p=_p_value(distances, (before, now), table, settings, ordered=ordered),
        not_judged=_reason(verdict, distances, before, settings),
    )


def _cells(reference: FeatureReference, settings: DriftSettings) -> Cells:
    """The cells of all bins; those without a place in the order of numbers make one more."""
    counts = reference.counts
    if reference.kind == "categories":
        return reference_cells(counts, settings.rows_per_bin, ordered=False)
    placed = len(counts) if reference.positions is None else len(reference.positions)
    cells = reference_cells(counts[:placed], settings.rows_per_bin, ordered=True)
    if placed == len(counts):
        return cells
    return np.append(cells, np.full(len(counts) - placed, cells[-1] + 1))


def _p_value(
    distances: Mapping[str, float],
    cells: tuple[Vector, Vector],
    table: ChiSquare,
    settings: DriftSettings,
    *,
    ordered: bool,
) -> float:
    before, now = cells
    rows, rows_now = int(before.sum()), int(now.sum())
    if settings.test == "psi":
        return psi_p(distances["psi"], before.size, rows, rows_now)
    if not ordered:
        return homogeneity_p(before, now, table)
    if settings.test == "kolmogorov_smirnov":
        return kolmogorov_smirnov_p(distances["kolmogorov_smirnov"], rows, rows_now)
    return table.p


def _reason(
    verdict: FeatureVerdict,
    distances: Mapping[str, float],
    before: Vector,
    settings: DriftSettings,
) -> str | None:
    """Why a distribution cannot be judged, in words; None if it can."""
    full = int((before >= settings.rows_per_bin).sum())
    needed = settings.needed_rows(full)
    if verdict.rows < needed:
        return f"too few rows: {verdict.rows} of {needed}"
    reference_rows, least = int(before.sum()), 2 * settings.rows_per_bin
    if reference_rows < least:
        return f"too few rows in the reference: {reference_rows} of {least}"
    if verdict.distance not in distances:
        return f"{verdict.distance} needs a standard deviation and values in bins with positions"
    if before.size < 2:
        rows = settings.rows_per_bin
        return f"the reference has no two values of {rows} rows: only shares are judged"
    return None


def _rates(
    reference: FeatureReference, window: FeatureWindow, settings: DriftSettings
) -> dict[str, RateVerdict]:
    """The shares that can be compared, with their p-values."""
    values, values_now = sum(reference.counts), sum(window.counts)
    rows, rows_now = values + reference.missing, values_now + window.missing
    rates = {}
    if rows and rows_now >= settings.minimum_rate_rows:
        before, now = (reference.missing, rows), (window.missing, rows_now)
        p = two_proportions_p(*before, *now)
        rates[MISSING] = _rate(before, now, settings.missing_threshold, p)
    if not values or values_now < settings.minimum_rate_rows:
        return rates
    if reference.outside:
        hits, hits_now = _hits(reference, window, reference.outside)
        # The reference ends at its own smallest and largest row, so that none lies outside by
        # construction: one of these two counts as outside, which makes the test exact.
        extreme = min(hits + 1, values)
        p = two_proportions_p(extreme, values, hits_now, values_now, grown=True)
        rates[OUT_OF_RANGE] = _rate(
            (hits, values), (hits_now, values_now), settings.out_of_range_threshold, p
        )
    if reference.unseen:
        hits, hits_now = _hits(reference, window, reference.unseen)
        # New categories come without drift too: as often as a row of the reference is the only
        # one of its category (Good and Turing's estimate), since the others had not seen it.
        hits = min(hits + _singletons(reference), values)
        p = two_proportions_p(hits, values, hits_now, values_now, grown=True)
        rates[UNSEEN] = _rate((hits, values), (hits_now, values_now), settings.unseen_threshold, p)
    return rates


def _hits(
    reference: FeatureReference, window: FeatureWindow, places: tuple[int, ...]
) -> tuple[int, int]:
    before = sum(reference.counts[place] for place in places)
    return before, sum(window.counts[place] for place in places)


def _singletons(reference: FeatureReference) -> int:
    if reference.singletons is not None:
        return reference.singletons
    return reference.counts.count(1)


def _rate(before: tuple[int, int], now: tuple[int, int], threshold: float, p: float) -> RateVerdict:
    return RateVerdict(before[0] / before[1], now[0] / now[1], threshold, p)
