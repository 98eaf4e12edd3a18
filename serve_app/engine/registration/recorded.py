"""The lineage of a version: what people say of it, and what is seen when it is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.engine.registration.environment import environment
from serve_app.registry.lineage import Dataset, Lineage, SourceCode

if TYPE_CHECKING:
    from serve_app.registry.manifest import TrainingData


def recorded(
    given: Lineage | None, code: SourceCode | None, training: TrainingData | None
) -> Lineage:
    """The lineage that was given, with code, libraries and data where it says nothing of them.

    `code` is that of the project, `training` what the rows of training are, where there are any.
    """
    lineage = given or Lineage()
    changes: dict[str, object] = {}
    if lineage.code is None and code is not None:
        changes["code"] = code
    if lineage.environment is None:
        changes["environment"] = environment("registration")
    if training is not None:
        changes["data"] = _with_training(lineage, training)
    return lineage.model_copy(update=changes)


def _with_training(lineage: Lineage, training: TrainingData) -> tuple[Dataset, ...]:
    """The data of a lineage, with rows and fingerprint of training where it does not say them."""
    known = lineage.dataset("training") or Dataset()
    seen = known.model_copy(
        update={
            "rows": training.rows if known.rows is None else known.rows,
            "fingerprint": known.fingerprint or training.fingerprint,
        }
    )
    return (seen, *(one for one in lineage.data if one is not known))
