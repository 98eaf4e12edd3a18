"""Holds a stored model against the one in memory, and both against the truth."""

from __future__ import annotations

import numpy as np

from serve_app.core.ports import Model
from serve_app.core.signature import Signature
from serve_app.engine.registration.candidate import Candidate
from serve_app.models.flavour import Flavour
from serve_app.models.frames import matrix, to_columns
from serve_app.models.plausibility import aims_at_the_truth, implausible
from serve_app.models.replay import answered, check, hold
from serve_app.models.signature import answering

PROVEN_ROWS = 1000


def prove(
    model: Model, flavour: Flavour, candidate: Candidate, signature: Signature, objective: str
) -> tuple[str, ...]:
    """Hold the stored model against the one in memory, and both against the truth.

    The one in memory is called as its user would call it, on up to `PROVEN_ROWS` rows from all
    over the data. `objective` is what the library calls what the model was trained for, where it
    says so. What comes back are warnings for people.

    Raises:
        ArtifactRejected: what was stored answers otherwise.
    """
    rows = len(candidate.frame)
    if rows == 0:
        return ()
    places = np.unique(np.linspace(0, rows - 1, min(rows, PROVEN_ROWS)).astype(int))
    frame = candidate.frame.iloc[places]
    with answering():
        reference = flavour.answers(candidate.estimator, frame, signature)
    columns = to_columns(frame)
    if signature.output.kind == "transform":
        hold(matrix(model.transform(columns)), reference.values)
        return ()
    check(model, columns, answered(reference), signature.output.kind)
    if candidate.truth is None or not aims_at_the_truth(candidate.estimator, objective):
        return ()
    evaluation = candidate.evaluation
    warning = implausible(
        reference.values,
        np.asarray(candidate.truth)[places],
        signature.output.labels,
        {} if evaluation is None else evaluation.cross_validated,
    )
    return () if warning is None else (warning,)
