"""Why a model says what it says: what each feature adds to its output, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from serve_app.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serve_app.core.columns import Array

ExplanationMethod = Literal["linear", "shap_sampled", "tree_shap"]
"""How contributions of one version are computed: exactly, of lines or of trees, or by sampling."""
Space = Literal["log", "log_odds", "probability", "raw_score", "value"]
"""What contributions add up to: what is predicted (a value, a probability), its logarithm or its
log odds, or a raw score of the model's own."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `features` add to what a model says of n rows.

    `contributions` has shape (n, features, outputs) and `base` (n, outputs): a row's output is its
    base and all its contributions together. `classes` are those that the outputs speak for, one
    each; empty where outputs are numbers. `methods` are those by which it was computed: one of a
    version, perhaps several of an ensemble.
    """

    features: tuple[str, ...]
    contributions: Array
    base: Array
    methods: tuple[ExplanationMethod, ...]
    space: Space
    classes: tuple[Any, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows are explained."""
        return len(self.base)

    @property
    def outputs(self) -> Array:
        """What base and contributions add up to, of shape (n, outputs)."""
        summed: Array = self.base + self.contributions.sum(axis=1)
        return summed

    def slice(self, start: int, stop: int) -> Explanation:
        """The rows from `start` up to `stop`."""
        return replace(
            self, contributions=self.contributions[start:stop], base=self.base[start:stop]
        )


@dataclass(frozen=True, slots=True)
class Origins:
    """The column that each feature of a transformer is made of, by the feature's name."""

    columns: Mapping[str, str]

    def slice(self, start: int, stop: int) -> Origins:  # noqa: ARG002
        """The same: it holds of all rows alike."""
        return self


def folded(explanation: Explanation, origins: Origins, columns: Sequence[str]) -> Explanation:
    """The same by the columns that its features are made of; a column's parts are added up.

    Raises:
        KeyError: of a feature it is not known what it is made of.
    """
    known = {name: place for place, name in enumerate(columns)}
    places = [known[origins.columns[feature]] for feature in explanation.features]
    rows, _, outputs = explanation.contributions.shape
    made = np.zeros((rows, len(columns), outputs))
    for feature, column in enumerate(places):
        made[:, column] += explanation.contributions[:, feature]
    return replace(explanation, features=tuple(columns), contributions=made)


def joined(parts: Sequence[Explanation]) -> Explanation:
    """What one version says of rows, part after part, as one explanation.

    Raises:
        ValueError: there is nothing to join.
    """
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        contributions=np.concatenate([part.contributions for part in parts]),
        base=np.concatenate([part.base for part in parts]),
    )


def aligned(explanation: Explanation, labels: Sequence[Any]) -> Explanation:
    """The same with its outputs in the order of an endpoint's labels.

    A single output speaks for the second of two classes, and against the first.
    """
    classes = explanation.classes
    if len(labels) < 2 or not classes:
        return explanation
    if len(classes) == 1:
        if classes[0] == labels[-1]:
            return explanation
        base = -explanation.base
        if explanation.space == "probability":
            base = 1.0 - explanation.base
        return replace(
            explanation,
            contributions=-explanation.contributions,
            base=base,
            classes=(labels[-1],),
        )
    order = [classes.index(label) for label in labels if label in classes]
    if len(order) < len(classes):
        return explanation
    return replace(
        explanation,
        contributions=explanation.contributions[:, :, order],
        base=explanation.base[:, order],
        classes=tuple(classes[place] for place in order),
    )


def mean_of(members: Sequence[tuple[str, float, Explanation]]) -> Explanation:
    """The weighted mean of what several versions say, each with its name and weight (above 0).

    It adds up to the mean of their outputs.

    Raises:
        InvalidInput: they are not explained in the same terms; says in which each is.
    """
    first = members[0][2]
    if len(members) == 1:
        return first
    _require_same_terms(members)
    # By name, so that sums do not depend on who answered first.
    ordered = sorted(members, key=lambda member: member[0])
    total = sum(weight for _, weight, _ in ordered)
    shares = [weight / total for _, weight, _ in ordered]
    features = first.features
    explained = [one for _, _, one in ordered]
    contributions = [
        share * _by_features(one, features) for share, one in zip(shares, explained, strict=True)
    ]
    bases = [share * one.base for share, one in zip(shares, explained, strict=True)]
    return replace(
        first,
        contributions=np.sum(contributions, axis=0),
        base=np.sum(bases, axis=0),
        methods=tuple(sorted({method for one in explained for method in one.methods})),
    )


def _by_features(explanation: Explanation, features: tuple[str, ...]) -> Array:
    if explanation.features == features:
        return explanation.contributions
    order = [explanation.features.index(name) for name in features]
    return explanation.contributions[:, order]


def _require_same_terms(members: Sequence[tuple[str, float, Explanation]]) -> None:
    first = members[0][2]
    names = [name for name, _, _ in members]
    in_words = ", ".join(f"{name} by {one.space}" for name, _, one in members)
    advice = f"ask for one by its version: {', '.join(names)}"
    if first.space == "raw_score" or any(one.space != first.space for _, _, one in members):
        msg = (
            "the answers of an ensemble are explained together where all members are explained "
            f"in the same terms, which raw scores are not; here: {in_words}; {advice}"
        )
        raise InvalidInput(msg, known=names)
    if any(set(one.features) != set(first.features) for _, _, one in members):
        msg = f"the members of this ensemble are explained by different columns; {advice}"
        raise InvalidInput(msg, known=names)
    if any(one.classes != first.classes for _, _, one in members):
        msg = f"the members of this ensemble are explained for different classes; {advice}"
        raise InvalidInput(msg, known=names)
