"""The data of a run: read once, written into the run's folder, and from then on only read there."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serve_app.config.pipeline import DataSettings, PipelineSettings
from serve_app.core.columns import Array
from serve_app.core.places import standing_at
from serve_app.errors import InvalidInput
from serve_app.lifecycle.digests import digest_of_file
from serve_app.lifecycle.split import RowFacts
from serve_app.models.declared import declared
from serve_app.models.fingerprint import fingerprint
from serve_app.models.tables import Reading, read_table

FILE = "data.parquet"
_MOST_CLASSES = 20
_EXACT = 2.0**53
"""Below it every whole number is a float of its own."""
_SEEN = 100_000
_FEW_STRAYS = 0.1


@dataclass(frozen=True, slots=True)
class Source:
    """A frame as it was read, its files with digest and size, and what was taken for granted."""

    frame: pd.DataFrame
    files: Mapping[str, Mapping[str, Any]]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows of a snapshot: features, the target as numbers, and what decides the split.

    `labels` are the classes in order, of which `target` has the places; none where numbers are
    predicted. `named` says that the target was not already numbered from 0.
    """

    frame: pd.DataFrame
    features: pd.DataFrame
    target: Array
    labels: tuple[Any, ...]
    named: bool
    facts: RowFacts

    @property
    def classes(self) -> int:
        """How many classes there are; 0 where numbers are predicted."""
        return len(self.labels)


def read_source(data: DataSettings) -> Source:
    """All rows that a pipeline names.

    Raises:
        InvalidInput: there is no such file or function, or files have other columns.
    """
    if data.import_ is not None:
        return Source(_called(data.import_), {})
    paths = _matching(data.patterns)
    reading = Reading(declared([f"{name}={word}" for name, word in data.dtypes.items()]))
    tables = [read_table(path, reading) for path in paths]
    first = list(tables[0].frame.columns)
    for path, table in zip(paths, tables, strict=True):
        if list(table.frame.columns) != first:
            other = set(first) ^ set(table.frame.columns)
            what = f"{min(map(str, other))!r}" if other else "the order of columns"
            raise InvalidInput(f"{path} and {paths[0]} do not have the same columns: {what}")
    frame = pd.concat([table.frame for table in tables], ignore_index=True)
    notices = tuple(dict.fromkeys(notice for table in tables for notice in table.notices))
    return Source(frame, {str(path): _facts(path) for path in paths}, notices)


def _facts(path: Path) -> dict[str, Any]:
    return {"sha256": digest_of_file(path), "size_bytes": path.stat().st_size}


def _matching(patterns: Sequence[str]) -> list[Path]:
    paths: list[Path] = []
    for pattern in patterns:
        matching = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute
        if not matching:
            msg = f"data.source: no file matches {pattern!r}, seen from {Path.cwd()}"
            raise InvalidInput(msg)
        paths += [Path(one) for one in matching if Path(one) not in paths]
    return paths


def _called(place: str) -> pd.DataFrame:
    try:
        frame = standing_at(place)()
    except Exception as error:
        msg = f"data.import: {place} gives no frame: {type(error).__name__}: {error}"
        raise InvalidInput(msg) from error
    if not isinstance(frame, pd.DataFrame):
        msg = f"data.import: {place} gives a {type(frame).__name__}, not a pandas DataFrame"
        raise InvalidInput(msg)
    return frame.reset_index(drop=True)


def usable_rows(source: pd.DataFrame, data: DataSettings) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows whose label is known by now, in the order of the source, and how many are not.

    Raises:
        InvalidInput: a column is missing, or the time of a row is; or nothing is left.
    """
    named = (data.target, data.time, data.id, *data.drop, *(data.series or ()))
    for name in (one for one in named if one is not None):
        if name not in source.columns:
            known = ", ".join(map(repr, map(str, source.columns)))
            raise InvalidInput(f"the data has no column {name!r}; it has {known}", column=name)
    keep = source[data.target].notna().to_numpy()
    left_out = {"without_label": int((~keep).sum())}
    if data.time is not None:
        times = times_ns(source[data.time], data.time)
        newest = int(times.max()) if len(times) else 0
        mature = times <= newest - int((data.label_delay or 0.0) * 1e9)
        left_out["label_not_mature"] = int((keep & ~mature).sum())
        keep = keep & mature
    if not keep.any():
        msg = f"none of the {len(source)} rows has a label that is known by now ({data.target!r})"
        raise InvalidInput(msg)
    rows = source.loc[keep].reset_index(drop=True)
    if left_out["without_label"]:
        rows[data.target] = _whole(rows[data.target])
    return rows, left_out


def _whole(series: pd.Series[Any]) -> pd.Series[Any]:
    """Labels beside gaps as they would be read without them.

    Whole numbers are read as fractions where some are missing, and classes would become numbers.
    """
    if not pd.api.types.is_float_dtype(series.dtype):
        return series
    values = series.to_numpy(dtype=np.float64)
    fits = np.isfinite(values) & (np.abs(values) < _EXACT)
    if not (fits.all() and (values == np.floor(values)).all()):
        return series
    return series.astype(np.int64)


def stray_words(series: pd.Series[Any]) -> str | None:
    """Which values keep a column of numbers from being one, in words.

    None of a column of numbers, and where more than a tenth of its values are no numbers.
    """
    if pd.api.types.is_numeric_dtype(series.dtype):
        return None
    words = series.dropna().astype(str)
    distinct = pd.Series(words.unique()[:_SEEN])
    strays = distinct[pd.to_numeric(distinct, errors="coerce").isna()]
    if not len(strays) or len(strays) > _FEW_STRAYS * len(distinct):
        return None
    rows = np.flatnonzero(series.astype(str).isin(strays).to_numpy())
    first = f"{str(series.iloc[rows[0]])!r} in row {rows[0]}"
    if len(rows) == 1:
        return f"1 of its {len(series):,} values is no number: {first}"
    return f"{len(rows):,} of its {len(series):,} values are no numbers, the first {first}"


def times_ns(series: pd.Series[Any], name: str) -> Array:
    """Nanoseconds since 1970 of a column of times: dates, or their ISO 8601 text.

    Raises:
        InvalidInput: a row has no time, or none that can be read.
    """
    try:
        if pd.api.types.is_numeric_dtype(series.dtype):
            raise ValueError("it holds numbers")
        moments = pd.to_datetime(series, utc=True, format=None)
    except (ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0][:120]
        msg = f"column {name!r} holds no times: {reason}; write dates such as 2026-05-01"
        raise InvalidInput(msg, column=name) from error
    if moments.isna().any():
        row = int(np.flatnonzero(moments.isna())[0])
        raise InvalidInput(f"column {name!r} has no time in row {row}", column=name)
    return moments.dt.as_unit("ns").to_numpy(dtype="datetime64[ns]").astype(np.int64)


def write_snapshot(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Write the rows of a run into its folder, and say what they are.

    What is read again is what all steps see, so that a resumed run sees no other types.

    Raises:
        InvalidInput: a column cannot be stored as Parquet.
    """
    path, partial = folder / FILE, folder / f".{FILE}.part"
    try:
        frame.to_parquet(partial, index=False)
    except Exception as error:
        reason = str(error).partition("\n")[0][:200]
        raise InvalidInput(f"the data cannot be kept as Parquet: {reason}") from error
    partial.replace(path)
    return {
        "rows": len(frame),
        "columns": len(frame.columns),
        "fingerprint": snapshot_digest(folder),
    }


def read_snapshot(folder: Path) -> pd.DataFrame:
    """The rows of a run."""
    return read_table(folder / FILE).frame


def snapshot_digest(folder: Path) -> str:
    """The fingerprint of a run's rows: names, types and values."""
    return fingerprint(read_snapshot(folder))


def dataset_of(frame: pd.DataFrame, settings: PipelineSettings) -> Dataset:
    """Features, target and the facts of a split, from the rows of a snapshot.

    Raises:
        InvalidInput: the target fits no task, or no feature is left.
    """
    data = settings.data
    group = settings.validation.group
    if group is not None and group not in frame.columns:
        raise InvalidInput(f"validation.group: the data has no column {group!r}", column=group)
    none = {data.target, data.time, data.id, group, settings.window.held_out, *data.drop}
    features = frame[[name for name in frame.columns if name not in none]]
    if not len(features.columns):
        raise InvalidInput("no feature is left: target, time, id, group and drop name all columns")
    target, labels, named = _target(frame[data.target], settings)
    groups = None if group is None else pd.factorize(frame[group], use_na_sentinel=False)[0]
    times = None if data.time is None else times_ns(frame[data.time], data.time)
    classes = target.astype(np.intp) if labels else None
    series = None if data.series is None else frame.groupby([*data.series], dropna=False).ngroup()
    facts = RowFacts(
        len(frame),
        times,
        classes,
        groups,
        _held_out(frame, settings),
        None if series is None else series.to_numpy(),
    )
    return Dataset(frame, features, target, labels, named, facts)


def _held_out(frame: pd.DataFrame, settings: PipelineSettings) -> Array | None:
    """Of each row whether the data itself holds it out; none where the pipeline decides that."""
    name = settings.window.held_out
    if name is None:
        return None
    if name not in frame.columns:
        raise InvalidInput(f"window.held_out: the data has no column {name!r}", column=name)
    series = frame[name]
    numeric = pd.api.types.is_numeric_dtype(series.dtype)
    if not numeric or series.isna().any() or not series.isin((0, 1)).all():
        msg = f"window.held_out: column {name!r} has to be true or false (or 1 or 0) in every row"
        raise InvalidInput(msg, column=name)
    return series.to_numpy(dtype=np.bool_)


def _target(
    series: pd.Series[Any], settings: PipelineSettings
) -> tuple[Array, tuple[Any, ...], bool]:
    numeric = pd.api.types.is_numeric_dtype(series.dtype)
    is_bool = pd.api.types.is_bool_dtype(series.dtype)
    distinct = series.nunique()
    task = settings.task
    if task is None:
        whole = numeric and not pd.api.types.is_float_dtype(series.dtype)
        few = distinct <= _MOST_CLASSES
        task = "classification" if is_bool or not numeric or (whole and few) else "regression"
    name = settings.data.target
    if task == "regression":
        if not numeric or is_bool:
            msg = f"the target {name!r} holds no numbers, which task: regression predicts"
            raise InvalidInput(f"{msg}{_strays(series)}", column=name)
        return series.to_numpy(dtype=np.float64), (), False
    if distinct < 2:
        msg = f"the target {name!r} has one value in all rows; there is nothing to learn"
        raise InvalidInput(msg, column=name)
    if distinct > _MOST_CLASSES and distinct > len(series) / 2:
        msg = f"the target {name!r} has {distinct:,} classes in {len(series):,} rows"
        raise InvalidInput(f"{msg}: nothing can be learned of them{_strays(series)}", column=name)
    labels = tuple(sorted(series.unique().tolist()))
    places = {label: place for place, label in enumerate(labels)}
    target = np.array([places[value] for value in series.tolist()], dtype=np.intp)
    numbered = list(labels) == list(range(len(labels))) and not is_bool
    return target, labels, not numbered


def _strays(series: pd.Series[Any]) -> str:
    """What keeps a target from being numbers, behind a sentence; nothing where that is unclear."""
    strays = stray_words(series)
    return "" if strays is None else f"; {strays}"
