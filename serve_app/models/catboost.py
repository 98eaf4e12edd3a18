"""CatBoost: its classifier, regressor, ranker and plain models, in its own binary format."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature, Target
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, ModelFailed, RowsRefused
from serve_app.models import raw_scores
from serve_app.models.attributed import Attributed, of_library
from serve_app.models.devices import Device
from serve_app.models.feature_names import known_names
from serve_app.models.flavour import Flavour, Stored
from serve_app.models.frames import Framer, fit_a_matrix, matrix

MODEL = "model.cbm"
SETTINGS = "settings.json"
# By exact class: a subclass may predict in a way of its own.
KINDS = {
    kind.__name__: kind
    for kind in (
        catboost.CatBoost,
        catboost.CatBoostClassifier,
        catboost.CatBoostRanker,
        catboost.CatBoostRegressor,
    )
}
_ONE_LABEL = frozenset({"CrossEntropy", "Focal", "Logloss", "MultiClass", "MultiClassOneVsAll"})
_SEVERAL_LABELS = frozenset({"MultiCrossEntropy", "MultiLogloss"})
_RANKS = ("GroupQuantile", "LambdaMart", "PairLogit", "Query", "Stochastic", "YetiRank")
_PLACE = re.compile(r"feature_idx=(\d+)")


class CatBoostFlavour(Flavour):
    """Implements the `Flavour` port."""

    def owns(self, estimator: Any) -> bool:
        """Whether it is one of CatBoost's models."""
        return type(estimator) in KINDS.values()

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:  # noqa: ARG002
        """Store in CatBoost's own format, which holds no code.

        Raises:
            InvalidInput: it is not fitted.
        """
        if not estimator.is_fitted():
            raise InvalidInput(f"this {type(estimator).__name__} is not fitted")
        settings = {"kind": type(estimator).__name__}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL
            estimator.save_model(str(path))
            content = path.read_bytes()
        return Stored(
            format="cbm",
            files={MODEL: content, SETTINGS: json.dumps(settings).encode()},
            libraries={"catboost": catboost.__version__, "numpy": np.__version__},
            parameters={
                "estimator": settings["kind"],
                "objective": loss(estimator),
                "trees": int(estimator.tree_count_),
            },
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """The model's own answers to a frame, or to a matrix if it knows no names."""
        named = known_names(estimator) is not None
        # Words and whole numbers keep their types in a frame alone.
        words = bool(estimator.get_cat_feature_indices() or estimator.get_text_feature_indices())
        given: Any = rows if named or words else rows.to_numpy()
        output = signature.output
        if output.kind == "regression":
            return Prediction(_flat(estimator.predict(given)))
        values = _flat(estimator.predict(given, prediction_type="Class"))
        shares = estimator.predict(given, prediction_type="Probability")
        if output.kind == "classification" and _renamed(estimator, signature):
            places = {value: place for place, value in enumerate(_labels(estimator))}
            values = label_array(output.labels).take([places[v] for v in values.tolist()])
        return Prediction(values, shares)

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002, ARG002 - the manifest's word
        trusted_types: Sequence[str],  # noqa: ARG002
        signature: Signature,
        allow_pickle: bool,  # noqa: ARG002
        device: Device = "cpu",
    ) -> CatBoostModel:
        """Load what `dump` stored.

        Raises:
            ArtifactRejected: it cannot be read.
            ConfigError: it is to compute on a GPU.
        """
        if device != "cpu":
            raise ConfigError("CatBoost predicts on the CPU here; write `device: cpu`")
        try:
            kind = KINDS[json.loads(files[SETTINGS])["kind"]]
            model = _loaded(kind, files[MODEL])
        except (KeyError, ValueError, catboost.CatBoostError) as error:
            msg = f"{MODEL} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=MODEL) from error
        return CatBoostModel(model, signature)


class CatBoostModel:
    """One of CatBoost's models behind the `Model` port."""

    row_by_row = True

    def __init__(self, model: Any, signature: Signature) -> None:
        self._model = model
        self._output = signature.output
        self._names = signature.names
        self._kinds = {
            "cat_features": model.get_cat_feature_indices(),
            "text_features": model.get_text_feature_indices(),
        }
        self._framer = Framer(signature.inputs)
        numbers = not any(self._kinds.values()) and fit_a_matrix(signature.inputs)
        self._rows = matrix if numbers else self._framer.frame
        self._own = None
        if signature.output.kind == "classification" and _renamed(model, signature):
            self._own = {value: place for place, value in enumerate(_labels(model))}
        self._labels = label_array(signature.output.labels)

    def predict(self, columns: Columns) -> Prediction:
        """The library's classes and probabilities, or its values.

        Raises:
            RowsRefused: CatBoost refused the rows.
            ModelFailed: CatBoost failed.
        """
        if columns.rows == 0:
            return self._nothing()
        return self._predicted(self._pool(columns))

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """What `predict` says, and the sums of the trees before any link function.

        Raises:
            RowsRefused: CatBoost refused the rows.
            ModelFailed: CatBoost failed.
        """
        if columns.rows == 0:
            return replace(self._nothing(), scores=raw_scores.of_no_rows(self._output))
        pool = self._pool(columns)
        scores = _flat(self._computed(self._raw, pool))
        return replace(self._predicted(pool), scores=scores)

    def contributions(self, columns: Columns) -> Attributed:
        """The raw scores taken apart by CatBoost's TreeSHAP; raises as `predict` does."""
        ask = self._model.get_feature_importance
        return of_library(self._computed(ask, self._pool(columns), type="ShapValues"), len(columns))

    def transform(self, columns: Columns) -> Columns:  # noqa: ARG002
        """Raises ModelFailed: CatBoost predicts."""
        raise ModelFailed("a CatBoost model predicts and does not transform")

    def _predicted(self, pool: catboost.Pool) -> Prediction:
        if self._output.kind == "regression":
            return Prediction(_flat(self._ask(pool)))
        # Which class it is depends on a threshold that the model may hold.
        values = _flat(self._ask(pool, prediction_type="Class"))
        if self._own is not None:
            values = self._labels.take([self._own[value] for value in values.tolist()])
        return Prediction(values, self._ask(pool, prediction_type="Probability"))

    def _raw(self, pool: catboost.Pool, **options: Any) -> Any:
        # The base class's: a ranker's own has no such option.
        return catboost.CatBoost.predict(self._model, pool, "RawFormulaVal", **options)

    def _ask(self, pool: catboost.Pool, **options: str) -> Array:
        return self._computed(self._model.predict, pool, **options)

    @staticmethod
    def _computed(compute: Callable[..., Any], pool: catboost.Pool, **options: str) -> Array:
        try:
            return np.asarray(compute(pool, thread_count=1, **options))
        except Exception as error:
            raise ModelFailed(f"CatBoost failed ({type(error).__name__})") from error

    def _pool(self, columns: Columns) -> catboost.Pool:
        try:
            rows = self._rows(columns)
            return catboost.Pool(rows, **self._kinds, thread_count=1)
        except (catboost.CatBoostError, TypeError, ValueError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> RowsRefused:
        reason = str(error).partition("\n")[0]
        match = _PLACE.search(reason)
        place = len(self._names) if match is None else int(match[1])
        where = f" (column {self._names[place]!r})" if place < len(self._names) else ""
        return RowsRefused(f"the model does not take these rows: {reason}{where}")

    def _nothing(self) -> Prediction:
        output = self._output
        if output.kind == "regression":
            return Prediction(np.empty(0 if output.width == 1 else (0, output.width)))
        if output.kind == "classification":
            return Prediction(self._labels[:0], np.empty((0, len(output.labels))))
        none = np.empty((0, len(output.targets)))
        return Prediction(none.astype(np.int64), none)


def loss(estimator: Any) -> str:
    """The name of what was optimised, without its parameters."""
    parameters = dict(estimator.get_metadata()).get("params")
    if parameters is None:
        return "unknown"
    return str(json.loads(parameters).get("loss_function", {}).get("type", "unknown"))


def outputs(estimator: Any) -> tuple[str, tuple[Any, ...], bool, int]:
    """The kind of a model's output, its labels, whether it gives probabilities, its width.

    The labels of a model that says yes or no to several things are its targets.
    """
    name, width = loss(estimator), scores_width(estimator)
    if name in _SEVERAL_LABELS:
        targets = tuple(Target(str(place), (0, 1)) for place in range(width))
        return "multilabel", targets, True, width
    if name in _ONE_LABEL or type(estimator) is catboost.CatBoostClassifier:
        return "classification", _labels(estimator), True, 1
    return "regression", (), False, width


def scores_width(estimator: Any) -> int:
    """How many raw scores a row has."""
    return len(np.atleast_1d(estimator.get_scale_and_bias()[1]))


def of_file(path: Path, form: str = "cbm", named: str | None = None) -> Any:
    """The model in a file of CatBoost's, of the class that is named or that its loss is for.

    Raises:
        InvalidInput: the class is none of CatBoost's.
    """
    if named is not None and named not in KINDS:
        msg = f"it is of the class {named}, which cannot be served; those that can are "
        raise InvalidInput(msg + ", ".join(KINDS))
    if named is None:
        named = _kind_for(loss(catboost.CatBoost().load_model(str(path), format=form)))
    return KINDS[named]().load_model(str(path), format=form)


def _kind_for(name: str) -> str:
    if name in _ONE_LABEL or name in _SEVERAL_LABELS:
        return "CatBoostClassifier"
    return "CatBoostRanker" if name.startswith(_RANKS) else "CatBoostRegressor"


def _loaded(kind: Any, content: bytes) -> Any:
    """The model in the bytes of a file.

    Through a file, since what CatBoost reads of bytes alone forgets how it was trained, and with
    that in which units its `predict` answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        path.write_bytes(content)
        return kind().load_model(str(path))


def _labels(estimator: Any) -> tuple[Any, ...]:
    return tuple(np.asarray(estimator.classes_).tolist())


def _renamed(estimator: Any, signature: Signature) -> bool:
    return _labels(estimator) != signature.output.labels


def _flat(values: Any) -> Array:
    """Shape (n,) of what CatBoost gives in a column of its own."""
    array = np.asarray(values)
    return array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
