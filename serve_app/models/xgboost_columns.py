"""Columns of data as a model of XGBoost's was trained on them: names, order, categories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from serve_app.core.signature import Column
from serve_app.errors import InvalidInput
from serve_app.models.feature_names import arranged
from serve_app.models.frames import describe
from serve_app.models.sentinels import Suspect, suspects
from serve_app.models.xgboost_trained import Trained, iterations, made_up, trained

CATEGORY = "c"
# How XGBoost's JSON numbers the types of arrays.
_TYPES = {9: "int8", 10: "uint8", 11: "int16", 13: "int32", 15: "int64", 16: "uint64"}
_SHOWN = 5


def known_names(estimator: Any, given: Sequence[str] = ()) -> tuple[str, ...] | None:
    """The columns that a model knows by name, in order, the offset last; None of arrays.

    The names f0, f1, … are XGBoost's own for arrays: they count only where the columns that
    are `given` have them.
    """
    model = trained(estimator)
    names = model.booster.feature_names
    if not names or (made_up(names) and not set(names) <= set(given)):
        return None
    return tuple(names) if model.offset is None else (*names, model.offset)


def as_trained(estimator: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The data as the model was trained on it: columns in its order, categories as categories.

    Integers and words become categories where the file holds these. Of a frame that was made
    so before, the same.

    Raises:
        InvalidInput: columns are missing, too many or of another type than in training, or a
            number looks like a gap and nobody said what stands for one.
    """
    model = trained(estimator)
    iterations(model)
    frame = _typed(model, _ordered(model, frame))
    unclear = undeclared_gaps(model, frame)
    if unclear:
        raise _unclear(unclear)
    return frame


def columns_as_trained(given: Sequence[Column], frame: pd.DataFrame) -> tuple[Column, ...]:
    """Columns that were described before, in the order of data as in training.

    Of what has become a category since, nothing but its gaps was right.
    """
    known = {column.name: column for column in given}
    columns = []
    for current in describe(frame):
        before = known.get(current.name, current)
        became = current.frame_dtype == "category" != before.frame_dtype
        columns.append(replace(current, nullable=before.nullable) if became else before)
    return tuple(columns)


def undeclared_gaps(estimator: Any, frame: pd.DataFrame) -> list[Suspect]:
    """Numbers that look like gaps, where nobody said which number stands for one."""
    model = trained(estimator)
    if model.gap_is_known:
        return []
    names = [name for name in frame.columns if str(name) != model.offset]
    return suspects(frame[names])


def positions(names: Sequence[str], booster: xgboost.Booster) -> list[str] | None:
    """The names that a matrix of these columns has for a booster; None where it knows none.

    Raises:
        ValueError: it knows other ones.
    """
    known = booster.feature_names
    if known is None:
        return None
    known = list(known)
    if not known or list(names) == known or made_up(known):
        return known
    msg = f"the model knows the columns {known}, and the version's are {list(names)}"
    raise ValueError(msg)


def stored_categories(booster: xgboost.Booster) -> dict[int, pd.Index[Any]]:
    """The categories that the file itself holds, by position: XGBoost writes them from 3.1 on."""
    if CATEGORY not in (booster.feature_types or ()):
        return {}
    try:
        part = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    except (ValueError, xgboost.core.XGBoostError):
        # Some types of categories have no JSON in XGBoost; then it compares them itself.
        return {}
    entries = part.get("gbtree", part)["model"].get("cats", {}).get("enc", [])
    by_place = {at: _categories(entry) for at, entry in enumerate(entries)}
    return {at: index for at, index in by_place.items() if len(index)}


def _categories(entry: dict[str, Any]) -> pd.Index[Any]:
    if "type" in entry:
        numbers: list[int] = entry["values"]
        return pd.Index(numbers, dtype=_TYPES.get(entry["type"], "int64"))
    if any(value < 0 for value in entry["values"]):
        # XGBoost counts letters where it means bytes, so that what is not ASCII is cut short.
        return pd.Index([], dtype=object)
    text, ends = bytes(entry["values"]), entry["offsets"]
    words = [text[a:b].decode() for a, b in pairwise(ends)]
    return pd.Index(words, dtype=object)


def _ordered(model: Trained, frame: pd.DataFrame) -> pd.DataFrame:
    given = [str(name) for name in frame.columns]
    _check_offset(model, given)
    wanted = known_names(model, given)
    if wanted is None:
        features = len(given) - (model.offset is not None)
        if features != model.booster.num_features():
            msg = (
                f"the model takes {model.booster.num_features()} columns, but the data has "
                f"{features}"
            )
            raise InvalidInput(msg)
        return frame
    places = [given.index(name) if name in given else None for name in wanted]
    return arranged(frame, wanted, places, elsewhere="name it as the target or the offset")


def _check_offset(model: Trained, given: Sequence[str]) -> None:
    if model.offset is None:
        return
    if model.offset not in given:
        msg = f"the data has no column {model.offset!r} to be the offset"
        raise InvalidInput(msg)
    if model.offset in (model.booster.feature_names or ()):
        msg = (
            f"the column {model.offset!r} is one that the model was trained on; an offset is a "
            "column of its own"
        )
        raise InvalidInput(msg)
    config = json.loads(model.booster.save_config())["learner"]["learner_model_param"]
    width = max(int(config["num_class"]), int(config.get("num_target", 1)))
    if width > 1:
        msg = f"the model has {width} margins for each row, and an offset is one number"
        raise InvalidInput(msg)


def _typed(model: Trained, frame: pd.DataFrame) -> pd.DataFrame:
    types = model.booster.feature_types
    stored = stored_categories(model.booster)
    labels = [name for name in frame.columns if str(name) != model.offset]
    changed: dict[Any, Any] = {}
    for at, label in enumerate(labels):
        series = frame[label]
        if types is not None and types[at] == CATEGORY:
            converted = _as_categories(str(label), series, stored.get(at))
            if converted is not series:
                changed[label] = converted
        else:
            _check_number(str(label), series, None if types is None else types[at])
    return _with(frame, changed)


def _with(frame: pd.DataFrame, changed: dict[Any, Any]) -> pd.DataFrame:
    if not changed:
        return frame
    frame = frame.copy(deep=False)
    for label, series in changed.items():
        frame[label] = series
    return frame


def _check_number(name: str, series: pd.Series[Any], kind: str | None) -> None:
    """Refuse text and categories where the model was trained on numbers."""
    category = isinstance(series.dtype, pd.CategoricalDtype)
    if not category and (pd.api.types.is_numeric_dtype(series) or series.isna().all()):
        return
    if not category and {type(value) for value in series.dropna()} <= {bool}:
        return
    holds = "is one of categories" if category else "holds text"
    trained_as = "" if kind is None else f" (its type in the model is {kind!r})"
    msg = (
        f"column {name!r} {holds}, but the model was trained on numbers there{trained_as}; give "
        "the data with the types of training"
    )
    raise InvalidInput(msg, column=name)


def _as_categories(
    name: str, series: pd.Series[Any], known: pd.Index[Any] | None
) -> pd.Series[Any]:
    """The column as one of categories, those of the file where it holds them."""
    if known is None:
        return _without_stored(name, series)
    if isinstance(series.dtype, pd.CategoricalDtype):
        own = series.dtype.categories
        # XGBoost also compares the types of integers, though not those of text.
        if own.tolist() == known.tolist() and known.dtype in {np.dtype(object), own.dtype}:
            return series
    values = series.astype(object)
    there = values[series.notna()]
    plain_values = there.map(_plain)
    strange = sorted({str(value) for value in plain_values[~plain_values.isin(list(known))]})
    if strange:
        msg = (
            f"column {name!r} holds {', '.join(strange[:_SHOWN])}, which the model does not know: "
            f"it was trained on the categories {_listed(known)} "
            f"({'whole numbers' if known.dtype.kind in 'iu' else 'text'}); give the data with "
            "the types of training, with --dtypes where it is CSV"
        )
        raise InvalidInput(msg, column=name)
    codes = np.full(len(series), -1)
    codes[series.notna().to_numpy()] = known.get_indexer(
        pd.Index(plain_values.tolist(), dtype=known.dtype)
    )
    made = pd.Categorical.from_codes(codes, categories=known)
    return pd.Series(made, index=series.index, name=series.name)


def _plain(value: Any) -> Any:
    """A category as Python has it; a whole float is the integer that a gap made one of."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_stored(name: str, series: pd.Series[Any]) -> pd.Series[Any]:
    """A column of categories of a model that holds none: only the data can say which they are.

    Raises:
        InvalidInput: it holds something else than categories, or codes that leave no doubt.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
        codes = np.unique(series.dropna().to_numpy(np.float64))
        # Sorted categories 0, 1, 2, … have the codes 0, 1, 2, …: either way they are the same.
        if np.array_equal(codes, np.arange(len(codes))):
            return series
    msg = (
        f"the model was trained on categories in column {name!r}, and its file does not hold "
        f"them (XGBoost writes them from 3.1 on, of frames, and in ASCII); give them with the "
        f"data: "
        f"--dtypes {name}=category where the data is that of training, or Parquet with a "
        "column of categories"
    )
    raise InvalidInput(msg, column=name)


def _listed(known: pd.Index[Any]) -> str:
    shown = ", ".join(str(value) for value in known[:_SHOWN])
    return shown if len(known) <= _SHOWN else f"{shown}, … ({len(known)} in all)"


def _unclear(unclear: Sequence[Suspect]) -> InvalidInput:
    value = f"{unclear[0].value:.15g}"
    places = "; ".join(suspect.words for suspect in unclear[:_SHOWN])
    msg = (
        f"the data may hold a number that stands for gaps: {places}. XGBoost's files do not say "
        f"whether `missing={value}` was set in training: give --missing {value} if it was, or "
        "--missing nan if these are values like any other"
    )
    return InvalidInput(msg, columns=[suspect.column for suspect in unclear])
