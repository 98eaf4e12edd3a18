"""How the answers of several models about several targets become one: target by target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core import targets
from serve_app.core.combine import Member
from serve_app.core.messages import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serve_app.core.columns import Array
    from serve_app.core.signature import Output

    Combine = Callable[[Sequence[Member], tuple[Any, ...]], Prediction]


def per_target(combine: Combine, output: Output) -> Combine:
    """A way of combining classes, applied to each target of an output by itself.

    Members have their targets and classes in the order of the output.
    """
    yes_or_no = output.kind == "multilabel"

    def combined(members: Sequence[Member], _labels: tuple[Any, ...]) -> Prediction:
        if len(members) == 1:
            return members[0].prediction
        split = [_by_target(member.prediction, output) for member in members]
        joined = [
            combine(
                [
                    Member(one[place], member.weight, target.labels)
                    for member, one in zip(members, split, strict=True)
                ],
                target.labels,
            )
            for place, target in enumerate(output.targets)
        ]
        shares = [one.probabilities for one in joined if one.probabilities is not None]
        if yes_or_no:
            shares = [share[:, 1:] for share in shares]
        return Prediction(
            targets.column_wise([one.values for one in joined]), np.concatenate(shares, axis=1)
        )

    return combined


def _by_target(prediction: Prediction, output: Output) -> list[Prediction]:
    """What one member says of each target, with the probabilities of both yes and no."""
    shares: list[Array | None] = [None] * len(output.targets)
    if prediction.probabilities is not None and output.kind == "multilabel":
        shares = [np.column_stack([1 - yes, yes]) for yes in prediction.probabilities.T]
    elif prediction.probabilities is not None:
        shares = [*targets.parts(prediction.probabilities, output.targets)]
    return [Prediction(prediction.values[:, place], share) for place, share in enumerate(shares)]
