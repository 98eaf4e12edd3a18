"""Reads trained models from the files that people keep them in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import skops.io
import xgboost

from serve_app.errors import InvalidInput
from serve_app.models.onnx_graph import read_graph
from serve_app.models.trusted import TRUSTED, untrusted
from serve_app.models.xgboost import WRAPPERS

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle"})


def read_model(path: Path, *, trust: Sequence[str] = (), allow_pickle: bool = False) -> Any:
    """Load a fitted estimator.

    Raises:
        InvalidInput: the file is of no known kind, damaged, or a pickle without consent.
    """
    kind = path.suffix.lower()
    if kind in PICKLES and not allow_pickle:
        msg = (
            f"{path} is a pickle: loading it can run any code. Store the model with skops "
            "(skops.io.dump) or XGBoost's save_model, or add --allow-pickle if you trust it"
        )
        raise InvalidInput(msg)
    if kind not in PICKLES | {".skops", ".ubj", ".json", ".onnx"}:
        msg = f"{path} is none of .skops, .ubj, .json, .onnx, .pkl, .joblib"
        raise InvalidInput(msg)
    try:
        if kind in PICKLES:
            return joblib.load(path)
        if kind == ".skops":
            return _skops(path, trust)
        if kind == ".onnx":
            return read_graph(path.read_bytes())
        return _xgboost(path)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.message}", **error.details) from error
    except Exception as error:
        msg = f"{path} cannot be read ({type(error).__name__}: {error})"
        raise InvalidInput(msg) from error


def _skops(path: Path, trust: Sequence[str]) -> Any:
    asked = set(skops.io.get_untrusted_types(file=path))
    unknown = sorted(asked - TRUSTED - set(trust))
    if unknown:
        raise untrusted(str(path), unknown)
    return skops.io.load(path, trusted=sorted(asked))


def _xgboost(path: Path) -> Any:
    booster = xgboost.Booster(model_file=path)
    wrapped = booster.attr("scikit_learn")
    if wrapped is None:
        return booster
    kind = "XGBRegressor" if json.loads(wrapped).get("_estimator_type") == "regressor" else ""
    wrapper = WRAPPERS[kind or "XGBClassifier"]()
    wrapper.load_model(path)
    return wrapper
