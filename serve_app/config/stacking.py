"""The meta-model of a stack: which version it is, and where it computes."""

from typing import Literal

from serve_app.config.base import Frozen
from serve_app.config.names import Reference

Placement = Literal["inline", "replicas"]


class MetaSettings(Frozen):
    """A registered version that answers by what the members of an ensemble give.

    Without a `placement` it computes where the members do.
    """

    model: Reference
    placement: Placement | None = None

    def is_inline(self, members: Placement) -> bool:
        """Whether the gateway computes it, `members` being where those are computed."""
        return (self.placement or members) == "inline"
