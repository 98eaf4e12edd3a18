"""LightGBM: its scikit-learn wrappers and plain boosters, in its own text format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from serve_app.core.columns import Array, Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature
from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, ModelFailed, RowsRefused
from serve_app.models import raw_scores
from serve_app.models.attributed import Attributed, of_library
from serve_app.models.devices import Device
from serve_app.models.feature_names import known_names
from serve_app.models.flavour import Flavour, Stored
from serve_app.models.frames import Framer, fit_a_matrix, matrix
from serve_app.models.inspect.lightgbm import check

MODEL = "model.txt"
SETTINGS = "settings.json"
# By exact class: a subclass may predict in a way of its own.
CLASSIFIER = lightgbm.LGBMClassifier
WRAPPERS = (CLASSIFIER, lightgbm.LGBMModel, lightgbm.LGBMRanker, lightgbm.LGBMRegressor)
# What a wrapper hands on from its constructor to each prediction, and no file holds.
_AT_PREDICTION = (
    "pred_early_stop",
    "pred_early_stop_freq",
    "pred_early_stop_margin",
    "predict_disable_shape_check",
)
_MULTICLASS = frozenset({"multiclass", "multiclassova"})
_ONE_THREAD = {"num_threads": 1, "verbosity": -1}


class LightGBMFlavour(Flavour):
    """Implements the `Flavour` port."""

    def owns(self, estimator: Any) -> bool:
        """Whether it is one of LightGBM's wrappers or a booster."""
        return type(estimator) in (lightgbm.Booster, *WRAPPERS)

    def dump(self, estimator: Any, *, trust: Sequence[str], allow_pickle: bool) -> Stored:  # noqa: ARG002
        """Store in LightGBM's own format, which holds no code."""
        booster = booster_of(estimator)
        # As its own `save_model` does: of a model that stopped early, the best iterations.
        content = booster.model_to_string()
        settings = {"kind": type(estimator).__name__, "prediction": at_prediction(estimator)}
        name, _ = objective(estimator)
        best = booster.best_iteration
        return Stored(
            format="txt",
            files={MODEL: content.encode(), SETTINGS: json.dumps(settings).encode()},
            libraries={"lightgbm": lightgbm.__version__, "numpy": np.__version__},
            parameters={
                "estimator": settings["kind"],
                "objective": name,
                "iterations": best if best > 0 else booster.current_iteration(),
            },
        )

    def answers(self, estimator: Any, rows: pd.DataFrame, signature: Signature) -> Prediction:
        """The model's own answers to a frame, or to a matrix if it knows no names."""
        frame = known_names(estimator) is not None or booster_of(estimator).pandas_categorical
        given: Any = rows if frame else rows.to_numpy()
        answers = np.asarray(estimator.predict(given))
        if signature.output.kind != "classification":
            return Prediction(answers)
        labels = label_array(signature.output.labels)
        if type(estimator) is lightgbm.Booster:
            shares = _of_classes(answers)
            return Prediction(labels.take(np.argmax(shares, axis=1)), shares)
        places = {value: place for place, value in enumerate(estimator.classes_.tolist())}
        named = labels.take([places[value] for value in answers.tolist()])
        return Prediction(named, estimator.predict_proba(given))

    def load(
        self,
        files: Mapping[str, bytes],
        *,
        format: str,  # noqa: A002, ARG002 - the manifest's word
        trusted_types: Sequence[str],  # noqa: ARG002
        signature: Signature,
        allow_pickle: bool,  # noqa: ARG002
        device: Device = "cpu",
    ) -> LightGBMModel:
        """Load what `dump` stored.

        Raises:
            ArtifactRejected: it cannot be read.
            ConfigError: it is to compute on a GPU.
        """
        if device != "cpu":
            raise ConfigError("LightGBM predicts on the CPU; write `device: cpu`")
        try:
            settings = json.loads(files[SETTINGS])
            text = files[MODEL].decode()
            if "\nend of parameters\n" not in text:
                # LightGBM itself ends the process, or reads a part, where a file breaks off.
                raise ValueError("it breaks off")
            check(files[MODEL])
            booster = lightgbm.Booster(model_str=text)
            prediction = dict(settings["prediction"])
        except InvalidInput as error:
            raise ArtifactRejected(f"{MODEL}: {error.message}", file=MODEL) from error
        except (KeyError, ValueError, lightgbm.basic.LightGBMError) as error:
            msg = f"{MODEL} cannot be loaded ({type(error).__name__})"
            raise ArtifactRejected(msg, file=MODEL) from error
        return LightGBMModel(booster, prediction, signature)


class LightGBMModel:
    """A booster behind the `Model` port; wrappers do nothing but name its classes."""

    row_by_row = True

    def __init__(
        self, booster: lightgbm.Booster, prediction: Mapping[str, Any], signature: Signature
    ) -> None:
        self._booster = booster
        self._options = {**prediction, **_ONE_THREAD}
        self._output = signature.output
        self._classifies = signature.output.kind == "classification"
        self._labels = label_array(signature.output.labels)
        self._framer = Framer(signature.inputs)
        self._rows = _numbers if fit_a_matrix(signature.inputs) else self._framer.frame

    def predict(self, columns: Columns) -> Prediction:
        """The library's probabilities with the class of the largest one, or its values.

        Raises:
            RowsRefused: LightGBM refused the rows.
            ModelFailed: LightGBM failed.
        """
        if columns.rows == 0:
            return self._nothing()
        values = self._computed(columns)
        if not self._classifies:
            return Prediction(values)
        shares = _of_classes(values)
        return Prediction(self._labels.take(np.argmax(shares, axis=1)), shares)

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """What `predict` says, and the sums of the trees before any link function.

        Raises:
            RowsRefused: LightGBM refused the rows.
            ModelFailed: LightGBM failed.
        """
        prediction = self.predict(columns)
        if columns.rows == 0:
            return replace(prediction, scores=raw_scores.of_no_rows(self._output))
        return replace(prediction, scores=self._computed(columns, raw_score=True))

    def contributions(self, columns: Columns) -> Attributed:
        """The raw scores taken apart by LightGBM's TreeSHAP; raises as `predict` does."""
        return of_library(self._computed(columns, pred_contrib=True), len(columns))

    def transform(self, columns: Columns) -> Columns:  # noqa: ARG002
        """Raises ModelFailed: LightGBM predicts."""
        raise ModelFailed("a LightGBM model predicts and does not transform")

    def _computed(self, columns: Columns, **how: bool) -> Array:
        try:
            rows = self._rows(columns)
            values: Any = self._booster.predict(rows, **how, **self._options)
            return np.asarray(values)
        except ValueError as error:
            reason = str(error).partition("\n")[0]
            raise RowsRefused(f"the model does not take these rows: {reason}") from error
        except Exception as error:
            raise ModelFailed(f"LightGBM failed ({type(error).__name__})") from error

    def _nothing(self) -> Prediction:
        if self._classifies:
            return Prediction(self._labels[:0], np.empty((0, len(self._labels))))
        width = self._output.width
        return Prediction(np.empty(0 if width == 1 else (0, width)))


def booster_of(estimator: Any) -> lightgbm.Booster:
    """The booster that a fitted wrapper holds, or that an estimator is."""
    return estimator if type(estimator) is lightgbm.Booster else estimator.booster_


def of_file(path: Path) -> lightgbm.Booster:
    """The booster in a file that LightGBM's `save_model` wrote.

    Raises:
        InvalidInput: it is another text, or breaks off.
    """
    content = path.read_bytes()
    text = content.decode("utf-8", "replace")
    if text.split("\n", 1)[0].strip() != "tree":
        raise InvalidInput("it is no model of LightGBM's save_model, which begins with `tree`")
    cut = "\nparameters:" in text and "\nend of parameters\n" not in text
    if cut or "\nend of trees" not in text:
        # LightGBM itself ends the process over parameters that break off.
        raise InvalidInput("it is a model of LightGBM's that breaks off; save it again")
    check(content)
    return lightgbm.Booster(model_str=text)


def objective(estimator: Any) -> tuple[str, dict[str, str]]:
    """What was optimised, with what the file says beside it: ("binary", {"sigmoid": "1"}).

    It is "custom" where that was a function, of which a file holds nothing.
    """
    # One iteration is enough to see the head of the file.
    head = booster_of(estimator).model_to_string(num_iteration=1).partition("\nTree=")[0]
    lines = dict(line.partition("=")[::2] for line in head.splitlines())
    name, *settings = lines.get("objective", "custom").split() or ["custom"]
    beside = (setting.partition(":")[::2] for setting in settings)
    return name, dict(beside)


def at_prediction(estimator: Any) -> dict[str, Any]:
    """The settings with which a wrapper asks its booster, beside the defaults."""
    if type(estimator) is lightgbm.Booster:
        return {}
    given = estimator.get_params()
    return {name: given[name] for name in _AT_PREDICTION if given.get(name) is not None}


def outputs(estimator: Any) -> tuple[str, tuple[Any, ...], bool, int]:
    """The kind of a model's output, its labels, whether it gives probabilities, its width.

    Raises:
        InvalidInput: it was trained on a single class.
    """
    booster = booster_of(estimator)
    width = booster.num_model_per_iteration()
    name, _ = objective(estimator)
    if type(estimator) is CLASSIFIER and not callable(estimator.objective_):
        labels = tuple(estimator.classes_.tolist())
        if len(labels) != max(2, width):
            msg = f"the model was trained on the classes {list(labels)} but gives {width} outputs"
            raise InvalidInput(msg)
        return "classification", labels, True, 1
    if type(estimator) is lightgbm.Booster and name in {"binary", *_MULTICLASS}:
        return "classification", tuple(range(max(2, width))), True, 1
    return "regression", (), False, width


def scores_width(estimator: Any) -> int:
    """How many raw scores a row has."""
    return booster_of(estimator).num_model_per_iteration()


def categories(estimator: Any) -> dict[int, list[Any]]:
    """The categories of training by the position of their column, where the file says both.

    LightGBM keeps the categories of a frame's columns in their order, and which columns are
    categorical in its parameters; ordered ones are in the first list and not in the second.
    """
    booster = booster_of(estimator)
    known = booster.pandas_categorical or []
    text = booster.model_to_string(num_iteration=1)
    line = text.partition("\n[categorical_feature: ")[2].partition("]")[0]
    places = sorted(int(place) for place in line.split(",") if place.strip().isdigit())
    if len(places) != len(known):
        return {}
    return dict(zip(places, known, strict=True))


def _of_classes(shares: Array) -> Array:
    """Probabilities of all classes; of two classes LightGBM says that of the second."""
    return shares if shares.ndim == 2 else np.vstack((1.0 - shares, shares)).transpose()


def _numbers(columns: Columns) -> Array:
    """The rows as LightGBM makes them of a frame: it would round a matrix of integers."""
    numbers = matrix(columns)
    return numbers if numbers.dtype in (np.float32, np.float64) else numbers.astype(np.float64)
