"""scikit-learn: estimators, transformers and Pipelines, stored with skops."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import skops
import skops.io
from sklearn.base import is_classifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Signature
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, ModelFailed, RowsRefused
from serve_app.models import modules, raw_scores, several, threads
from serve_app.models.containers import container_of, handed, handing
from serve_app.models.devices import Device
from serve_app.models.flavour import Flavour, Stored
from serve_app.models.frames import Framer, to_columns
from serve_app.models.inspect.skops import check
from serve_app.models.sklearn_parameters import _scalar, last_step, libraries, parameters_of
from serve_app.models.trusted import PICKLE, require_trusted

# Their `predict` is, in scikit-learn's source, the argmax of their `predict_proba`.
_ARGMAX = (DecisionTreeClassifier, ExtraTreesClassifier, RandomForestClassifier)


class SklearnFlavour(Flavour):
    """Implements the `Flavour` port."""

    def owns(self, estimator: Any) -> bool:
        """Whether it is a fitted estimator with scikit-learn's methods."""
        methods = ("predict", "transform")
        return any(hasattr(estimator, name) for name in methods) and hasattr(
            estimator, "get_params"
        )

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:
        """Store with skops, or as a pickle where that is allowed and skops cannot.

        Raises:
            InvalidInput: there are types in it that nobody trusts; names them.
        """
        versions = libraries()
        parameters = {"estimator": type(estimator).__name__, **parameters_of(estimator)}
        try:
            content = skops.io.dumps(estimator)
            types = require_trusted("the model", content, trust)
        except Exception as error:
            if allow_pickle:
                return self._pickled(estimator, versions, parameters)
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(_unstorable(estimator, error)) from error
        return Stored(
            format="skops",
            files={"model.skops": content},
            libraries=versions,
            trusted_types=types,
            modules=modules.of_types(types),
            parameters=parameters,
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """The estimator's own `predict` and `predict_proba`, or `transform`, of a frame."""
        given = handed(rows, signature.container or container_of(estimator))
        output = signature.output
        if output.kind == "transform":
            return Prediction(several.dense(estimator.transform(given)))
        if output.targets:
            return several.computes(estimator, output)(given)
        values = np.asarray(several.values_of(estimator)(given))
        if output.kind == "classification":
            values = named_classes(values, estimator, output.labels)
        elif output.width == 1:
            values = values.reshape(-1)
        shares = several.shares_of(estimator)(given) if output.probabilities else None
        return Prediction(values, shares)

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002 - the manifest's word
        trusted_types: Sequence[str],
        signature: Signature,
        allow_pickle: bool,
        device: Device = "cpu",
    ) -> SklearnModel:
        """Load what `dump` stored.

        Raises:
            ArtifactRejected: it is a pickle and nobody allowed that, or it cannot be read.
            ConfigError: it is to compute on a GPU.
        """
        if device != "cpu":
            raise ConfigError("scikit-learn computes on the CPU; write `device: cpu`")
        if format == "pickle" and not allow_pickle:
            raise ArtifactRejected(
                "this version is a pickle, which can run any code when it is loaded; "
                "set `allow_pickle: true` (or --allow-pickle) if you trust who made it"
            )
        file = "model.pkl" if format == "pickle" else "model.skops"
        try:
            if format == "pickle":
                estimator = cloudpickle.load(io.BytesIO(files[file]))
            else:
                check(files[file])
                estimator = skops.io.loads(files[file], trusted=list(trusted_types))
        except InvalidInput as error:
            raise ArtifactRejected(f"{file}: {error.message}", file=file) from error
        except ModuleNotFoundError as error:
            raise ArtifactRejected(modules.missing([str(error.name)]), file=file) from error
        except Exception as error:
            msg = f"{file} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=file) from error
        threads.use_one(estimator)
        return SklearnModel(estimator, signature)

    def _pickled(
        self, estimator: Any, libraries: dict[str, str], parameters: dict[str, Any]
    ) -> Stored:
        content = cloudpickle.dumps(estimator)
        return Stored(
            format="pickle",
            files={"model.pkl": content},
            libraries=libraries,
            modules=modules.of_pickle(content),
            pickle=True,
            parameters=parameters,
        )


class SklearnModel:
    """A fitted estimator behind the `Model` port, with the library's own outputs."""

    def __init__(self, estimator: Any, signature: Signature) -> None:
        self._estimator = estimator
        self._output = signature.output
        self._framer = Framer(signature.inputs)
        self._rows = handing(signature.container or container_of(estimator), self._framer)
        self._argmax = type(last_step(estimator)) in _ARGMAX
        self._scores = scores_of(estimator)
        if signature.output.targets:
            self._compute = several.computes(estimator, signature.output)
            self._scores = self._scores if signature.output.raw_scores else None
            return
        self._compute = self._predicted
        self._values_of = several.values_of(estimator)
        self._shares = several.shares_of(estimator) if signature.output.probabilities else None
        own: Array = several.classes_of(estimator)
        self._renames = tuple(own.tolist()) != signature.output.labels
        self._classes = label_array(signature.output.labels) if self._renames else own

    @property
    def estimator(self) -> Any:
        """The fitted estimator itself."""
        return self._estimator

    def given(self, columns: Columns) -> Any:
        """What the estimator is given of columns."""
        return self._rows(columns)

    def predict(self, columns: Columns) -> Prediction:
        """The library's `predict` and, where it has it, `predict_proba`.

        Raises:
            RowsRefused: the library refused the rows.
            ModelFailed: the estimator failed.
        """
        if columns.rows == 0:
            return self._nothing()
        try:
            return self._compute(self._rows(columns))
        except Exception as error:
            raise _failed(self._estimator, error) from error

    def _predicted(self, rows: Any) -> Prediction:
        if self._shares is None:
            return Prediction(self._named_values(self._values_of(rows)))
        probabilities = self._shares(rows)
        if self._argmax:
            return Prediction(self._classes.take(np.argmax(probabilities, axis=1)), probabilities)
        return Prediction(self._named_values(self._values_of(rows)), probabilities)

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """What `predict` says, and the library's `decision_function`.

        Raises:
            InvalidInput: the estimator has none.
            RowsRefused: the library refused the rows.
            ModelFailed: the estimator failed.
        """
        if self._scores is None:
            raise raw_scores.none_of(type(last_step(self._estimator)).__name__)
        prediction = self.predict(columns)
        if columns.rows == 0:
            return replace(prediction, scores=raw_scores.of_no_rows(self._output))
        try:
            scores = np.asarray(self._scores(self._rows(columns)))
        except Exception as error:
            raise _failed(self._estimator, error) from error
        return replace(prediction, scores=scores)

    def transform(self, columns: Columns) -> Columns:
        """The library's `transform`, by the names that it gives its columns.

        Raises:
            RowsRefused: the library refused the rows.
            ModelFailed: the estimator failed.
        """
        names = [column.name for column in self._output.columns]
        if columns.rows == 0:
            return Columns.of({c.name: _empty(c.dtype) for c in self._output.columns})
        try:
            result = self._estimator.transform(self._rows(columns))
        except Exception as error:
            raise _failed(self._estimator, error) from error
        if hasattr(result, "columns"):
            return to_columns(result)
        result = several.dense(result)
        if result.dtype == object:
            return Columns.of({name: result[:, j] for j, name in enumerate(names)})
        return Columns.from_block(names, result)

    def _named_values(self, predicted: Any) -> Array:
        """What the library predicts, classes by the names that the signature gives them."""
        values: Array = np.asarray(predicted)
        if values.ndim == 2 and self._output.width == 1:
            # Some say one thing of each row in a column of its own.
            values = values.reshape(-1)
        if self._output.kind != "classification" or not self._renames:
            return values
        return self._classes.take(values.astype(np.intp))

    def _nothing(self) -> Prediction:
        output = self._output
        if output.targets:
            return several.nothing(output)
        values = np.empty(0 if output.width == 1 else (0, output.width))
        if output.kind == "classification":
            values = np.empty(0, dtype=object)
        shape = (0, len(output.labels))
        return Prediction(values, np.empty(shape) if output.probabilities else None)


def scores_of(estimator: Any) -> Callable[[Any], Any] | None:
    """What computes the raw scores of rows: a decision function, or margins of XGBoost's.

    They are a number per row or one per class; of a number per pair of classes nobody could say
    which class it speaks for.
    """
    last = last_step(estimator)
    if hasattr(estimator, "decision_function"):
        decision_function: Callable[[Any], Any] = estimator.decision_function
        classes = getattr(estimator, "classes_", ())
        return None if len(classes) > 2 and _scores_pairs(estimator) else decision_function
    if last is not estimator and type(last).__module__.startswith("xgboost."):
        # A Pipeline hands what it does not know on to the `predict` of its last step.
        return partial(estimator.predict, output_margin=True)
    return None


def _scores_pairs(estimator: Any) -> bool:
    """Whether a decision function in an estimator has a number per pair of classes."""
    if getattr(estimator, "decision_function_shape", None) == "ovo":
        return True
    if isinstance(estimator, Pipeline):
        return _scores_pairs(estimator.steps[-1][1])
    fitted = ("best_estimator_", "estimator_", "final_estimator_")
    inner = [getattr(estimator, name) for name in fitted if hasattr(estimator, name)]
    inner += [one for one in getattr(estimator, "estimators_", ()) if hasattr(one, "get_params")]
    return any(_scores_pairs(one) for one in inner)


def scores_width(estimator: Any, rows: Any) -> int:
    """How many raw scores a row has; 0 where there are none."""
    compute = scores_of(estimator)
    if compute is None:
        return 0
    scores = np.asarray(compute(rows))
    return 1 if scores.ndim == 1 else int(scores.shape[1])


def outputs(estimator: Any, rows: Any) -> tuple[str, tuple[Any, ...], bool, int]:
    """The kind of an estimator's output, its labels, whether it gives probabilities, its width."""
    if not hasattr(estimator, "predict"):
        return "transform", (), False, 1
    if is_classifier(estimator):
        of_targets = several.outputs(estimator, rows)
        if of_targets is not None:
            return of_targets
        labels = tuple(_scalar(label) for label in several.classes_of(estimator))
        return "classification", labels, hasattr(estimator, "predict_proba"), 1
    if hasattr(estimator, "predict_proba"):
        # A mixture calls its components 0, 1, 2, … and says how likely each is.
        count = np.asarray(estimator.predict_proba(rows)).shape[1]
        return "classification", tuple(range(count)), True, 1
    values = np.asarray(estimator.predict(rows))
    return "regression", (), False, 1 if values.ndim == 1 else values.shape[1]


def named_classes(values: Array, estimator: Any, labels: tuple[Any, ...]) -> Array:
    """Classes as an estimator says them, by the names that the signature gives them."""
    values = values.reshape(-1)
    own = several.classes_of(estimator).tolist()
    if tuple(own) == labels:
        return values
    numbers = {value: number for number, value in enumerate(own)}
    return label_array(labels).take([numbers[value] for value in values.tolist()])


def _empty(dtype: str) -> Array:
    return np.empty(0, dtype=Column("", dtype).array_dtype)


def _failed(estimator: Any, error: Exception) -> ModelFailed | RowsRefused:
    """What went wrong: scikit-learn checks rows and says ValueError, anybody else's is a fault."""
    if isinstance(error, RowsRefused):
        return error
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    module = "" if innermost is None else innermost.tb_frame.f_globals.get("__name__", "")
    if isinstance(error, ValueError) and module.startswith("sklearn."):
        reason = str(error).partition("\n")[0]
        return RowsRefused(f"the model does not take these rows: {reason}")
    return ModelFailed(f"{type(estimator).__name__} failed ({type(error).__name__})")


def _unstorable(estimator: Any, error: Exception) -> str:
    """What to do with an estimator that skops has no way to store."""
    reason = str(error).partition("\n")[0].rstrip(".")
    best = ""
    if hasattr(estimator, "best_estimator_"):
        best = "register its best_estimator_, which is what answers; or else "
    return f"skops cannot store this {type(estimator).__name__} ({reason}): {best}{PICKLE}"
