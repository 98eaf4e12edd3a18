"""Which output of a graph is the class, the probabilities, the scores: told by rows, not by place.

Numbers are probabilities only where they lie in 0..1 and sum to 1 on every row that was tried,
those of the training data and others far outside of it, and decide as the graph does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from serve_app.core.columns import Array, of_objects
from serve_app.errors import InvalidInput
from serve_app.models.onnx_ends import Graph, GraphOutput, Roles

_TOLERANCE = 1e-3
_LABELS = frozenset({"int64", "int32", "string"})
_VALUE_NAMES = frozenset({"variable", "prediction", "predictions", "predict", "output_variable"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """A graph, its outputs as they come out, and what they were on the rows that were tried."""

    graph: Graph
    outputs: Sequence[GraphOutput]
    tried: Mapping[str, Array]
    given: Sequence[Any] = ()
    """The names that somebody gave its classes."""

    def numbers(self) -> list[GraphOutput]:
        """The outputs that could be probabilities, scores or values."""
        return [o for o in self.outputs if o.dtype.startswith("float") and len(o.shape) <= 1]

    def labels(self) -> list[GraphOutput]:
        """The outputs that could say a class."""
        hinted = self.graph.hints.labels
        candidates = [o for o in self.outputs if o.dtype in _LABELS and o.shape in {(), (1,)}]
        return sorted(
            candidates, key=lambda o: (o.name not in hinted, "label" not in o.name.lower())
        )

    def flat(self, one: GraphOutput) -> Array:
        """An output on the rows that were tried, as a matrix."""
        array = self.tried[one.name]
        return array.reshape(len(array), -1)


def roles(evidence: Evidence) -> Roles:
    """What the outputs are.

    Raises:
        InvalidInput: names were given for classes that there are not, or classes need names.
    """
    classifying = _labelled(evidence) or _unlabelled(evidence)
    if classifying is not None:
        return classifying
    if evidence.given:
        named = ", ".join(f"{one.name} {[None, *one.shape]}" for one in evidence.outputs)
        msg = (
            f"the graph gives neither {len(evidence.given)} classes nor their probabilities "
            f"({named}); leave --labels out, and its outputs are served as they are"
        )
        raise InvalidInput(msg)
    value = _value(evidence)
    if value is None:
        return Roles("tensors")
    width = evidence.flat(value).shape[1]
    return Roles("regression", values=value.name, width=width)


def _labelled(evidence: Evidence) -> Roles | None:
    """The roles of a graph that says a class; none where none of its outputs is one."""
    for label in evidence.labels():
        labels = evidence.flat(label)[:, 0].tolist()
        for numbers in [*_likely_first(evidence), None]:
            classes = _classes(evidence, label, numbers, labels)
            if classes and set(labels) <= set(classes):
                return _with_numbers(evidence, label, classes, np.array(labels, dtype=object))
    return None


def _classes(
    evidence: Evidence, label: GraphOutput, numbers: GraphOutput | None, labels: Sequence[Any]
) -> tuple[Any, ...]:
    """The classes that a label may be: those of the graph, else those that rows show."""
    texts = label.dtype == "string"
    named = evidence.graph.classes
    if named and all(isinstance(one, str) == texts for one in named):
        return named
    if evidence.given and not texts:
        return tuple(range(len(evidence.given)))
    if numbers is None:
        return ()
    shares = evidence.flat(numbers)
    seen = tuple(sorted(set(labels)))
    whole = shares.shape[1] == len(seen) > 1 and numbers.name not in evidence.graph.hints.scores
    return seen if whole and _are_shares(shares) and _agree(shares, seen, labels) else ()


def _with_numbers(
    evidence: Evidence, label: GraphOutput, classes: tuple[Any, ...], labels: Array
) -> Roles:
    """The roles of the numbers beside a label."""
    plain = Roles("classification", label=label.name, classes=classes)
    for one in _likely_first(evidence):
        numbers = evidence.flat(one)
        width = numbers.shape[1]
        never = one.name in evidence.graph.hints.scores
        whole = not never and width == len(classes) and _are_shares(numbers)
        if whole and (width == 1 or _agree(numbers, classes, labels)):
            return replace(plain, shares=(one.name,))
        if not never and width == 1 and len(classes) == 2 and _is_second(numbers, classes, labels):
            return replace(plain, shares=(one.name,), of_second=True)
    parts = _one_each(evidence, classes)
    if parts and _are_shares(np.concatenate([evidence.flat(one) for one in parts], axis=1)):
        return replace(plain, shares=tuple(one.name for one in parts))
    for one in _likely_first(evidence):
        scores = _scores(evidence, one, classes, labels)
        if scores is not None:
            place, width = scores
            return replace(plain, scores=one.name, score=place, scores_width=width)
    return plain


def _scores(
    evidence: Evidence, one: GraphOutput, classes: tuple[Any, ...], labels: Array
) -> tuple[int | None, int] | None:
    """The place of the only raw score (none: all count) and their number; none if no scores.

    Of two classes there is one score, which speaks for the second: where the graph gives two,
    one of them follows from the other.
    """
    numbers = evidence.flat(one)
    width, count = numbers.shape[1], len(classes)
    if count == 2 and width in {1, 2}:
        second = labels == classes[1]
        for place in range(width):
            column = numbers[:, place]
            clear = np.isfinite(column) & (np.abs(column) > _TOLERANCE)
            if clear.any() and ((column > 0) == second)[clear].all():
                return place, 1
        return None
    certain = one.name in evidence.graph.hints.scores or _sounds(one, ("prob", "score", "decision"))
    if width not in {count, count * (count - 1) // 2} or not certain:
        return None
    if width == count and not _agree(numbers, classes, labels, share=0.5):
        return None
    return None, width


def _unlabelled(evidence: Evidence) -> Roles | None:
    """The roles of a graph that gives probabilities (or, with names, scores) and no class."""
    if evidence.labels() and not evidence.given:
        return None
    classes = evidence.graph.classes
    count = len(classes) or len(evidence.given)
    for one in _likely_first(evidence):
        numbers = evidence.flat(one)
        width = numbers.shape[1]
        single = width == 1 and bool(((numbers >= 0) & (numbers <= 1))[np.isfinite(numbers)].all())
        shares = one.name not in evidence.graph.hints.scores and (
            single if width == 1 else _are_shares(numbers)
        )
        if shares and not count and _sounds(one, ("prob",)) and len(evidence.outputs) == 1:
            msg = (
                f"the graph gives the probabilities of classes ({one.name}), but does not say "
                "which; name them with --labels"
            )
            raise InvalidInput(msg)
        names = classes or tuple(range(count))
        if shares and count and count == max(width, 2):
            return Roles("classification", shares=(one.name,), of_second=width == 1, classes=names)
        if count > 1 and count == width and one.dtype.startswith("float"):
            # The class with the highest score, whatever the scores are.
            return Roles(
                "classification", scores=one.name, scores_width=width, classes=names,
                score=None,
            )  # fmt: skip
    return None


def _value(evidence: Evidence) -> GraphOutput | None:
    """The output that a regressor gives; none where no one output is that."""
    numbers = evidence.numbers()
    if evidence.labels():
        return None
    if len(numbers) == len(evidence.outputs) == 1:
        return numbers[0]
    for names in (frozenset(evidence.graph.hints.values), _VALUE_NAMES):
        matches = [one for one in numbers if one.name in names]
        if len(matches) == 1:
            return matches[0]
    return None


def _likely_first(evidence: Evidence) -> list[GraphOutput]:
    """The numbers, those first that nodes or names call probabilities, then scores."""
    shares = evidence.graph.hints.shares
    return sorted(
        evidence.numbers(),
        key=lambda one: (
            not _sounds(one, ("prob",)),
            one.name not in shares,
            not _sounds(one, ("score", "decision")),
        ),
    )


def _one_each(evidence: Evidence, classes: tuple[Any, ...]) -> list[GraphOutput]:
    """One output per class, whose names end with those of the classes."""
    single = [one for one in evidence.numbers() if one.shape in {(), (1,)}]
    by_class = [[one for one in single if one.name.endswith(str(name))] for name in classes]
    parts = [one[0] for one in by_class if len(one) == 1]
    return parts if len({one.name for one in parts}) == len(classes) > 1 else []


def _sounds(one: GraphOutput, words: Sequence[str]) -> bool:
    return any(word in one.name.lower() for word in words)


def _are_shares(numbers: Array) -> bool:
    """Whether rows of numbers lie in 0..1 and sum to 1; those that are not finite say nothing."""
    rows = numbers[np.isfinite(numbers).all(axis=1)].astype(np.float64)
    inside = (rows >= -_TOLERANCE).all() and (rows <= 1 + _TOLERANCE).all()
    return bool(len(rows) and inside and (np.abs(rows.sum(axis=1) - 1) <= _TOLERANCE).all())


def _agree(numbers: Array, classes: Sequence[Any], labels: Any, share: float = 0.75) -> bool:
    """Whether the highest numbers mostly stand where the label says; ties may go either way."""
    names = of_objects(classes)
    finite = np.isfinite(numbers).all(axis=1)
    if not finite.any():
        return False
    alike = names[np.argmax(numbers[finite], axis=1)] == np.asarray(labels, dtype=object)[finite]
    return bool(alike.mean() >= share)


def _is_second(numbers: Array, classes: Sequence[Any], labels: Array) -> bool:
    """Whether a column is the probability of the second class."""
    column = numbers[:, 0]
    finite = np.isfinite(column)
    inside = ((column >= 0) & (column <= 1))[finite].all()
    clear = finite & (np.abs(column - 0.5) > _TOLERANCE)
    return bool(inside and clear.any() and ((column > 0.5) == (labels == classes[1]))[clear].all())
