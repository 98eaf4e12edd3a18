"""What a file says is true, held against what an endpoint answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.errors import InvalidInput

Scores = dict[str, float]
_NAMED_CLASSES = frozenset({"classification", "multilabel", "multioutput"})


def scores(
    predictions: Sequence[Any], truth: Mapping[str, Sequence[Any]], output: Mapping[str, Any]
) -> dict[str, Scores]:
    """Metrics by column of the truth: accuracy of classes; MAE, RMSE and R² of numbers.

    `output` is that of the endpoint's signature. Rows whose truth is a gap do not count; `rows`
    says how many do.

    Raises:
        InvalidInput: the truth has more columns than the answer, or is no number where it must be.
    """
    kind = output.get("kind")
    if kind not in _NAMED_CLASSES | {"regression"}:
        return {}
    several = len(truth) > 1 or (bool(predictions) and isinstance(predictions[0], list))
    by_target: dict[str, Scores] = {}
    for place, (name, wanted) in enumerate(truth.items()):
        given = (
            [_of_target(p, place, output, name) for p in predictions] if several else predictions
        )
        pairs = [(g, w) for g, w in zip(given, wanted, strict=True) if w is not None]
        if kind in _NAMED_CLASSES:
            by_target[name] = _of_classes(pairs, _labels(output, place))
        else:
            by_target[name] = _of_numbers(pairs, name)
    return by_target


def _of_target(prediction: Any, place: int, output: Mapping[str, Any], name: str) -> Any:
    """The prediction of one of several targets: by its name where the answer knows names."""
    if not isinstance(prediction, list):
        raise InvalidInput(f"--target: the endpoint predicts one thing, not also {name!r}")
    names = [target["name"] for target in output.get("targets") or []]
    index = names.index(name) if name in names else place
    if index >= len(prediction):
        msg = f"--target: the endpoint predicts {len(prediction)} things, not also {name!r}"
        raise InvalidInput(msg)
    return prediction[index]


def _labels(output: Mapping[str, Any], place: int) -> Sequence[Any]:
    targets = output.get("targets") or []
    return (
        targets[place].get("labels") or () if place < len(targets) else output.get("labels") or ()
    )


def _of_classes(pairs: Sequence[tuple[Any, Any]], labels: Sequence[Any]) -> Scores:
    known = {_word(label) for label in labels}
    right = 0
    for given, wanted in pairs:
        word = _word(wanted)
        if word not in known and isinstance(wanted, int) and 0 <= wanted < len(labels):
            # The file numbers the classes that the endpoint names.
            word = _word(labels[int(wanted)])
        right += word == _word(given)
    return {"accuracy": right / len(pairs), "rows": len(pairs)} if pairs else {"rows": 0}


def _word(label: Any) -> str:
    """A label in one spelling: 1, 1.0 and "1" are one class, in JSON, CSV and Parquet."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)


def _of_numbers(pairs: Sequence[tuple[Any, Any]], name: str) -> Scores:
    if not pairs:
        return {"rows": 0}
    # scikit-learn takes a second to import, and only this needs it.
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    try:
        given, wanted = ([float(value) for value in values] for values in zip(*pairs, strict=True))
    except (TypeError, ValueError):
        msg = f"--target {name}: the endpoint predicts numbers, and the column holds others"
        raise InvalidInput(msg, column=name) from None
    metrics = {
        "mae": float(mean_absolute_error(wanted, given)),
        "rmse": float(root_mean_squared_error(wanted, given)),
    }
    if len(pairs) > 1:
        metrics["r2"] = float(r2_score(wanted, given))
    return {**metrics, "rows": len(pairs)}
