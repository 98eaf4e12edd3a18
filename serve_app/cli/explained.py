"""Explanations of answers as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN_FEATURES = 5


def explanation_heads(answer: Mapping[str, Any]) -> list[str]:
    """What stands above explanations."""
    explained = answer.get("explained_class")
    terms = str(answer.get("space", "output")).replace("_", " ")
    of_class = "" if explained is None else f" of {explained}"
    return [f"{terms}{of_class}", "without features", "what adds most"]


def explanation_rows(answer: Mapping[str, Any]) -> list[list[str]]:
    """One row per explanation: output, base, and the features that add most, either way.

    Of several classes the one that is predicted is shown.
    """
    predictions = answer["predictions"]
    return [
        _row(one, prediction)
        for one, prediction in zip(answer["explanations"], predictions, strict=True)
    ]


def _row(explanation: Mapping[str, Any], prediction: Any) -> list[str]:
    output, base = explanation["output"], explanation["base_value"]
    parts = explanation["contributions"]
    if isinstance(output, dict):
        name = _word(prediction) if _word(prediction) in output else next(iter(output))
        output, base = output[name], base[name]
        parts = {feature: by_class[name] for feature, by_class in parts.items()}
    largest = sorted(parts.items(), key=lambda part: -abs(part[1]))[:SHOWN_FEATURES]
    listed = ", ".join(f"{feature} {value:+.4g}" for feature, value in largest if value)
    return [f"{output:.4g}", f"{base:.4g}", listed]


def _word(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
