"""What a metric of an experiment measures, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "reward": "mean reward",
    "conversion": "share of units with a reward above 0",
    "value": "sum of rewards of a unit",
    "latency": "mean time to an answer, in milliseconds",
    "error_rate": "share of requests that the variant did not answer itself",
    "accuracy": "share of right answers",
    "precision": "share of right ones among answers of the class",
    "recall": "share of the class that was answered as it",
    "f1": "harmonic mean of precision and recall",
    "log_loss": "mean of -ln(probability of the truth)",
    "brier": "mean squared error of probabilities",
    "auc": "chance that one of the class is scored above one of the other",
    "rmse": "root of the mean squared error",
    "mae": "mean absolute error",
}
_HOUR_S, _DAY_S = 3_600.0, 86_400.0


def words_of(metric: Mapping[str, Any]) -> str:
    """What a metric measures, and within which time."""
    name = metric["metric"]
    if name == "ratio":
        words = f"sum of {metric['numerator']} by sum of {metric['denominator']}"
    elif name == "quantile":
        unit = " in milliseconds" if metric["of"] == "latency" else ""
        words = f"{metric['at']:g} quantile of {metric['of']}{unit}"
    else:
        words = _WORDS[name]
    if metric.get("class") is not None:
        words += f", of class {metric['class']}"
    window_s = metric["window_s"]
    return words if window_s is None else f"{words}, within {_time(window_s)}"


def _time(seconds: float) -> str:
    if seconds % _DAY_S == 0:
        return f"{seconds / _DAY_S:g} d"
    return f"{seconds / _HOUR_S:g} h" if seconds % _HOUR_S == 0 else f"{seconds:g} s"
