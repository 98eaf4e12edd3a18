"""What pandas calls its dtypes, written so that the very same dtype can be made of the name.

pandas' own names leave things out (where strings are kept, what a sparse column is filled with),
and some of them it does not read itself.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

_SPARSE = re.compile(r"Sparse\[(?P<inner>\w+), (?P<fill>.+)\]")
_STRING = re.compile(r"(?P<name>string|str)(?:\[(?P<storage>\w+)\])?")
_DECIMAL = re.compile(r"decimal(?P<bits>32|64|128|256)\((?P<digits>\d+), (?P<scale>-?\d+)\)")
_TIMESTAMP = re.compile(r"timestamp\[(?P<unit>\w+)(?:, tz=(?P<zone>.+))?\]")
_DICTIONARY = re.compile(
    r"dictionary<values=(?P<values>.+), indices=(?P<indices>\w+), ordered=(?P<ordered>[01])>"
)
_ARROW = "[pyarrow]"
_ARROW_TEXT = "utf8[pyarrow]"


def name_of(dtype: Any) -> str:
    """The name of a dtype of a frame's column.

    Categories are told apart from the name: of all categorical dtypes it is `category`.
    """
    if isinstance(dtype, pd.StringDtype):
        plain = str(dtype)
        return plain if dtype == pd.api.types.pandas_dtype(plain) else f"{plain}[{dtype.storage}]"
    if isinstance(dtype, pd.ArrowDtype) and str(dtype) == "string[pyarrow]":
        # By that name pandas finds its own dtype of strings.
        return _ARROW_TEXT
    return str(dtype)


def of_name(name: str) -> Any:
    """The dtype that `name_of` named.

    Raises:
        TypeError: there is none of that name here.
    """
    sparse = _SPARSE.fullmatch(name)
    if sparse is not None:
        inner = np.dtype(sparse["inner"])
        fill = sparse["fill"]
        return pd.SparseDtype(inner, fill == "True" if inner.kind == "b" else inner.type(fill))
    text = _STRING.fullmatch(name)
    if text is not None and text["storage"] is not None:
        missing = np.nan if text["name"] == "str" else pd.NA
        return pd.StringDtype(text["storage"], na_value=missing)
    if name.endswith(_ARROW):
        return pd.ArrowDtype(_arrow(name[: -len(_ARROW)]))
    return pd.api.types.pandas_dtype(name)


def _arrow(name: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and few frames need it

    exact = _DECIMAL.fullmatch(name)
    if exact is not None:
        make = getattr(pa, f"decimal{exact['bits']}")
        return make(int(exact["digits"]), int(exact["scale"]))
    moment = _TIMESTAMP.fullmatch(name)
    if moment is not None:
        return pa.timestamp(moment["unit"], tz=moment["zone"])
    coded = _DICTIONARY.fullmatch(name)
    if coded is not None:
        indices, values = _arrow(coded["indices"]), _arrow(coded["values"])
        return pa.dictionary(indices, values, ordered=coded["ordered"] == "1")
    try:
        return pa.type_for_alias(name)
    except ValueError as error:
        msg = f"there is no Arrow type {name!r}"
        raise TypeError(msg) from error
