"""How feedback becomes a reward from 0 to 1, as the settings of a bandit say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from serve_app.core.signature import Output

RewardKind = Literal["correct", "value", "error"]


@dataclass(frozen=True, slots=True)
class RewardRule:
    """What a row earned.

    `correct`: 1 where the answer was the true class, else 0. `value`: the reward that feedback
    names, from `low` (0) to `high` (1). `error`: 1 - |answer - truth| / scale, and at least 0.
    """

    kind: RewardKind = "correct"
    low: float = 0.0
    high: float = 1.0
    scale: float = 1.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RewardRule:
        """The rule that a route's settings hold; the usual one where they hold none."""
        given = settings.get("reward", {})
        return cls(**{name: value for name, value in given.items() if value is not None})

    def misfit(self, output: Output) -> str | None:
        """Why answers of this form cannot be rewarded so; none where they can."""
        if self.kind == "correct" and (output.kind != "classification" or output.targets):
            return (
                f"`correct` is about one class and the models give {output.kind}; write kind: "
                "error with a scale for a number, or kind: value to reward by feedback's `reward`"
            )
        if self.kind == "error" and (output.kind != "regression" or output.width != 1):
            return (
                f"`error` is about one number and the models give {output.kind}; write kind: "
                "correct for a class, or kind: value to reward by feedback's `reward`"
            )
        return None
