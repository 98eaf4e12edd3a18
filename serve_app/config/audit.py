"""Where it is written down what was changed, by whom."""

from typing import Annotated

from pydantic import Field, model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Location


class AuditSettings(Frozen):
    """An audit log in a folder: a chain of lines for each process that writes.

    `checkpoint_key` is the file of a private key (PEM) that signs every few seconds how far a
    chain is. `copy_to` is another folder that gets the same checkpoints, best on another machine.
    Lines older than `retain_days` are let go, for which an anchor is signed with the same key.
    """

    path: Location
    checkpoint_key: Location | None = None
    copy_to: Location | None = None
    retain_days: Annotated[float, Field(ge=1, le=36_500)] | None = None

    @model_validator(mode="after")
    def _has_key(self) -> "AuditSettings":
        if self.copy_to is not None and self.checkpoint_key is None:
            raise ValueError("`copy_to` gets checkpoints, which need a `checkpoint_key`")
        if self.retain_days is not None and self.checkpoint_key is None:
            msg = (
                "`retain_days` lets lines go, for which anchors are signed: add a `checkpoint_key`"
            )
            raise ValueError(msg)
        for name in ("path", "copy_to"):
            if "://" in (getattr(self, name) or ""):
                raise ValueError(f"`{name}` is a folder; an audit log cannot be kept at a URL")
        return self
