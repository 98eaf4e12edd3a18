"""Something that is wrong now, in words: what alerts, reports and the admin API are made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["warning", "critical"]


class FindingKey(NamedTuple):
    """By what the same finding is known again; see the fields of the finding."""

    kind: str
    endpoint: str
    variants: str
    subject: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a watch says is wrong.

    `kind` is that of the watch, `variants` names who answered (a version, or several joined by a
    plus), `subject` what of it is wrong, such as a feature. `value` and `threshold` are there
    where one number decides.
    """

    kind: str
    endpoint: str
    variants: str
    subject: str
    text: str
    severity: Severity = "warning"
    value: float | None = None
    threshold: float | None = None

    @property
    def key(self) -> FindingKey:
        """By what it is known again."""
        return FindingKey(self.kind, self.endpoint, self.variants, self.subject)

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return asdict(self)
