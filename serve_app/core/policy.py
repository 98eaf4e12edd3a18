"""What happens when rows break the schema of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args

from serve_app.core.signature import Column
from serve_app.core.violations import Reaction
from serve_app.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Policy:
    """The reaction to each rule that a value can break.

    Under "warn" and "ignore" a cell that is missing, infinite or of the wrong type becomes
    null (a string that spells a number becomes that number), an unknown column is dropped,
    and a value outside its range or categories stays as it is. `nan` is about nulls, NaN
    and infinities: "follow" refuses nulls where the column is not nullable, "refuse" refuses
    them everywhere, "warn" and "ignore" let them pass where the column is not nullable.
    """

    missing: Reaction = "refuse"
    unknown: Reaction = "refuse"
    type: Reaction = "refuse"
    nan: Reaction | Literal["follow"] = "follow"
    range: Reaction = "warn"
    category: Reaction = "warn"

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> Policy:
        """Read reactions by rule; rules that are not named keep their defaults.

        Raises:
            ConfigError: there is no such rule or reaction.
        """
        known = [field.name for field in fields(cls)]
        for rule, reaction in body.items():
            if rule not in known:
                raise ConfigError(f"the schema has no rule {rule!r}; it has {', '.join(known)}")
            allowed = [*get_args(Reaction), *(["follow"] if rule == "nan" else [])]
            if reaction not in allowed:
                listed = ", ".join(allowed)
                raise ConfigError(f"rule {rule!r}: {reaction!r} is not one of {listed}")
        return cls(**cast("dict[str, Any]", body))

    def null(self, column: Column) -> Reaction:
        """The reaction to a null in this column."""
        if self.nan == "refuse":
            return "refuse"
        if column.nullable:
            return "ignore"
        return "refuse" if self.nan == "follow" else self.nan

    def reaction(self, rule: str) -> Reaction:
        """The reaction to a rule in any column; that to "nan" is about infinities alone."""
        chosen: str = getattr(self, rule)
        return "refuse" if chosen == "follow" else cast("Reaction", chosen)
