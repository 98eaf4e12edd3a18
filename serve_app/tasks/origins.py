"""From which column a transformer makes each feature: asked to explain what stands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core.explanation import Origins
from serve_app.core.ports import Explaining
from serve_app.errors import InvalidInput
from serve_app.tasks.task import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serve_app.core.columns import Columns
    from serve_app.core.ports import Model


class AskOrigins(Task[Origins]):
    """The column that each feature is made of, whatever the rows."""

    name = "origins"
    takes_long = True

    def compute(self, model: Model, columns: Columns) -> Origins:  # noqa: ARG002
        """Tell the column of each feature.

        Raises:
            InvalidInput: nobody knows, or a feature is made of several.
        """
        if not isinstance(model, Explaining):
            raise InvalidInput(f"of a {type(model).__name__} nobody knows what it makes of what")
        return model.origins()

    def join(self, parts: Sequence[Origins]) -> Origins:
        """What holds of all rows alike."""
        return parts[0]
