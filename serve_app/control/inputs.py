"""What an endpoint takes: the columns of its model as the declaration corrects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from serve_app.config import ColumnSettings
from serve_app.core.signature import Column
from serve_app.registry.manifest import Manifest


def corrected(
    inputs: Sequence[Column], corrections: Mapping[str, ColumnSettings]
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns after corrections, and the names in these that no column has."""
    known = {column.name for column in inputs}
    columns = tuple(
        replace(column, **corrections[column.name].model_dump(exclude_none=True, exclude={"log"}))
        if column.name in corrections
        else column
        for column in inputs
    )
    return columns, tuple(name for name in corrections if name not in known)


def example_of(manifest: Manifest) -> dict[str, Any] | None:
    """The first row of a version's sample; none where it has no sample."""
    if manifest.sample is None:
        return None
    return {name: values[0] for name, values in manifest.sample.inputs.items() if values}
