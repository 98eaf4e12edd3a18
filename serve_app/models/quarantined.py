"""The child of `models/quarantine.py`: reads a file under limits, and predicts with it."""

from __future__ import annotations

import json
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serve_app.errors import ServeError
from serve_app.models import owner
from serve_app.models.feature_names import known_names
from serve_app.models.files import read_as
from serve_app.models.quarantine import OUT_OF_MEMORY, REFUSED
from serve_app.models.xgboost_trained import Trained

_PAGE = resource.getpagesize()
_VALUES = (0.0, 1.0, -1.0, 1e6, -1e6, np.nan)
"""A row of each is predicted, beside rows that are drawn."""


def main() -> None:
    """Do what the second argument says; the exit code says what became of it."""
    given = json.loads(sys.argv[2])
    _limit(given["memory_mib"], given["time_s"])
    try:
        _try_out(given)
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except ServeError as error:
        sys.exit(OUT_OF_MEMORY if _says_memory(error) else REFUSED)
    except Exception as error:  # noqa: BLE001 - what is no death, the parent sees as well
        sys.exit(OUT_OF_MEMORY if _says_memory(error) else REFUSED)


def _limit(memory_mib: int, time_s: int) -> None:
    """No more memory than that beyond what the libraries take, no more time, no core dumps.

    Memory is bounded where the kernel says what is taken: on Linux.
    """
    statm = Path("/proc/self/statm")
    if statm.exists():
        # Libraries have their address space by now: a thousandth of it is memory.
        bound = int(statm.read_text().split()[0]) * _PAGE + memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + time_s, used + time_s + 1))
    signal.alarm(time_s)


def _says_memory(error: BaseException) -> bool:
    """Whether an error, or what caused it, is for lack of memory."""
    words = (
        "bad_alloc",
        "MemoryError",
        "Unable to allocate",
        "Failed to allocate",
        "bad allocation",
    )
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(word in str(cause) for word in words):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _try_out(given: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    estimator = read_as(
        given["kind"], Path(given["path"]), trust=given["trust"], allow_pickle=given["allow_pickle"]
    )
    if given["kind"] == "onnx":
        _ask_graph(estimator)
        return
    model = estimator.model if isinstance(estimator, Trained) else estimator
    rows = _rows(model)
    if rows is None:
        return
    for method in ("predict", "predict_proba", "transform"):
        ask = getattr(model, method, None)
        if ask is not None:
            _answer(ask, rows)


def _answer(ask: Any, rows: Any) -> None:
    try:
        ask(rows)
    except MemoryError:
        raise
    except Exception as error:
        # Made-up rows may be no rows of this model; to refuse them is no harm.
        if _says_memory(error):
            raise


def _rows(model: Any) -> Any:
    """Rows of as many numbers as a model takes, or None where it does not say how many."""
    names = known_names(model)
    width = len(names) if names is not None else _width(model)
    if width is None or width > 10**6:
        return None
    rng = np.random.default_rng(0)
    drawn = rng.normal(scale=10.0, size=(max(1, min(256, 10**6 // max(1, width))), width))
    rows = np.vstack([np.full((len(_VALUES), width), 0.0), drawn])
    rows[: len(_VALUES)] = np.array(_VALUES)[:, np.newaxis]
    if type(model).__module__.startswith("xgboost") and not hasattr(model, "get_params"):
        import xgboost  # noqa: PLC0415 - where a model is one of its boosters

        return xgboost.DMatrix(rows, feature_names=model.feature_names, nthread=1)
    return rows if names is None else pd.DataFrame(rows, columns=list(names))


def _width(model: Any) -> int | None:
    for name in ("n_features_in_", "num_features", "num_feature", "n_features_"):
        try:
            value = getattr(model, name, None)
            value = value() if callable(value) else value
        except Exception:  # noqa: BLE001, S112 - it does not say by this name
            continue
        if isinstance(value, (int, np.integer)):
            return int(value)
    return None


def _ask_graph(graph: Any) -> None:
    """Let a graph answer no rows of its caller's: it makes some up for itself."""
    _, flavour = owner(graph)
    try:
        flavour.examined(graph, pd.DataFrame(), ())
    except ServeError as error:
        if _says_memory(error):
            raise
