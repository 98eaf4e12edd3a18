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
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, ModelFailed
from serve_app.models import raw_scores
from serve_app.models.attributed import Attributed
from serve_app.models.devices import Device
from serve_app.models.flavour import Flavour, Stored
from serve_app.models.inspect.xgboost import check
from serve_app.models.xgboost_contributions import contributions
from serve_app.models.xgboost_output import failed, nothing, of_booster, yes_or_no
from serve_app.models.xgboost_rows import BoosterRows, PredictionSettings, gap, prediction_settings
from serve_app.models.xgboost_trained import (
    WRAPPERS,
    both_of_margins,
    is_xgboost,
    iterations,
    likely,
    objective,
    trained,
    user_prediction,
)

MODEL = "model.ubj"
SETTINGS = "settings.json"


class XGBoostFlavour(Flavour):
    """Implements the `Flavour` port."""

    def owns(self, estimator: Any) -> bool:
        """Whether it is one of XGBoost's wrappers, a booster, or one of those `Trained`."""
        return is_xgboost(estimator)

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:  # noqa: ARG002
        """Store in XGBoost's own format, which holds no code, and beside it what that loses.

        Raises:
            InvalidInput: the model has not the iterations that were asked for.
        """
        model = trained(estimator)
        chosen = iterations(model)
        settings: dict[str, Any] = {
            "kind": type(model.model).__name__,
            "missing": None if np.isnan(model.gap) else model.gap,
            "iterations": chosen.end,
            "offset": model.offset,
        }
        if model.wrapped:
            settings["categorical"] = bool(model.model.enable_categorical)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL
            model.model.save_model(path)
            content = path.read_bytes()
        parameters = {
            "estimator": settings["kind"],
            "objective": objective(model.booster),
            "trees": chosen.of,
            "iterations": chosen.words,
            "missing": f"{model.gap:.15g} and NaN" if settings["missing"] is not None else "NaN",
        }
        if model.offset is not None:
            parameters["offset"] = model.offset
        return Stored(
            format="ubj",
            files={MODEL: content, SETTINGS: json.dumps(settings).encode()},
            libraries={"xgboost": xgboost.__version__, "numpy": np.__version__},
            parameters=parameters,
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """What XGBoost itself says of a frame."""
        values, shares = user_prediction(estimator, rows)
        output = signature.output
        if output.targets:
            return yes_or_no(values if shares is None else shares)
        if output.kind != "classification":
            return Prediction(values)
        named = label_array(output.labels).take(values.astype(np.intp))
        return Prediction(named, shares if output.probabilities else None)

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
            check(files[MODEL])
            if settings["kind"] == "Booster":
                booster = xgboost.Booster(model_file=bytearray(files[MODEL]))
                booster.set_param({"nthread": 1, "device": device})
                return BoosterModel(booster, signature, prediction_settings(settings, booster))
            wrapper = WRAPPERS[settings["kind"]](
                missing=gap(settings), enable_categorical=settings["categorical"], n_jobs=1
            )
            wrapper.load_model(bytearray(files[MODEL]))
            wrapper.set_params(device=device)
            return WrapperModel(
                wrapper, signature, prediction_settings(settings, wrapper.get_booster())
            )
        except InvalidInput as error:
            raise ArtifactRejected(f"{MODEL}: {error.message}", file=MODEL) from error
        except (KeyError, ValueError, xgboost.core.XGBoostError) as error:
            msg = f"{MODEL} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=MODEL) from error


class _Boosted:
    """What wrappers and boosters have in common behind the `Model` port."""

    _output: Output
    _attributed: tuple[xgboost.Booster, BoosterRows, PredictionSettings]
    row_by_row: bool

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
            raise failed(error) from error
        return replace(prediction, scores=margins)

    def contributions(self, columns: Columns) -> Attributed:
        """The margins taken apart by XGBoost's TreeSHAP; raises as `predict_with_scores` does."""
        booster, rows, how = self._attributed
        try:
            return contributions(booster, rows, how, columns)
        except InvalidInput:
            raise
        except Exception as error:
            raise failed(error) from error

    def _margins(self, columns: Columns) -> Array:
        raise NotImplementedError

    def transform(self, columns: Columns) -> Columns:  # noqa: ARG002
        """Raises ModelFailed: XGBoost predicts."""
        raise ModelFailed("an XGBoost model predicts and does not transform")


class WrapperModel(_Boosted):
    """One of XGBoost's scikit-learn wrappers behind the `Model` port."""

    def __init__(self, wrapper: Any, signature: Signature, how: PredictionSettings) -> None:
        self._wrapper = wrapper
        self._labels = label_array(signature.output.labels)
        self._output = signature.output
        self._classifies = signature.output.kind == "classification"
        self._softmax = self._classifies and wrapper.objective == "multi:softmax"
        self._rows = BoosterRows(signature, how.offset, wrapper.get_booster())
        self._attributed = (wrapper.get_booster(), self._rows, how)
        self.row_by_row = _in_threads(wrapper.get_booster())
        self._how: dict[str, Any] = {
            "iteration_range": (0, how.end),
            "validate_features": self._rows.named,
        }

    def predict(self, columns: Columns) -> Prediction:
        """The wrapper's `predict_proba`, or `predict` where it gives no probabilities.

        The labels are the argmax of the probabilities, as they are in the wrapper's own
        `predict` (which takes the second of two classes above 0.5: the same in float32).

        Raises:
            RowsRefused: XGBoost refused the rows.
            ModelFailed: XGBoost failed.
        """
        if columns.rows == 0:
            return nothing(self._output, self._labels)
        try:
            if self._output.targets:
                return yes_or_no(self._likely(columns))
            if not self._classifies:
                return Prediction(self._computed(columns))
            if not self._output.probabilities:
                return Prediction(self._labels[self._computed(columns).astype(np.int64)])
            if self._softmax:
                numbers, probabilities = both_of_margins(self._margins(columns))
                return Prediction(self._labels[numbers], probabilities)
            probabilities = self._likely(columns)
        except Exception as error:
            raise failed(error) from error
        return Prediction(self._labels[np.argmax(probabilities, axis=1)], probabilities)

    def _computed(self, columns: Columns, **more: bool) -> Array:
        rows, margin = self._rows(columns), self._rows.margin(columns)
        output: Array = self._wrapper.predict(rows, base_margin=margin, **self._how, **more)
        return output

    def _likely(self, columns: Columns) -> Array:
        rows, margin = self._rows(columns), self._rows.margin(columns)
        shares: Array = self._wrapper.predict_proba(rows, base_margin=margin, **self._how)
        return shares

    def _margins(self, columns: Columns) -> Array:
        return self._computed(columns, output_margin=True)


class BoosterModel(_Boosted):
    """A plain booster behind the `Model` port."""

    def __init__(
        self, booster: xgboost.Booster, signature: Signature, how: PredictionSettings
    ) -> None:
        self._booster = booster
        self._labels = label_array(signature.output.labels)
        self._output = signature.output
        self._rows = BoosterRows(signature, how.offset, booster)
        self._attributed = (booster, self._rows, how)
        self.row_by_row = _in_threads(booster)
        self._missing = how.missing
        every = how.end == booster.num_boosted_rounds()
        self._iterations = (0, 0) if every else (0, how.end)

    def predict(self, columns: Columns) -> Prediction:
        """The booster's `predict`, as probabilities or labels where its objective gives those.

        Raises:
            RowsRefused: XGBoost refused the rows.
            ModelFailed: XGBoost failed.
        """
        if columns.rows == 0:
            return nothing(self._output, self._labels)
        try:
            raw = self._computed(columns, output_margin=False)
        except Exception as error:
            raise failed(error) from error
        return of_booster(raw, self._output, self._labels)

    def _margins(self, columns: Columns) -> Array:
        return self._computed(columns, output_margin=True)

    def _computed(self, columns: Columns, *, output_margin: bool) -> Array:
        rows = xgboost.DMatrix(
            self._rows(columns),
            base_margin=self._rows.margin(columns),
            missing=self._missing,
            feature_names=self._rows.names,
            enable_categorical=True,
            nthread=1,
        )
        output: Array = self._booster.predict(
            rows, output_margin=output_margin, iteration_range=self._iterations
        )
        return output


def outputs(estimator: Any) -> tuple[str, tuple[Any, ...], bool, int]:
    """The kind of a model's output, its labels, whether it gives probabilities, its width."""
    model = trained(estimator)
    booster, aim = model.booster, objective(model.booster)
    if aim == "binary:logistic" and _width(booster) > 1:
        targets = tuple(Target(str(place), (0, 1)) for place in range(_width(booster)))
        return "multilabel", targets, True, len(targets)
    if model.wrapped:
        if hasattr(model.model, "predict_proba"):
            labels = tuple(range(int(model.model.n_classes_)))
            return "classification", labels, likely(aim), 1
        return "regression", (), False, _width(booster)
    if likely(aim):
        labels = tuple(range(max(2, _classes(booster))))
        return "classification", labels, aim not in {"multi:softmax", "binary:hinge"}, 1
    return "regression", (), False, _width(booster)


def scores_width(estimator: Any) -> int:
    """How many margins a row has."""
    booster = trained(estimator).booster
    return max(_classes(booster), _width(booster))


def _in_threads(booster: xgboost.Booster) -> bool:
    """Whether several threads may ask it at once: XGBoost says so of trees, and on the CPU."""
    config = json.loads(booster.save_config())["learner"]
    device = str(config["generic_param"]["device"])
    return device == "cpu" and config["gradient_booster"]["name"] in {"gbtree", "dart"}


def _width(booster: xgboost.Booster) -> int:
    learned = _learned(booster)
    return max(1, int(learned.get("num_target", 1)), _classes(booster))


def _classes(booster: xgboost.Booster) -> int:
    """How many classes it has a margin for; 0 where it has one for both, or no classes."""
    return int(_learned(booster)["num_class"])


def _learned(booster: xgboost.Booster) -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(booster.save_config())["learner"]["learner_model_param"]
    return parameters
