"""Why a model says what it says of rows: asked by `:explain`, once they are predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.explanation import Explanation, joined
from serve_app.core.ports import Explaining
from serve_app.errors import InvalidInput
from serve_app.tasks.task import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serve_app.core.columns import Columns
    from serve_app.core.ports import Model


class Explain(Task[Explanation]):
    """What each feature adds to the output of every row."""

    name = "explain"
    takes_long = True

    def compute(self, model: Model, columns: Columns) -> Explanation:
        """Explain every row.

        Raises:
            InvalidInput: nothing is known by which the model could be explained; says what to do.
            RowsRefused: it does not take the rows.
            ModelFailed: it failed.
        """
        if not isinstance(model, Explaining):
            raise InvalidInput(f"a {type(model).__name__} cannot be explained")
        return model.explain(columns)

    def join(self, parts: Sequence[Explanation]) -> Explanation:
        """The explanations of some rows, part after part, as one."""
        return joined(parts)
