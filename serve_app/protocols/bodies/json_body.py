"""What the JSON dialects share: reading an object, counting rows, writing arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import orjson

from serve_app.core.columns import Array
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, TooLarge
from serve_app.protocols.bodies import json_pieces
from serve_app.protocols.dialect import Refusal, Reply


def parse(body: bytes, *, nan: bool = False) -> dict[str, Any]:
    """The object that a JSON body holds; of a key that stands twice, the last counts.

    Raises:
        BadEncoding: it is not UTF-8, not JSON, nested too deeply, or no object.
    """
    return _as_object(parse_any(body, nan=nan))


def parse_any(body: bytes, *, nan: bool = False) -> Any:
    """The value that a JSON body holds.

    With `nan`, the tokens NaN, Infinity and -Infinity are numbers: JSON has no such tokens, yet
    clients of the Open Inference Protocol and of MLflow send them.

    Raises:
        BadEncoding: it is not UTF-8, not JSON, or nested too deeply.
        TooLarge: it holds very many lists and objects.
    """
    load = _loaded_with_nan if nan else orjson.loads
    try:
        if len(body) >= json_pieces.LARGE_BYTES:
            return json_pieces.parse(body, load)
        return load(body)
    except orjson.JSONDecodeError as error:
        _refuse(body, error)


def _loaded_with_nan(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
        try:
            document = json.loads(body)
            # The standard library reads lone surrogates too, which nobody can write again.
            orjson.dumps(document)
        except (ValueError, TypeError, RecursionError):
            document = None
        if document is None:
            raise
        return document


def members(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under an optional key; empty where it is absent or null.

    Raises:
        BadEncoding: something else stands there.
    """
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadEncoding(f"{key!r} must be an object, got {value_text(value)}", key=key)
    return value


def identity(document: Mapping[str, Any]) -> str | None:
    """The optional `id` of a body.

    Raises:
        BadEncoding: it is neither a string nor an integer.
    """
    value = document.get("id")
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadEncoding(f"'id' must be a string, got {value_text(value)}", key="id")


def check_rows(rows: int, max_rows: int) -> None:
    """Hold the number of rows against the limit.

    Raises:
        TooLarge: there are more.
    """
    if rows > max_rows:
        msg = f"the body holds {rows} rows, above the limit of {max_rows}; split it"
        raise TooLarge(msg, rows=rows, max_rows=max_rows)


def plain(array: Array) -> Array | list[Any]:
    """An array as `dump` can write it: numbers stay an array, everything else is a list."""
    if array.dtype.kind in "biuf" and array.dtype.isnative and array.dtype.itemsize <= 8:
        return np.ascontiguousarray(array)
    listed: list[Any] = array.tolist()
    return listed


def dump(body: Any) -> bytes:
    """A value as JSON; NaN and infinities become null, unknown kinds their text."""
    return orjson.dumps(body, default=str, option=orjson.OPT_SERIALIZE_NUMPY)


def plain_value(body: Any) -> Any:
    """A value as who reads what `dump` writes of it has it."""
    return orjson.loads(dump(body))


def dump_tokens(body: Mapping[str, Any]) -> bytes:
    """An object as JSON, in which NaN and infinities are the tokens that JSON does not have."""
    arrays = [value for value in body.values() if isinstance(value, np.ndarray)]
    if all(value.dtype.kind != "f" or np.isfinite(value).all() for value in arrays):
        return dump(body)
    listed = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in body.items()}
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":")).encode()


def rows_under(document: Mapping[str, Any], key: str) -> list[Any]:
    """The list of rows that stands under a key.

    Raises:
        BadEncoding: something else does, or nothing.
    """
    instances = document.get(key)
    if not isinstance(instances, list):
        raise BadEncoding(f"{key!r} must be a list of rows, got {value_text(instances)}", key=key)
    return instances


def only_error(refusal: Refusal) -> Reply:
    """An error as TensorFlow Serving, KServe and the Open Inference Protocol say it."""
    return Reply(dump({"error": refusal.message}))


def _as_object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise BadEncoding(f"the body must be a JSON object, got {value_text(document)}")
    return document


def _refuse(body: bytes, error: orjson.JSONDecodeError) -> NoReturn:
    try:
        body.decode()
    except UnicodeDecodeError as undecodable:
        msg = f"the body is not UTF-8: byte {undecodable.start} does not fit"
        raise BadEncoding(msg, position=undecodable.start) from None
    reason = error.msg.lower()
    if not body.strip():
        raise BadEncoding("the body is empty; send a JSON object") from None
    if "depth" in reason or "recursion" in reason:
        raise BadEncoding("the body is nested too deeply") from None
    msg = f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    raise BadEncoding(msg, line=error.lineno, column=error.colno, position=error.pos) from None
