"""A model's columns out of the signature and the input example that MLflow keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from serve_app.core.signature import DTYPES, Column
from serve_app.core.times import DATETIMES
from serve_app.errors import InvalidInput
from serve_app.models import owner_if_any
from serve_app.models.declared import Declared
from serve_app.models.feature_names import known_names
from serve_app.models.frame_columns import column_of
from serve_app.models.frames import OBJECT_WITH_NAN
from serve_app.models.mlflow_example import Example
from serve_app.models.typed import typed
from serve_app.models.xgboost_columns import CATEGORY, stored_categories

_TYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "string",
    # The unit is that of the example.
    "datetime": "datetime64[ns]",
}
_TENSORS = {"float16": "float32", "object": "string", "str": "string"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One input of a signature: `width` columns of one dtype; None where it does not say."""

    name: str | None
    dtype: str
    nullable: bool
    width: int | None = 1


@dataclass(frozen=True, slots=True)
class ExampleTable:
    """Rows to prove a model with, none where there was no example, and its columns.

    The columns have no ranges and no categories: a handful of rows says nothing about those.
    """

    frame: pd.DataFrame
    inputs: tuple[Column, ...]


def specs(inputs: Any) -> tuple[Spec, ...]:
    """The inputs of a signature, which MLflow writes as JSON inside of YAML.

    Raises:
        InvalidInput: they cannot be read, or one is of a type that cannot be served.
    """
    try:
        listed = json.loads(inputs) if isinstance(inputs, str) else inputs
    except (ValueError, RecursionError) as error:
        msg = f"signature.inputs is no JSON that can be read ({error})"
        raise InvalidInput(msg) from error
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise InvalidInput("signature.inputs is no list of columns, as MLflow writes it")
    if not listed:
        raise InvalidInput("signature.inputs names no column")
    return tuple(_spec(one, position) for position, one in enumerate(listed))


def table(estimator: Any, wanted: Sequence[Spec] | None, given: Example | None) -> ExampleTable:
    """The columns of a model, and rows to prove it with.

    The signature decides on names and dtypes; without one the example does. Names that both
    lack are those that the model learned, or else numbered like those of an ONNX matrix.

    Raises:
        InvalidInput: there is too little to go by, or what there is contradicts itself.
    """
    if given is not None and given.rows == 0:
        given = None
    if given is None and _own_columns(estimator) is None:
        has = "a signature, but no input example" if wanted else "neither signature nor example"
        msg = (
            f"the model has {has}, and rows must prove that what is stored answers like it; "
            "give --data, or store the model with an input example"
        )
        raise InvalidInput(msg)
    _refuse_categories(estimator)
    entries = _signed(estimator, wanted, given) if wanted else _shown(estimator, given)
    names = _names(estimator, [spec.name for spec in entries])
    pairs = [
        _column(replace(spec, name=name), _values(spec, position, given))
        for position, (spec, name) in enumerate(zip(entries, names, strict=True))
    ]
    pairs = _in_order(estimator, pairs)
    frame = pd.DataFrame({column.name: series for column, series in pairs})
    return ExampleTable(frame, tuple(column for column, _ in pairs))


def _spec(entry: Mapping[str, Any], position: int) -> Spec:
    name = None if entry.get("name") is None else str(entry["name"])
    called = f"column {position if name is None else name!r}"
    type_name = entry.get("type")
    if type_name == "tensor":
        return _tensor(entry, name, called)
    dtype = _TYPES.get(type_name) if isinstance(type_name, str) else None
    if dtype is None:
        msg = (
            f"{called} is of MLflow's type {type_name}, which cannot be served; known are "
            f"{', '.join(_TYPES)}: make one of them of it before training"
        )
        raise InvalidInput(msg)
    # MLflow 2 said `optional` for a while.
    nullable = entry.get("required") is False or entry.get("optional") is True
    return Spec(name, dtype, nullable)


def _tensor(entry: Mapping[str, Any], name: str | None, called: str) -> Spec:
    inner = entry.get("tensor-spec")
    kind, shape = (inner.get("dtype"), inner.get("shape")) if isinstance(inner, Mapping) else (0, 0)
    dtype = _TENSORS.get(str(kind), str(kind))
    if dtype not in DTYPES or dtype in DATETIMES:
        msg = f"{called} is a tensor of {kind}, which cannot be served; make numbers or text of it"
        raise InvalidInput(msg)
    if not isinstance(shape, list) or len(shape) not in {1, 2}:
        msg = f"{called} is a tensor of the shape {shape}, no table"
        raise InvalidInput(msg)
    width = shape[1] if len(shape) == 2 else 1
    if not isinstance(width, int) or width == 0:
        msg = f"{called} is a tensor of the shape {shape}, no table"
        raise InvalidInput(msg)
    return Spec(name, dtype, nullable=False, width=width if width > 0 else None)


def _signed(estimator: Any, wanted: Sequence[Spec], given: Example | None) -> list[Spec]:
    """The signature, one for each column."""
    alone = len(wanted) == 1
    single: list[Spec] = []
    for spec in wanted:
        width = spec.width
        if width is None and alone:
            width = _width(estimator) or (len(given.columns) if given else None)
        if width is None:
            raise InvalidInput("the signature does not say how many columns there are")
        if width == 1:
            single.append(replace(spec, width=1))
            continue
        named = not alone and spec.name is not None
        single.extend(
            replace(spec, name=f"{spec.name}_{at}" if named else None, width=1)
            for at in range(width)
        )
    return single


def _shown(estimator: Any, given: Example | None) -> list[Spec]:
    """What an example shows of its columns, or a model that knows their dtypes."""
    own = _own_columns(estimator) or ()
    if given is None:
        return [Spec(name, dtype, nullable=False) for name, dtype in own]
    names = given.names or (None,) * len(given.columns)
    if len(own) == len(names):
        dtypes = [dtype for _, dtype in own]
    else:
        dtypes = [_dtype(values) for values in given.columns]
    return [Spec(name, dtype, False) for name, dtype in zip(names, dtypes, strict=True)]


def _own_columns(estimator: Any) -> tuple[tuple[str, str], ...] | None:
    """The columns that a model says itself it takes; None where it does not."""
    owned = owner_if_any(estimator)
    if owned is None or not owned[1].knows_columns:
        return None
    return owned[1].columns(estimator)


def _dtype(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return "bool"
    if kinds == {str}:
        return "string"
    return "int64" if kinds == {int} else "float64"


def _names(estimator: Any, names: Sequence[str | None]) -> list[str]:
    known = _learned(estimator)
    if len(known) != len(names):
        known = tuple(f"x{at}" for at in range(len(names)))
    return [known[at] if name is None else name for at, name in enumerate(names)]


def _learned(estimator: Any) -> tuple[str, ...]:
    """The names of a model's columns, in order, where it knows them."""
    own = _own_columns(estimator)
    if own is not None:
        return tuple(name for name, _ in own)
    return known_names(estimator) or ()


def _width(estimator: Any) -> int | None:
    """How many columns a model takes, where it knows that."""
    own = _own_columns(estimator)
    if own is not None:
        return len(own)
    if isinstance(estimator, xgboost.Booster):
        return int(estimator.num_features())
    width = getattr(estimator, "n_features_in_", None)
    # CatBoost says 0 of a model that it read from a file.
    return int(width) if width else None


def _values(spec: Spec, position: int, given: Example | None) -> Sequence[Any]:
    """What the example holds of one column of the signature."""
    if given is None:
        return ()
    if given.names is None or spec.name is None:
        if position < len(given.columns):
            return given.columns[position]
    elif spec.name in given.names:
        return given.columns[given.names.index(spec.name)]
    elif spec.nullable:
        return (None,) * given.rows
    called = position if spec.name is None else repr(spec.name)
    msg = f"the signature has the column {called}, which the input example lacks; give --data"
    raise InvalidInput(msg)


def _column(spec: Spec, values: Sequence[Any]) -> tuple[Column, pd.Series[Any]]:
    """A column as the signature says, and the example's values in its dtype."""
    name, dtype = str(spec.name), spec.dtype
    missing = any(value is None for value in values)
    nullable = spec.nullable or missing
    if missing and "int" in dtype:
        # As in training: NumPy's integers have no gaps.
        dtype = "float64"
    if dtype in DATETIMES:
        series = typed(name, pd.Series(values, dtype=object), Declared("datetime"))
        column = column_of(name, series)
        return replace(column, nullable=nullable), series
    fits = {"string": (str,), "bool": (bool,)}.get(dtype, (int, float))
    for value in values:
        as_number = isinstance(value, bool) and dtype != "bool"
        if value is not None and (as_number or not isinstance(value, fits)):
            raise _unfit(name, value, spec.dtype)
    if dtype == "string" or (dtype == "bool" and nullable):
        # NaN for gaps, as files of CSV have them; nobody wrote down what training had.
        filled = [np.nan if value is None else value for value in values]
        kept = OBJECT_WITH_NAN if nullable else "object"
        return Column(name, dtype, nullable, frame_dtype=kept), pd.Series(filled, dtype=object)
    return Column(name, dtype, nullable, frame_dtype=dtype), _numbers(name, dtype, values)


def _numbers(name: str, dtype: str, values: Sequence[Any]) -> pd.Series[Any]:
    for value in values:
        whole = not isinstance(value, float) or value.is_integer()
        if "int" in dtype and not (whole and _within(int(value), dtype)):
            raise _unfit(name, value, dtype)
    filled = [np.nan if value is None else value for value in values]
    with np.errstate(over="ignore"):
        return pd.Series(np.array(filled, dtype=dtype))


def _within(value: int, dtype: str) -> bool:
    info = np.iinfo(np.dtype(dtype))
    return int(info.min) <= value <= int(info.max)


def _unfit(name: str, value: Any, dtype: str) -> InvalidInput:
    msg = f"the input example holds {value!r} in the column {name!r}, which is one of {dtype}"
    return InvalidInput(f"{msg}; give --data")


def _in_order(
    estimator: Any, pairs: list[tuple[Column, pd.Series[Any]]]
) -> list[tuple[Column, pd.Series[Any]]]:
    """The columns as the model takes them.

    Raises:
        InvalidInput: they are not those that it was trained on.
    """
    names, width = [column.name for column, _ in pairs], _width(estimator)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"two columns are named {twice!r}; give each its own name"
        raise InvalidInput(msg)
    if width is not None and width != len(pairs):
        msg = f"the model takes {width} columns, but its signature or example has {len(pairs)}"
        raise InvalidInput(msg)
    learned = list(_learned(estimator))
    owned = owner_if_any(estimator)
    several = owned is not None and owned[1].takes_by_name(estimator)
    if not (several or isinstance(estimator, xgboost.Booster)) or not learned or names == learned:
        # A matrix has no names, and of scikit-learn's own ones `models/signature.py` knows.
        return pairs
    if several and set(names) == set(learned):
        # Each input is fed by its name.
        return sorted(pairs, key=lambda pair: learned.index(pair[0].name))
    msg = f"the model takes the columns {', '.join(learned)}, but here they are {', '.join(names)}"
    raise InvalidInput(msg)


def _refuse_categories(estimator: Any) -> None:
    """Refuse a model of pandas categories that neither its file nor MLflow, of values, keeps."""
    booster = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
    types = list(booster.feature_types or ()) if isinstance(booster, xgboost.Booster) else []
    held = stored_categories(booster) if CATEGORY in types else {}
    lost = [at for at, kind in enumerate(types) if kind == CATEGORY and at not in held]
    if not lost:
        return
    at = lost[0]
    name = booster.feature_names[at] if booster.feature_names else at
    msg = (
        f"the column {name!r} is one of categories, which neither signature nor example name; "
        "give --data as Parquet, which keeps them"
    )
    raise InvalidInput(msg)
