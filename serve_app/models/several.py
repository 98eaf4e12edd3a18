"""Estimators that classify several things at once: what they are, and their answers in one form.

Libraries say them in many ways: a list of arrays or one array for probabilities, a list of
classes or none at all, dense matrices or sparse ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import scipy.sparse

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Target
from serve_app.errors import InvalidInput

MORE_LIKELY = 0.5
Outputs = tuple[str, tuple[Target, ...], bool, int]


def outputs(estimator: Any, rows: Any) -> Outputs | None:
    """The kind, the targets by number, whether there are probabilities, and how many targets.

    None where the estimator, a classifier, says one thing of each row.

    Raises:
        InvalidInput: it says several things of a row, and not which classes they may have.
    """
    values = dense(estimator.predict(rows))
    if values.ndim < 2 or values.shape[1] < 2:
        return None
    count = values.shape[1]
    known = _classes(estimator, count)
    labels_by_target = (
        _indicators(values) if known is None else [_labels(classes) for classes in known]
    )
    kind = "multilabel" if all(map(_is_yes_or_no, labels_by_target)) else "multioutput"
    if kind == "multilabel":
        labels_by_target = [_both(labels_by_target)] * count
    targets = tuple(Target(str(place), labels) for place, labels in enumerate(labels_by_target))
    output = Output("multilabel" if kind == "multilabel" else "multioutput", targets=targets)
    return kind, targets, _has_probabilities(estimator, output, rows, values), count


def named(targets: Sequence[Target], names: Sequence[str]) -> tuple[Target, ...]:
    """The targets by the names of their columns in the training data, where those are known.

    Raises:
        InvalidInput: there are more or fewer of them.
    """
    if not names:
        return tuple(targets)
    if len(names) != len(targets):
        msg = (
            f"the model predicts {len(targets)} targets, but {len(names)} are named: "
            f"{', '.join(names)}"
        )
        raise InvalidInput(msg, expected=len(targets), got=len(names))
    if len(set(names)) < len(names):
        raise InvalidInput(f"the targets {', '.join(names)} name one of them twice")
    return tuple(Target(name, t.labels) for name, t in zip(names, targets, strict=True))


def computes(estimator: Any, output: Output) -> Callable[[Any], Prediction]:
    """What makes a prediction of rows, as the estimator takes them."""
    own = _own_kind(output.targets)

    def values(rows: Any) -> Array:
        return own(dense(estimator.predict(rows)))

    if not output.probabilities:
        return lambda rows: Prediction(values(rows))
    shares = _shares(estimator, output)
    return lambda rows: Prediction(values(rows), shares(rows))


def classes_of(estimator: Any) -> Array:
    """The classes of an estimator that says one thing, also where it could have said several."""
    only = _classes(estimator, 1)
    return np.asarray(getattr(estimator, "classes_", ())) if only is None else only[0]


def values_of(estimator: Any) -> Callable[[Any], Any]:
    """The `predict` of an estimator that says one thing, as an array (n,)."""
    only = _classes(estimator, 1)
    if only is None:
        # A transformer has none, and is asked for none.
        predict: Any = getattr(estimator, "predict", None)
        return cast("Callable[[Any], Any]", predict)
    return lambda rows: dense(estimator.predict(rows)).reshape(-1).astype(only[0].dtype)


def shares_of(estimator: Any) -> Callable[[Any], Array]:
    """The `predict_proba` of an estimator that says one thing, as an array (n, classes)."""
    if _classes(estimator, 1) is None:
        shares: Callable[[Any], Array] = estimator.predict_proba
        return shares
    predict_proba = estimator.predict_proba
    return lambda rows: _of_all(predict_proba(rows))


def nothing(output: Output) -> Prediction:
    """What is said of no rows."""
    values = np.empty((0, len(output.targets)), dtype=object)
    return Prediction(values, np.empty((0, output.shares)) if output.probabilities else None)


def dense(values: Any) -> Array:
    """What a library gives as an array; some give sparse matrices, and some frames."""
    return values.toarray() if scipy.sparse.issparse(values) else np.asarray(values)


def _shares(estimator: Any, output: Output) -> Callable[[Any], Array]:
    """What gives the probabilities of rows, in the order that `Output` describes."""
    known = _classes(estimator, len(output.targets))
    predict_proba = estimator.predict_proba
    if output.kind == "multilabel":
        places = [_place_of_yes(classes) for classes in known or []]
        return lambda rows: _of_yes(predict_proba(rows), places)
    return lambda rows: _of_all(predict_proba(rows))


def _of_yes(shares: Any, places: Sequence[int | None]) -> Array:
    """The probability of yes for each target; of a target that never was yes in training, 0."""
    if not isinstance(shares, list):
        return dense(shares)
    columns = [
        np.zeros(len(one)) if place is None else one[:, place]
        for one, place in zip(shares, places, strict=True)
    ]
    return np.column_stack(columns)


def _of_all(shares: Any) -> Array:
    """The probabilities of all classes of each target, one target after the other."""
    if isinstance(shares, list):
        return np.concatenate(shares, axis=1)
    # A chain says of each target how likely the second of its two classes is.
    second = dense(shares)
    return np.stack([1 - second, second], axis=2).reshape(len(second), -1)


def _has_probabilities(estimator: Any, output: Output, rows: Any, values: Array) -> bool:
    """Whether it gives probabilities of the classes that it knows, for all of its targets.

    In one array they are those of the second of two classes, which not all mean by it: stacking
    says there how likely the first one is.
    """
    if not hasattr(estimator, "predict_proba"):
        return False
    try:
        given = estimator.predict_proba(rows)
        shares = _shares(estimator, output)(rows)
    except Exception:  # noqa: BLE001 - some cannot where a target had one class in training
        return False
    if not isinstance(given, list):
        if output.kind == "multioutput" and any(len(t.labels) != 2 for t in output.targets):
            return False
        second = [t.labels[1] for t in output.targets]
        if np.mean((dense(given) > MORE_LIKELY) == (values == np.array(second))) < MORE_LIKELY:
            return False
    return shares.shape == (len(values), output.shares)


def _classes(estimator: Any, count: int) -> list[Array] | None:
    """The classes of each target as the estimator lists them; None where it lists none."""
    listed = getattr(estimator, "classes_", None)
    if not isinstance(listed, list | tuple) or len(listed) != count:
        return None
    return [np.asarray(classes) for classes in listed]


def _labels(classes: Array) -> tuple[Any, ...]:
    """The classes of one target.

    Raises:
        InvalidInput: they are no values, as some estimators list them after sparse targets.
    """
    labels = tuple(classes.tolist())
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        msg = (
            f"the model says that its classes are of {kinds}; train it on a dense array of "
            "texts, numbers or truth values"
        )
        raise InvalidInput(msg)
    return labels


def _is_yes_or_no(labels: tuple[Any, ...]) -> bool:
    """Whether classes are those of an indicator: 0 and 1, or one of them alone."""
    return all(isinstance(label, bool | int | float) and label in {0, 1} for label in labels)


def _place_of_yes(classes: Array) -> int | None:
    listed = classes.tolist()
    return listed.index(1) if 1 in listed else None


def _both(labels: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """No and yes as the library writes them."""
    kinds = {type(label) for each in labels for label in each}
    kind = kinds.pop() if len(kinds) == 1 else int
    return kind(0), kind(1)


def _own_kind(targets: Sequence[Target]) -> Callable[[Array], Array]:
    """What makes predictions of the kind that the classes are of.

    Chains say 1.0 where they were taught 1, and others "1" beside a target of words.
    """
    kinds = {type(label) for target in targets for label in target.labels}
    if len(kinds) == 1 and kinds <= {bool, int, float}:
        dtype = np.asarray([kind() for kind in kinds]).dtype
        return lambda values: values if values.dtype.kind == dtype.kind else values.astype(dtype)
    if kinds <= {str}:
        return lambda values: values
    by_text = [{str(label): label for label in target.labels} for target in targets]

    def renamed(values: Array) -> Array:
        if values.dtype.kind != "U":
            return values
        columns = [
            [known[text] for text in column]
            for known, column in zip(by_text, values.T.tolist(), strict=True)
        ]
        return np.array(columns, dtype=object).T

    return renamed


def _indicators(values: Array) -> list[tuple[Any, ...]]:
    """The classes of targets of which the estimator lists none: those of an indicator matrix.

    Raises:
        InvalidInput: they are others.
    """
    if values.dtype.kind in "biuf" and np.isin(values, (0, 1)).all():
        return [(False, True) if values.dtype == bool else (0, 1)] * values.shape[1]
    msg = (
        f"the model classifies {values.shape[1]} things at once and does not say their classes "
        "(`classes_` as a list of one array for each); train it on 0 and 1 for each of them"
    )
    raise InvalidInput(msg)
