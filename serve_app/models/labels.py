"""Names that people give to the classes of a model, held against those that it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve_app.errors import InvalidInput


def check_labels(labels: Sequence[Any], classes: Sequence[Any]) -> None:
    """Let labels pass that can name the classes of a model; none always can.

    Raises:
        InvalidInput: one stands twice, or they are not as many, or the model has names itself.
    """
    twice = [label for at, label in enumerate(labels) if label in labels[:at]]
    if twice:
        raise InvalidInput(f"the labels name {twice[0]!r} twice; each class has a name of its own")
    if labels and len(labels) != len(classes):
        msg = f"the model knows {len(classes)} classes, but {len(labels)} labels were given"
        raise InvalidInput(msg)
    if labels and tuple(classes) not in (tuple(labels), tuple(range(len(labels)))):
        own = list(classes)
        msg = f"the model itself says {own}; labels are for one that was trained on 0, 1, 2 …"
        raise InvalidInput(msg)
