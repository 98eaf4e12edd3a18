"""The features that a transformer makes of rows: asked by endpoints, for their models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.columns import Columns, concatenate
from serve_app.tasks.task import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serve_app.core.ports import Model


class Transform(Task[Columns]):
    """Columns for columns."""

    name = "transform"

    def compute(self, model: Model, columns: Columns) -> Columns:
        """Transform every row; raises as the model does."""
        return model.transform(columns)

    def join(self, parts: Sequence[Columns]) -> Columns:
        """The features of some rows, part after part, as one."""
        return concatenate(parts)
