"""Files of training data as the frames that training had.

Parquet and Feather say themselves of which types their columns are. CSV says nothing, and what
pandas guesses is not always what training had: `NA` is a country, 00501 a town. So what was
declared is taken at its word, and a guess that would change what stands in the file is refused
or told of, never made in silence.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.violations import value_text
from serve_app.errors import InvalidInput
from serve_app.models.declared import Declared
from serve_app.models.typed import typed

GAPS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""The words that pandas takes for gaps in CSV."""

_PARQUET = frozenset({".parquet", ".pq"})
_FEATHER = frozenset({".feather", ".arrow"})
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
_TABS = frozenset({".tsv", ".tab"})
_FOREIGN = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "a spreadsheet"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "JSON"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle"),
    **dict.fromkeys((".h5", ".hdf", ".hdf5"), "HDF5"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "a database"),
    **dict.fromkeys((".npy", ".npz"), "NumPy's"),
}
_LEADING_ZERO = re.compile(r"\s*[+-]?0[0-9]+\s*")
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")
_SHOWN = 3
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file: the declared types by column, and the words that are gaps.

    Without `na_values`, a gap in a column declared as text is an empty cell, and in all others
    any of the words that pandas takes for one.
    """

    dtypes: Mapping[str, Declared] = field(default_factory=dict)
    na_values: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A frame, and what its reader took for granted, in words."""

    frame: pd.DataFrame
    notices: tuple[str, ...] = ()


def read_table(path: Path, reading: Reading = Reading()) -> Table:
    """The frame in a CSV, TSV, Parquet or Feather file; CSV may be compressed.

    Raises:
        InvalidInput: the file cannot be read, a declared column is not in it, a value is not of
            its type, or a column could be of several types that mean different things.
    """
    suffix = _kind(path)
    if suffix in _FOREIGN:
        msg = f"{path} is {_FOREIGN[suffix]}; store the table as CSV, TSV, Parquet or Feather"
        raise InvalidInput(msg)
    try:
        if suffix in _PARQUET:
            return _kept(pd.read_parquet(path), _categorical(path), reading, path)
        if suffix in _FEATHER:
            return _kept(pd.read_feather(path), {}, reading, path)
        return _read_csv(path, _delimiter(suffix), reading)
    except Exception as error:
        raise _unreadable(path, error) from error


def header(path: Path) -> list[str]:
    """The names of the columns of a CSV or TSV file; none of files that know their own types.

    Raises:
        InvalidInput: the file cannot be read.
    """
    suffix = _kind(path)
    if suffix in _PARQUET | _FEATHER:
        return []
    try:
        return [str(name) for name in _header(path, _delimiter(suffix))]
    except Exception as error:
        raise _unreadable(path, error) from error


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in _COMPRESSED else suffix


def _delimiter(suffix: str) -> str:
    return "\t" if suffix in _TABS else ","


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    """What is wrong with a file, whatever pandas, pyarrow or a decompressor say of it."""
    if isinstance(error, InvalidInput):
        return error
    reason = " ".join(str(error).split())[:_LONGEST]
    if isinstance(error, UnicodeDecodeError):
        reason = f"it is not UTF-8 ({reason}); store it again with encoding='utf-8'"
    elif isinstance(error, pd.errors.EmptyDataError):
        reason = "it is empty; the first line names the columns"
    elif isinstance(error, ImportError):
        reason = f"what reads it is not installed ({reason})"
    elif isinstance(error, PermissionError):
        reason = "permission denied"
    elif not isinstance(error, pd.errors.ParserError):
        reason = f"{type(error).__name__}: {reason}"
    return InvalidInput(f"{path} cannot be read: {reason}")


def _kept(
    frame: pd.DataFrame, lost: Mapping[str, Mapping[str, Any]], reading: Reading, path: Path
) -> Table:
    """A frame whose file knows its types, with those that were declared besides."""
    _check_names(frame.columns, reading.dtypes, path)
    notices: list[str] = []
    for label in list(frame.columns):
        name, series = str(label), frame[label].reset_index(drop=True)
        wanted = reading.dtypes.get(name)
        if wanted is not None:
            frame[label] = typed(name, series, wanted).set_axis(frame.index)
        elif name in lost and not isinstance(series.dtype, pd.CategoricalDtype):
            categorical, notice = _regained(name, series, lost[name])
            frame[label] = categorical.set_axis(frame.index)
            notices.append(notice)
    return Table(frame, tuple(notices))


def _categorical(path: Path) -> dict[str, Mapping[str, Any]]:
    """What pandas wrote of the categorical columns of a Parquet file.

    Parquet itself keeps categories of text alone: those of numbers are read as numbers.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import, and CSV needs it not

    metadata = pq.read_schema(path).pandas_metadata or {}
    return {
        str(column["name"]): column.get("metadata") or {}
        for column in metadata.get("columns", ())
        if column.get("pandas_type") == "categorical"
    }


def _regained(
    name: str, series: pd.Series[Any], metadata: Mapping[str, Any]
) -> tuple[pd.Series[Any], str]:
    """The categories of a column that Parquet kept as plain values.

    Raises:
        InvalidInput: they have an order, or are not all in the data.
    """
    categorical = series.astype("category")
    known = ", ".join(value_text(value) for value in categorical.cat.categories[:_SHOWN].tolist())
    listed = f"{known}{', …' if len(categorical.cat.categories) > _SHOWN else ''}"
    count = metadata.get("num_categories")
    if metadata.get("ordered") or count != len(categorical.cat.categories):
        msg = (
            f"column {name!r} had {count} categories, of which Parquet kept "
            f"no list since they are no text (the data has {listed}); write them in their order "
            f"into a file for --dtypes: {name}: {{type: category, categories: […]}}"
        )
        raise InvalidInput(msg, column=name)
    notice = (
        f"column {name!r}: Parquet kept no list of its categories; they are taken to be {listed}, "
        f"sorted. If training had another order, list them in a file for --dtypes"
    )
    return categorical, notice


def _read_csv(path: Path, delimiter: str, reading: Reading) -> Table:
    raw = _parsed(path, delimiter, dtype=object, keep_default_na=False, na_filter=False)
    _check_header(path, delimiter)
    _check_names(raw.columns, reading.dtypes, path)
    guessed = _guessed(path, delimiter, reading, list(raw.columns))
    columns: dict[Any, pd.Series[Any]] = {}
    notices: list[str] = []
    for name in raw.columns:
        wanted = reading.dtypes.get(name)
        if wanted is None or (wanted.word == "category" and wanted.inner is None):
            _check_guess(name, raw[name], guessed[name], categories=wanted is not None)
            notices.extend(_taken_for_gaps(name, raw[name], guessed[name], reading))
            columns[name] = guessed[name]
        else:
            columns[name] = _with_gaps(raw[name], wanted, reading)
        if wanted is not None:
            columns[name] = typed(name, columns[name], wanted)
    return Table(pd.DataFrame(columns, columns=raw.columns), tuple(notices))


def _guessed(path: Path, delimiter: str, reading: Reading, names: Sequence[str]) -> pd.DataFrame:
    """What `pandas.read_csv` makes of the columns that nobody declared."""
    given = (
        {"keep_default_na": False, "na_values": list(reading.na_values)}
        if (reading.na_values is not None)
        else {}
    )
    wanted = [
        name
        for name in names
        if name not in reading.dtypes
        or (reading.dtypes[name].word == "category" and reading.dtypes[name].inner is None)
    ]
    if not wanted:
        return pd.DataFrame()
    return _parsed(path, delimiter, usecols=wanted, **given)


def _parsed(path: Path, delimiter: str, **more: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame: pd.DataFrame = pd.read_csv(
                path, sep=delimiter, encoding="utf-8-sig", low_memory=False, index_col=False, **more
            )
        except pd.errors.ParserWarning as error:
            msg = f"{path} cannot be read: its rows have more cells than its header has names"
            raise InvalidInput(msg) from error
    return frame


def _with_gaps(raw: pd.Series[Any], wanted: Declared, reading: Reading) -> pd.Series[Any]:
    words = reading.na_values
    if words is None:
        words = ("",) if _is_text(wanted) else GAPS
    return raw.where(~raw.isin(words), None)


def _is_text(wanted: Declared) -> bool:
    word = wanted.inner or wanted.word
    return word in {"object", "str"} or word.startswith(("string", "large_string", "utf8"))


def _check_header(path: Path, delimiter: str) -> None:
    twice = [name for name, count in Counter(_header(path, delimiter)).items() if count > 1]
    if twice:
        raise InvalidInput(f"{path}: two columns are named {twice[0]!r}; give each its own name")


def _header(path: Path, delimiter: str) -> list[Any]:
    read = pd.read_csv(
        path,
        sep=delimiter,
        encoding="utf-8-sig",
        header=None,
        nrows=1,
        dtype=object,
        na_filter=False,
    )
    return list(read.iloc[0])


def _check_names(columns: Any, dtypes: Mapping[str, Declared], path: Path) -> None:
    known = [str(name) for name in columns]
    for name in dtypes:
        if name not in known:
            msg = f"--dtypes: {path} has no column {name!r}; it has {', '.join(map(repr, known))}"
            raise InvalidInput(msg, column=name)


def _check_guess(
    name: str, raw: pd.Series[Any], guessed: pd.Series[Any], *, categories: bool
) -> None:
    """Refuse what looks like a number and would become another text, or another number.

    Raises:
        InvalidInput: a column has leading zeros, or integers that doubles do not hold.
    """
    if guessed.dtype.kind not in "iuf":
        return
    texts = raw[guessed.notna()]
    zeros = texts[texts.str.fullmatch(_LEADING_ZERO)]
    if len(zeros):
        number = "int64" if guessed.dtype.kind in "iu" else "float64"
        template = "category[{}]" if categories else "{}"
        msg = (
            f"column {name!r} looks like text: {zeros.iloc[0]} in row {zeros.index[0]}; say "
            f"--dtypes {name}={template.format('string')}, or {name}={template.format(number)} if "
            "training had numbers"
        )
        raise InvalidInput(msg, column=name)
    if guessed.dtype.kind != "f":
        return
    large = np.flatnonzero((guessed.abs() >= 2**53).to_numpy())
    for row in large.tolist():
        text = raw.iloc[row]
        if _WHOLE.fullmatch(text) and int(text) != int(guessed.iloc[row]):
            msg = (
                f"column {name!r} has whole numbers that a double does not hold ({text.strip()} "
                f"in row {row}); say --dtypes {name}=string, or {name}=Int64"
            )
            raise InvalidInput(msg, column=name)


def _taken_for_gaps(
    name: str, raw: pd.Series[Any], guessed: pd.Series[Any], reading: Reading
) -> list[str]:
    """What to say of words in a column of text that pandas takes for gaps."""
    if reading.na_values is not None or guessed.dtype.kind in "biuf":
        return []
    words = Counter(raw[guessed.isna() & (raw != "")].tolist())
    if not words:
        return []
    listed = ", ".join(f"{word!r} ({count} times)" for word, count in words.most_common(_SHOWN))
    notice = (
        f"column {name!r}: {listed} is taken for a gap, as pandas takes it; if it is text, say "
        f"--dtypes {name}=string, or name the words that are gaps with --na-values"
    )
    return [notice]
