"""Bodies as browsers and `curl -F` send them: named fields, urlencoded or in several parts."""

from __future__ import annotations

import email.message
import email.parser
import email.policy
from collections.abc import Mapping
from typing import Any

import numpy as np

from serve_app.errors import BadEncoding
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import FORM, media_type

MULTIPART = "multipart/form-data"
_MAX_FIELDS = 1000
_MAX_HEAD_BYTES = 8192
_CODED = frozenset({"base64", "quoted-printable"})
_JSON_STARTS = (b"{", b"[")
_DIGITS = np.full(256, 16, dtype=np.uint8)
for _value, _digit in enumerate(b"0123456789abcdef"):
    _DIGITS[[_digit, ord(chr(_digit).upper())]] = _value

Fields = Mapping[str, list[bytes]]
"""The values of each field, in their order."""


def fields(body: bytes, content_type: str) -> Fields | None:
    """The fields of a form; none where the body is no form.

    curl calls all that it is given with `-d` a form: what begins like JSON is none.

    Raises:
        BadEncoding: it calls itself a form and is none.
    """
    kind = media_type(content_type)
    if kind == MULTIPART:
        return _parts(body, content_type)
    if kind != FORM or body.lstrip()[:1] in _JSON_STARTS:
        return None
    if body.count(b"&") >= _MAX_FIELDS:
        raise BadEncoding(f"the form has more than {_MAX_FIELDS} fields")
    values: dict[str, list[bytes]] = {}
    for pair in body.split(b"&"):
        name, sign, value = (unquoted(part.replace(b"+", b" ")) for part in pair.partition(b"="))
        if not sign:
            raise BadEncoding("the body is neither JSON nor a form of name=value pairs")
        values.setdefault(name.decode(errors="replace"), []).append(value)
    return values


def unquoted(text: bytes) -> bytes:
    """The text with the bytes that stand for `%41` and the like; other `%` stay as they are."""
    if b"%" not in text:
        return text
    codes = np.frombuffer(text, dtype=np.uint8)
    signs = np.flatnonzero(codes[:-2] == ord("%"))
    high, low = _DIGITS[codes[signs + 1]], _DIGITS[codes[signs + 2]]
    are_digits = (high < 16) & (low < 16)
    signs = signs[are_digits]
    plain = codes.copy()
    plain[signs] = 16 * high[are_digits] + low[are_digits]
    kept = np.ones(len(codes), dtype=np.bool_)
    kept[signs + 1] = kept[signs + 2] = False
    return plain[kept].tobytes()


def only(form: Fields, name: str) -> Any:
    """The JSON value of a field that stands once.

    Raises:
        BadEncoding: it does not, or holds no JSON.
    """
    values = form.get(name, [])
    if len(values) != 1:
        raise BadEncoding(f"the form must have the field {name!r} once", key=name)
    return json_body.parse_any(values[0], nan=True)


def _parts(body: bytes, content_type: str) -> Fields:
    """The fields of a form in parts (RFC 7578)."""
    boundary = _header("Content-Type", content_type).get_boundary()
    if not boundary:
        raise BadEncoding("the content type of a form in parts must name their boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    _, *parts = (b"\r\n" + body).split(delimiter, _MAX_FIELDS + 2)
    # Behind the last delimiter there are only two signs.
    if len(parts) > _MAX_FIELDS + 1:
        raise BadEncoding(f"the form has more than {_MAX_FIELDS} parts")
    if not parts or not parts[-1].startswith(b"--"):
        raise BadEncoding("the body is not the form in parts that its content type says")
    contents: dict[str, list[bytes]] = {}
    for part in parts[:-1]:
        name, content = _part(part)
        contents.setdefault(name, []).append(content)
    return contents


def _part(part: bytes) -> tuple[str, bytes]:
    head, end, content = part.partition(b"\r\n\r\n")
    name = None
    if end and len(head) <= _MAX_HEAD_BYTES:
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            head.lstrip() + end, headersonly=True
        )
        name = message.get_param("name", header="content-disposition")
        if str(message.get("content-transfer-encoding", "")).lower() in _CODED:
            message.set_payload(content)
            decoded: Any = message.get_payload(decode=True)
            content = decoded
    if not isinstance(name, str):
        raise BadEncoding("a part of the form has no name, or a head that cannot be read")
    return name, content


def _header(name: str, value: str) -> email.message.Message:
    message = email.message.Message()
    message[name] = value
    return message
