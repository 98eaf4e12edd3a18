"""Bodies as browsers and `curl -F` send them: named fields, urlencoded or in several parts."""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from serve_app.errors import BadEncoding
from serve_app.protocols import json_body
from serve_app.protocols.dialect import FORM, media_type

MULTIPART = "multipart/form-data"
_MAX_FIELDS = 1000
_JSON_STARTS = (b"{", b"[")

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
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS
        )
    except ValueError as error:
        raise BadEncoding("the body is neither JSON nor a form of name=value pairs") from error
    found: dict[str, list[bytes]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value.encode())
    return found


def only(found: Fields, name: str) -> Any:
    """The JSON value of a field that stands once.

    Raises:
        BadEncoding: it does not, or holds no JSON.
    """
    values = found.get(name, [])
    if len(values) != 1:
        raise BadEncoding(f"the form must have the field {name!r} once", key=name)
    return json_body.parse_any(values[0], nan=True)


def _parts(body: bytes, content_type: str) -> Fields:
    """The fields of a form in parts, by the standard library's reader of mail."""
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    if not message.is_multipart() or message.defects:
        raise BadEncoding("the body is not the form in parts that its content type says")
    found: dict[str, list[bytes]] = {}
    for count, part in enumerate(message.iter_parts()):
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes) or count >= _MAX_FIELDS:
            raise BadEncoding("a part of the form has no name, or there are too many parts")
        found.setdefault(name, []).append(content)
    return found
