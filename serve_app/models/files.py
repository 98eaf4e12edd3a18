"""Reads trained models from the files that people keep them in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import joblib
import skops.io

from serve_app.errors import InvalidInput
from serve_app.models.onnx_graph import read_graph
from serve_app.models.trusted import TRUSTED, untrusted
from serve_app.models.xgboost_trained import from_file

Kind = Literal["onnx", "pickle", "skops", "xgboost"]
KINDS: dict[str, Kind] = {
    ".skops": "skops",
    ".ubj": "xgboost",
    ".json": "xgboost",
    ".onnx": "onnx",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
    ".cloudpickle": "pickle",
}


def read_model(path: Path, *, trust: Sequence[str] = (), allow_pickle: bool = False) -> Any:
    """Load a fitted estimator from a file that says by its suffix what it is.

    Raises:
        InvalidInput: the file is of no known kind, damaged, or a pickle without consent.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        msg = f"{path} is none of .skops, .ubj, .json, .onnx, .pkl, .joblib"
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
    if kind == "pickle" and not allow_pickle:
        msg = (
            f"{path} is a pickle: loading it can run any code. Store the model with skops "
            "(skops.io.dump) or XGBoost's save_model, or add --allow-pickle if you trust it"
        )
        raise InvalidInput(msg)
    try:
        if kind == "pickle":
            return joblib.load(path)
        if kind == "skops":
            return _skops(path, trust)
        if kind == "onnx":
            return read_graph(path.read_bytes())
        return from_file(path)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.message}", **error.details) from error
    except ModuleNotFoundError as error:
        msg = (
            f"{path} needs the module {error.name!r}, which is not here: install it, or name the "
            "folder that holds it in PYTHONPATH"
        )
        raise InvalidInput(msg) from error
    except Exception as error:
        msg = f"{path} cannot be read ({type(error).__name__}: {error})"
        raise InvalidInput(msg) from error


def _skops(path: Path, trust: Sequence[str]) -> Any:
    asked = set(skops.io.get_untrusted_types(file=path))
    unknown = sorted(asked - TRUSTED - set(trust))
    if unknown:
        raise untrusted(str(path), unknown)
    return skops.io.load(path, trusted=sorted(asked))
