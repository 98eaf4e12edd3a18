"""What became of each variant's requests, and whether each has as many units as its weights say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from serve_app.experiments.sample_ratio import ALPHA, sequential
from serve_app.monitoring.experiment.document import (
    ArmTraffic,
    EpochRatio,
    SampleRatio,
    TrafficPoint,
)
from serve_app.monitoring.experiment.entries import Observed
from serve_app.monitoring.experiment.exposures import Exposures, Floats

POINTS = 30
_LOOKS_OF_EPOCH = 20
MOST_EPOCHS = 60
_SAME = 1e-6


def traffic_of(
    seen: Observed, variants: Sequence[str], weights: Mapping[str, float], until_s: float
) -> tuple[ArmTraffic, ...]:
    """The requests and units of each variant; `weights` are those that stand now."""
    exposures, units = seen.exposures, seen.units
    first = np.asarray(seen.is_first)
    labelled = np.isfinite(seen.labels.delay_s)
    total, wanted = len(units), sum(weights.get(name, 0.0) for name in variants)
    times_s = np.linspace(exposures.at_s[0], until_s, POINTS) if len(exposures) else np.empty(0)
    made = []
    for arm, name in enumerate(variants):
        own = exposures.arm == arm
        first_s = np.sort(units.first_s[units.arm == arm])
        counts = np.searchsorted(first_s, times_s, side="right")
        course = tuple(
            TrafficPoint(float(at_s), int(count))
            for at_s, count in zip(times_s, counts, strict=True)
        )
        made.append(
            ArmTraffic(
                variant=name,
                requests=int((own & first).sum()),
                units=len(first_s),
                errors=int((own & first & ~exposures.answered).sum()),
                labelled=int((own & labelled).sum()),
                share=len(first_s) / total if total else None,
                wanted=weights.get(name, 0.0) / wanted if wanted else None,
                course=course,
            )
        )
    return tuple(made)


def ratio_of(
    exposures: Exposures, variants: Sequence[str], weights: Mapping[str, float]
) -> tuple[SampleRatio | None, str]:
    """The sequential test over all epochs, and a note where nothing can be compared.

    A subject counts once, under the weights that it came under first: where it was later follows
    from that. What each epoch's weights were is taken from the recorded propensities, and from the
    `weights` that stand where a variant had no request at all.
    """
    newest = _newcomers(exposures)
    epochs = exposures.epoch[newest]
    given = np.array([weights.get(name, 0.0) for name in variants])
    arrivals: list[Floats] = []
    shares: list[Floats] = []
    lines: list[tuple[int, float, Floats, Floats]] = []
    for epoch in np.unique(epochs):
        rows = newest[epochs == epoch]
        weight = _weights_of(exposures, rows, len(variants), given)
        if weight is None:
            continue
        looks = np.array_split(rows, min(_LOOKS_OF_EPOCH, len(rows)))
        counts = [np.bincount(exposures.arm[look], minlength=len(variants)) for look in looks]
        arrivals += [count.astype(np.float64) for count in counts]
        shares += [weight] * len(looks)
        whole = np.sum(counts, axis=0).astype(np.float64)
        lines.append((int(epoch), float(exposures.at_s[rows[0]]), whole, weight))
    if not lines:
        why = "the sample ratio is not checked: which share each variant was to have is not known"
        return None, why if len(newest) else ""
    tested = sequential(np.stack(arrivals), np.stack(shares))
    p_value = tested.p_values[-1]
    listed = tuple(_line(variants, *line) for line in lines[-MOST_EPOCHS:])
    return SampleRatio(p_value, ALPHA, p_value <= ALPHA, listed), ""


def _line(
    variants: Sequence[str], epoch: int, since_s: float, counts: Floats, weight: Floats
) -> EpochRatio:
    tested = sequential(counts[None, :], weight)
    expected = weight * counts.sum()
    return EpochRatio(
        epoch,
        since_s,
        {name: int(count) for name, count in zip(variants, counts, strict=True)},
        {name: float(one) for name, one in zip(variants, expected, strict=True)},
        tested.p_values[-1],
    )


def _newcomers(exposures: Exposures) -> np.ndarray:
    """The row with which each unit came first, whatever it was given."""
    seen: dict[str, int] = {}
    for place, unit in enumerate(exposures.units()):
        seen.setdefault(unit, place)
    return np.fromiter(seen.values(), np.int64, len(seen))


def _weights_of(exposures: Exposures, rows: np.ndarray, arms: int, given: Floats) -> Floats | None:
    """The shares that variants were to have under an epoch; None where requests differ in them."""
    shares = np.full(arms, np.nan)
    for arm in range(arms):
        own = exposures.propensity[rows[exposures.arm[rows] == arm]]
        if not len(own):
            continue
        if own.max() - own.min() > _SAME:
            return None
        shares[arm] = own[0]
    missing = np.isnan(shares)
    rest = 1.0 - float(np.nansum(shares))
    if missing.sum() == 1:
        shares[missing] = max(rest, 0.0)
    elif missing.any():
        now = given / given.sum() if given.sum() > 0 else given
        if not np.allclose(now[~missing], shares[~missing], atol=_SAME):
            return None
        shares = now
    return shares if abs(float(shares.sum()) - 1.0) < 1e-3 else None
