"""What gates let pass: a challenger that is no better, and one that is worse by three points."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from benchmarks.simulate.guarantee import Guarantee, rate_at_least, rate_at_most
from serve_app.config.pipeline import GateSettings
from serve_app.lifecycle.comparison import drawn, paired
from serve_app.lifecycle.gates import Evidence, all_passed, judged
from serve_app.models.training.metrics import METRICS, Predicted

ROWS = 2_000
AREA = 0.80
WORSE = 0.03
SHARED = 0.5
"""The part of two models' noise that is the same: they saw the same columns."""


def measure(effort: float = 1.0) -> list[Guarantee]:
    """Two hundred retrainings of each kind, judged on 2,000 rows held out."""
    runs = max(4, round(200 * effort))
    superior = GateSettings.model_validate({"champion": {"superior": True}})
    usual = GateSettings.model_validate({"champion": {"epsilon": 0.01}})
    same = promotions(superior, AREA, runs, seed=31)
    worse = promotions(usual, AREA - WORSE, runs, seed=32)
    return [
        rate_at_most(
            "superior: a challenger that is no better is promoted", 0.05, same, runs,
            by_chance=True,
        ),
        rate_at_least("a challenger 3 points of AUC worse is rejected", 0.95, runs - worse, runs),
    ]  # fmt: skip


def promotions(settings: GateSettings, area: float, runs: int, seed: int) -> int:
    """In how many runs a challenger of this area under ROC passes, beside a champion's `AREA`."""
    return sum(
        promoted(settings, area, np.random.default_rng([seed, number])) for number in range(runs)
    )


def promoted(settings: GateSettings, area: float, random: np.random.Generator) -> bool:
    """Whether one challenger passes, by the product's own bootstrap and gates."""
    truth = np.arange(ROWS, dtype=np.intp) % 2
    common = random.normal(size=ROWS)
    challenger, champion = (predicted(truth, one, common, random) for one in (area, AREA))
    metric = METRICS["roc_auc"]
    seed = int(random.integers(1 << 31))
    draws = [drawn(truth, one, metric, seed) for one in (challenger, champion)]
    gain = paired(metric, *draws)
    evidence = Evidence(
        holdout_rows=ROWS,
        rarest_class_rows=ROWS // 2,
        metric=metric,
        baseline=gain,
        champion=gain,
        unseen=True,
        slices=(),
        leaks=(),
        shared_ids=0,
    )
    return all_passed(judged(settings, evidence))


def predicted(
    truth: npt.NDArray[np.intp],
    area: float,
    common: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> Predicted:
    """Scores of a model of this area under ROC: of both classes normal, of one variance.

    Source: the binormal model, AUC = Φ(d / √2) for a distance of d standard deviations.
    """
    distance = sqrt(2.0) * float(norm.ppf(area))
    own = random.normal(size=len(truth))
    scores = distance * truth + sqrt(SHARED) * common + sqrt(1.0 - SHARED) * own
    shares = norm.cdf(scores - distance / 2.0)
    values = (shares > 0.5).astype(np.intp)
    return Predicted(values, np.column_stack([1.0 - shares, shares]))
