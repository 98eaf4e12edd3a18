"""XGBoost: its scikit-learn wrappers and plain boosters, in its own binary format."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output, Signature, Target
from serve_app.errors import ArtifactRejected, ConfigError, ModelFailed, RowsRefused
from serve_app.models import raw_scores, several
from serve_app.models.devices import Device
from serve_app.models.feature_names import known_names
from serve_app.models.flavour import Stored
from serve_app.models.frames import Framer, matrix

MODEL = "model.ubj"
SETTINGS = "settings.json"
WRAPPERS = {
    wrapper.__name__: wrapper
    for wrapper in (
        xgboost.XGBClassifier,
        xgboost.XGBRegressor,
        xgboost.XGBRFClassifier,
        xgboost.XGBRFRegressor,
    )
}


class XGBoostFlavour:
    """Implements the `Flavour` port."""

    def owns(self, estimator: Any) -> bool:
        """Whether it is one of XGBoost's wrappers or a booster."""
        return isinstance(estimator, xgboost.Booster) or type(estimator).__name__ in WRAPPERS

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:  # noqa: ARG002
        """Store in XGBoost's own format, which holds no code."""
        settings: dict[str, Any] = {"kind": type(estimator).__name__}
        booster = estimator if isinstance(estimator, xgboost.Booster) else estimator.get_booster()
        if not isinstance(estimator, xgboost.Booster):
            # The format does not hold it, and it decides which values are gaps.
            missing = float(estimator.missing)
            settings["missing"] = None if np.isnan(missing) else missing
            settings["categorical"] = bool(estimator.enable_categorical)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL
            estimator.save_model(path)
            content = path.read_bytes()
        return Stored(
            format="ubj",
            files={MODEL: content, SETTINGS: json.dumps(settings).encode()},
            libraries={"xgboost": xgboost.__version__, "numpy": np.__version__},
            parameters={
                "estimator": settings["kind"],
                "objective": _objective(booster),
                "trees": booster.num_boosted_rounds(),
            },
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """The model's own answers to a frame, or to a matrix if it knows no names."""
        given: Any = rows if known_names(estimator) is not None else rows.to_numpy()
        output = signature.output
        if isinstance(estimator, xgboost.Booster):
            said = estimator.predict(xgboost.DMatrix(given, enable_categorical=True))
            return _of_booster(said, output, label_array(output.labels))
        values = np.asarray(estimator.predict(given))
        if output.targets:
            return Prediction(values, estimator.predict_proba(given))
        if output.kind != "classification":
            return Prediction(values)
        labels = label_array(output.labels)
        return Prediction(labels.take(values.astype(int)), estimator.predict_proba(given))

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002, ARG002 - the manifest's word
        trusted_types: Sequence[str],  # noqa: ARG002
        signature: Signature,
        allow_pickle: bool,  # noqa: ARG002
        device: Device = "cpu",
    ) -> WrapperModel | BoosterModel:
        """Load what `dump` stored; on a GPU, XGBoost's own CUDA predictor computes.

        Raises:
            ArtifactRejected: it cannot be read.
            ConfigError: this XGBoost was built without CUDA.
        """
        if device == "cuda" and not xgboost.build_info().get("USE_CUDA"):
            raise ConfigError("this XGBoost was built without CUDA; write `device: cpu`")
        try:
            settings = json.loads(files[SETTINGS])
            if settings["kind"] == "Booster":
                booster = xgboost.Booster(model_file=bytearray(files[MODEL]))
                booster.set_param({"nthread": 1, "device": device})
                return BoosterModel(booster, signature)
            missing = np.nan if settings["missing"] is None else settings["missing"]
            wrapper = WRAPPERS[settings["kind"]](
                missing=missing, enable_categorical=settings["categorical"], n_jobs=1
            )
            wrapper.load_model(bytearray(files[MODEL]))
            wrapper.set_params(device=device)
        except (KeyError, ValueError, xgboost.core.XGBoostError) as error:
            msg = f"{MODEL} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=MODEL) from error
        return WrapperModel(wrapper, signature)


class _Rows:
    """What XGBoost is given: a matrix where all is numbers, a frame where names matter."""

    def __init__(self, signature: Signature) -> None:
        self._framer = Framer(signature.inputs)
        self._numbers = all(
            column.dtype != "string" and column.frame_dtype != "category"
            for column in signature.inputs
        )

    def __call__(self, columns: Columns) -> Any:
        return matrix(columns) if self._numbers else self._framer.frame(columns)


class _Boosted:
    """What wrappers and boosters have in common behind the `Model` port."""

    _output: Output

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row; raises as a model does."""
        raise NotImplementedError

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """What `predict` says, and the margins of the trees.

        Raises:
            RowsRefused: XGBoost refused the rows.
            ModelFailed: XGBoost failed.
        """
        prediction = self.predict(columns)
        if columns.rows == 0:
            return replace(prediction, scores=raw_scores.of_no_rows(self._output))
        try:
            margins = self._margins(columns)
        except Exception as error:
            raise _failed(error) from error
        return replace(prediction, scores=margins)

    def _margins(self, columns: Columns) -> Array:
        raise NotImplementedError

    def transform(self, columns: Columns) -> Columns:  # noqa: ARG002
        """Raises ModelFailed: XGBoost predicts."""
        raise ModelFailed("an XGBoost model predicts and does not transform")


class WrapperModel(_Boosted):
    """One of XGBoost's scikit-learn wrappers behind the `Model` port."""

    def __init__(self, wrapper: Any, signature: Signature) -> None:
        self._wrapper = wrapper
        self._labels = label_array(signature.output.labels)
        self._output = signature.output
        self._classifies = signature.output.kind == "classification"
        self._rows = _Rows(signature)

    def predict(self, columns: Columns) -> Prediction:
        """The wrapper's `predict_proba`, or `predict` of a regressor.

        The labels are the argmax of the probabilities, as they are in the wrapper's own
        `predict` (which takes the second of two classes above 0.5: the same in float32).

        Raises:
            RowsRefused: XGBoost refused the rows.
            ModelFailed: XGBoost failed.
        """
        if columns.rows == 0:
            return _nothing(self._output, self._labels)
        try:
            if self._output.targets:
                return _yes_or_no(self._wrapper.predict_proba(self._rows(columns)))
            if not self._classifies:
                return Prediction(self._wrapper.predict(self._rows(columns)))
            probabilities = self._wrapper.predict_proba(self._rows(columns))
        except Exception as error:
            raise _failed(error) from error
        return Prediction(self._labels[np.argmax(probabilities, axis=1)], probabilities)

    def _margins(self, columns: Columns) -> Array:
        margins: Array = self._wrapper.predict(self._rows(columns), output_margin=True)
        return margins


class BoosterModel(_Boosted):
    """A plain booster behind the `Model` port."""

    def __init__(self, booster: xgboost.Booster, signature: Signature) -> None:
        self._booster = booster
        self._names = booster.feature_names
        self._labels = label_array(signature.output.labels)
        self._output = signature.output
        self._rows = _Rows(signature)
        best = booster.attr("best_iteration")
        self._trees = (0, int(best) + 1) if best is not None else (0, 0)

    def predict(self, columns: Columns) -> Prediction:
        """The booster's `predict`, as probabilities or labels where its objective gives those.

        Raises:
            RowsRefused: XGBoost refused the rows.
            ModelFailed: XGBoost failed.
        """
        if columns.rows == 0:
            return _nothing(self._output, self._labels)
        try:
            raw = self._said(columns, output_margin=False)
        except Exception as error:
            raise _failed(error) from error
        return _of_booster(raw, self._output, self._labels)

    def _margins(self, columns: Columns) -> Array:
        return self._said(columns, output_margin=True)

    def _said(self, columns: Columns, *, output_margin: bool) -> Array:
        rows = xgboost.DMatrix(
            self._rows(columns), feature_names=self._names, enable_categorical=True, nthread=1
        )
        said: Array = self._booster.predict(
            rows, output_margin=output_margin, iteration_range=self._trees
        )
        return said


def outputs(estimator: Any) -> tuple[str, tuple[Any, ...], bool, int]:
    """The kind of a model's output, its labels, whether it gives probabilities, its width."""
    booster = estimator if isinstance(estimator, xgboost.Booster) else estimator.get_booster()
    if _objective(booster) == "binary:logistic" and _width(booster) > 1:
        targets = tuple(Target(str(place), (0, 1)) for place in range(_width(booster)))
        return "multilabel", targets, True, len(targets)
    if not isinstance(estimator, xgboost.Booster):
        if hasattr(estimator, "predict_proba"):
            return "classification", tuple(range(int(estimator.n_classes_))), True, 1
        return "regression", (), False, _width(estimator.get_booster())
    objective = _objective(estimator)
    if objective in {"binary:logistic", "multi:softprob", "multi:softmax"}:
        labels = tuple(range(max(2, _classes(estimator))))
        return "classification", labels, objective != "multi:softmax", 1
    return "regression", (), False, _width(estimator)


def scores_width(estimator: Any) -> int:
    """How many margins a row has."""
    booster = estimator if isinstance(estimator, xgboost.Booster) else estimator.get_booster()
    return max(_classes(booster), _width(booster))


def _width(booster: xgboost.Booster) -> int:
    return max(1, int(_learned(booster).get("num_target", 1)))


def _classes(booster: xgboost.Booster) -> int:
    """How many classes it has a margin for; 0 where it has one for both, or no classes."""
    return int(_learned(booster)["num_class"])


def _learned(booster: xgboost.Booster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(booster.save_config())["learner"]["learner_model_param"]
    return found


def _objective(booster: xgboost.Booster) -> str:
    return str(json.loads(booster.save_config())["learner"]["objective"]["name"])


def _of_booster(said: Array, output: Output, labels: Array) -> Prediction:
    """What a booster predicts, as the signature says it."""
    if output.targets:
        return _yes_or_no(said)
    if output.kind != "classification":
        return Prediction(said)
    if not output.probabilities:
        return Prediction(labels.take(said.astype(np.intp)))
    shares = said if said.ndim == 2 else np.column_stack([np.float32(1) - said, said])
    return Prediction(labels.take(np.argmax(shares, axis=1)), shares)


def _yes_or_no(probabilities: Array) -> Prediction:
    """What XGBoost's own classifier says of several labels: yes above 0.5."""
    return Prediction((probabilities > np.float32(0.5)).astype(np.int64), probabilities)


def _nothing(output: Output, labels: Array) -> Prediction:
    if output.targets:
        return several.nothing(output)
    empty = np.empty((0, len(labels)), np.float32) if output.probabilities else None
    return Prediction(labels[:0] if len(labels) else np.empty(0, np.float32), empty)


def _failed(error: Exception) -> ModelFailed | RowsRefused:
    if isinstance(error, xgboost.core.XGBoostError) and "contains `inf`" in str(error):
        msg = "the model does not take these rows: they hold infinities, or numbers beyond float32"
        return RowsRefused(msg)
    return ModelFailed(f"XGBoost failed ({type(error).__name__})")
