"""Where it is written down what was changed, by whom."""

from pydantic import model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Location


class AuditSettings(Frozen):
    """An audit log in a folder: a chain of lines for each process that writes.

    `checkpoint_key` is the file of a private key (PEM) that signs every few seconds how far a
    chain is. `copy_to` is another folder that gets the same checkpoints, best on another machine.
    """

    path: Location
    checkpoint_key: Location | None = None
    copy_to: Location | None = None

    @model_validator(mode="after")
    def _has_key(self) -> "AuditSettings":
        if self.copy_to is not None and self.checkpoint_key is None:
            raise ValueError("`copy_to` gets checkpoints, which need a `checkpoint_key`")
        for name in ("path", "copy_to"):
            if "://" in (getattr(self, name) or ""):
                raise ValueError(f"`{name}` is a folder; an audit log cannot be kept at a URL")
        return self
