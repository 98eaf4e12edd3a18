"""Reads trained models from the files that people keep them in."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import joblib
import skops.io
from sklearn.exceptions import InconsistentVersionWarning

from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models import module_of
from serve_app.models.inspect import skops as skops_files
from serve_app.models.inspect import xgboost as xgboost_files
from serve_app.models.library_errors import reason
from serve_app.models.onnx_graph import read_graph
from serve_app.models.trusted import needs, require_trusted
from serve_app.models.versions import trained_with, version_named_first
from serve_app.models.xgboost_trained import from_file

Kind = Literal["catboost", "lightgbm", "onnx", "pickle", "skops", "xgboost"]
KINDS: dict[str, Kind] = {
    ".skops": "skops",
    ".ubj": "xgboost",
    ".json": "xgboost",
    ".txt": "lightgbm",
    ".cbm": "catboost",
    ".onnx": "onnx",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
    ".cloudpickle": "pickle",
}


_MODELS: dict[Kind, str] = {
    "catboost": "model of CatBoost's save_model",
    "lightgbm": "model of LightGBM's save_model",
    "onnx": "ONNX graph",
    "pickle": "pickle",
    "skops": "file of skops.io.dump",
    "xgboost": "model of XGBoost's save_model",
}


def kind_of(path: Path) -> Kind | None:
    """What a file holds, by its suffix; none where that is of no known kind, or no file."""
    return KINDS.get(path.suffix.lower()) if path.is_file() else None


def read_model(path: Path, *, trust: Sequence[str] = (), allow_pickle: bool = False) -> Any:
    """Load a fitted estimator from a file that says by its suffix what it is.

    Raises:
        InvalidInput: the file is of no known kind, damaged, or a pickle without consent.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        msg = f"{path} is none of .skops, .ubj, .json, .txt, .cbm, .onnx, .pkl, .joblib"
        raise InvalidInput(msg)
    return read_as(kind, path, trust=trust, allow_pickle=allow_pickle)


def read_as(
    kind: Kind, path: Path, *, trust: Sequence[str] = (), allow_pickle: bool = False
) -> Any:
    """Load a fitted estimator from a file of a kind that is known, whatever its name.

    Raises:
        InvalidInput: the file is damaged, a pickle without consent, or it needs a module or
            a type that is not there or not trusted.
    """
    if kind in ("pickle", "skops"):
        with version_named_first(str(path), trained_with(path)):
            return _read(kind, path, trust, allow_pickle)
    return _read(kind, path, trust, allow_pickle)


def _read(kind: Kind, path: Path, trust: Sequence[str], allow_pickle: bool) -> Any:
    _check_file(path)
    if kind == "pickle" and not allow_pickle:
        msg = (
            f"{path} is a pickle: loading it can run any code. Store the model with skops "
            "(skops.io.dump) or its own library's save_model, or add --allow-pickle if you trust it"
        )
        raise InvalidInput(msg)
    try:
        if kind in ("pickle", "skops"):
            return _loaded(kind, path, trust)
        if kind == "onnx":
            return read_graph(path.read_bytes(), trust)
        if kind in {"catboost", "lightgbm"}:
            return module_of(kind).of_file(path)
        return _of_xgboost(path)
    except (ArtifactRejected, InvalidInput) as error:
        raise InvalidInput(f"{path}: {error.message}", **error.details) from error
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{path} {needs([str(error.name)])}") from error
    except Exception as error:
        if "__main__" in str(error):
            msg = (
                f"{path} needs something that was defined in a script or a notebook ({error}): "
                "move it into a module, store the model again and add --code that_module.py, or "
                "store it with cloudpickle.dump"
            )
            raise InvalidInput(msg) from error
        problem = f"it is no whole {_MODELS[kind]}, or damaged ({reason(error)})"
        msg = f"{path} cannot be read: {problem}; store the model again"
        raise InvalidInput(msg) from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name the file of the model in it")
    if path.stat().st_size == 0:
        raise InvalidInput(f"{path} is empty; store the model again")


def _of_xgboost(path: Path) -> Any:
    """A model of XGBoost's, or of CatBoost's where a JSON file is one."""
    content = path.read_bytes()
    if path.suffix.lower() == ".json" and _is_catboost(content):
        return module_of("catboost").of_file(path, "json")
    xgboost_files.check(content)
    return from_file(bytearray(content))


def _loaded(kind: Kind, path: Path, trust: Sequence[str]) -> Any:
    with warnings.catch_warnings():
        # Of another version `models/versions.py` tells, once and in words of ours.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        if kind == "pickle":
            return joblib.load(path)
        content = path.read_bytes()
        skops_files.check(content)
        return skops.io.loads(content, trusted=list(require_trusted("it", content, trust)))


def _is_catboost(content: bytes) -> bool:
    """Whether a JSON file is CatBoost's; any other is taken for XGBoost's."""
    document = json.loads(content)
    return isinstance(document, dict) and "features_info" in document
