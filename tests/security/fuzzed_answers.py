"""What this server and the library itself make of one and the same file, of the same rows.

The server's side goes the way of `serve-app register` up to the stored form that replicas load;
the library's reads the file by the library alone, with nothing of serve_app between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import skops.io
import xgboost

from serve_app.core.messages import Prediction
from serve_app.engine.registration.build import Wishes
from serve_app.engine.registration.candidate import Candidate
from serve_app.engine.registration.register import build_of, compiled, proven, stored
from serve_app.errors import ServeError
from serve_app.models.compiled.model import FILE, load_compiled
from serve_app.models.files import read_model
from serve_app.models.frames import to_columns
from tests.security.boosters import frame
from tests.security.test_onnx import ROWS as GRAPH_ROWS
from tests.security.test_skops import ROWS

Outputs = Sequence[Any]
_NOT_WORDS = ("Traceback", 'File "', "Stack trace", "_src/", "\n", "\x00")
_LONGEST = 1000
_BOOSTERS = frame()
_GRAPH = pd.DataFrame(GRAPH_ROWS, columns=list("abcd"))
_MATRIX = np.column_stack([ROWS[:, :3], np.arange(len(ROWS)) % 9])


def rows_of(form: str) -> pd.DataFrame:
    """The rows that a form's model is asked about."""
    if form == "onnx":
        return _GRAPH
    if form.startswith("skops"):
        return pd.DataFrame(_MATRIX, columns=list("abcd"))
    return _BOOSTERS


def served(form: str, path: Path, *, compiling: bool) -> Prediction:
    """What replicas would answer; with `compiling`, by the compiled form where it is served.

    Raises:
        ServeError: the file is refused.
    """
    return registered(read_model(path), rows_of(form), compiling=compiling)


def registered(estimator: Any, rows: pd.DataFrame, *, compiling: bool = False) -> Prediction:
    """What a version of an estimator answers; raises as `served` does."""
    candidate = Candidate("risk", estimator, rows, evaluate=False)
    build = proven(stored(build_of(candidate, Wishes(compile="auto" if compiling else "never"))))
    columns = to_columns(build.candidate.frame)
    if compiling:
        build = compiled(build)
    if build.compiled is not None and build.compiled.served:
        return load_compiled(build.form.files[FILE], build.signature).predict(columns)
    return build.form.model.predict(columns)


def by_library(form: str, path: Path) -> Outputs:
    """What the library says that would otherwise read the file: all of its outputs."""
    if form in {"json", "ubj"}:
        booster = xgboost.Booster(model_file=str(path))
        booster.set_param({"nthread": 1})
        return [booster.predict(xgboost.DMatrix(_BOOSTERS, enable_categorical=True))]
    if form == "lightgbm":
        return [lightgbm.Booster(model_file=str(path)).predict(_BOOSTERS, num_threads=1)]
    if form == "onnx":
        opened = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        outputs: Outputs = opened.run(None, {opened.get_inputs()[0].name: GRAPH_ROWS})
        return outputs
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    asked = [getattr(model, name, None) for name in ("predict", "predict_proba")]
    return [ask(_MATRIX) for ask in asked if ask is not None]


def difference(answer: Prediction, outputs: Outputs, *, exact: bool) -> str | None:
    """How an answer differs from the library's; none where it says the same.

    Values of a stored form are equal to the last bit; a compiled form's numbers may be other in
    the last bits, and its classes not at all.
    """
    parts = [answer.values, answer.probabilities]
    for name, part in zip(("values", "probabilities"), parts, strict=True):
        if part is None:
            continue
        if not any(_same(np.asarray(part), np.asarray(one), exact=exact) for one in outputs):
            return f"{name} {_shown(part)} where the library says {[_shown(o) for o in outputs]}"
    return None


def _same(ours: Any, theirs: Any, *, exact: bool) -> bool:
    theirs = theirs.reshape(ours.shape) if theirs.size == ours.size else theirs
    if ours.shape != theirs.shape:
        return False
    if ours.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
        return bool((ours == theirs).all())
    if exact or ours.dtype.kind != "f":
        return bool(np.array_equal(ours, theirs, equal_nan=True))
    return bool(np.allclose(ours, theirs, rtol=1e-6, atol=1e-9, equal_nan=True))


def _shown(part: Any) -> str:
    array = np.asarray(part)
    return f"{array.shape}{array.ravel()[:3].tolist()}"


def not_in_words(error: ServeError) -> str | None:
    """Why a refusal is no sentence for people; none where it is one."""
    text = error.message
    if len(text) > _LONGEST or len(text.split()) < 4:
        return f"{len(text)} letters: {text[:200]!r}"
    for one in _NOT_WORDS:
        if one in text:
            return f"{one!r} in {text[:300]!r}"
    if error.__cause__ is not None and text == str(error.__cause__):
        return f"a library's own words: {text[:200]!r}"
    return None


def outcome(
    accept: Callable[[], Prediction], library: Callable[[], Outputs], *, exact: bool
) -> str:
    """`refused` in words, `equal` to the library, or what is wrong."""
    try:
        answer = accept()
    except ServeError as error:
        wrong = not_in_words(error)
        return "refused" if wrong is None else f"refused, not in words: {wrong}"
    except Exception as error:  # noqa: BLE001 - any other ends a command with a traceback
        return f"{type(error).__name__} in place of a refusal: {str(error)[:300]}"
    try:
        outputs = library()
    except Exception as error:  # noqa: BLE001 - whatever a library raises
        return f"answered where the library raises {type(error).__name__}: {str(error)[:300]}"
    differs = difference(answer, outputs, exact=exact)
    return "equal" if differs is None else f"answered {differs}"
