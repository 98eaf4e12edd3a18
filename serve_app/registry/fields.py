"""The kinds of values that documents of a registry are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer


def as_json(value: Any) -> Any:
    """The value as JSON has it: tuples become lists, NumPy's numbers Python's, NaN null.

    Raises:
        ValueError: it holds what JSON has no word for.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {_key(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(inner) for inner in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    msg = f"{value!r} is a {type(value).__name__}, for which JSON has no word"
    raise ValueError(msg)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        msg = f"{key!r} is a {type(key).__name__}; JSON needs text there"
        raise ValueError(msg)  # noqa: TRY004 - pydantic reports ValueError only
    return key


def _nan_for_null(value: Any) -> Any:
    return math.nan if value is None else value


def _null_for_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


Json = BeforeValidator(as_json)
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Score = Annotated[float, BeforeValidator(_nan_for_null), PlainSerializer(_null_for_nan)]
"""A metric; one that could not be computed is NaN, and null in JSON."""
# JSON has no word for infinity either, but Python writes and reads one.
FROZEN = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
"""Parts of a document never change, and have no other keys than theirs."""
