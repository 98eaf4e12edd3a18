"""Reads the forms of the console: what is missing or wrong is said by its name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.gateway import bodies
from serve_app.gateway.admin.actions import Change
from serve_app.gateway.admin.bodies import printable
from serve_app.gateway.context import headers_of
from serve_app.protocols.dialect import FORM

MAX_BODY_BYTES = 256 * 1024
MOST_FIELDS = 2000
LONGEST_REASON = 500
WEIGHT = "weight."
"""What the fields of weights begin with; the version follows."""
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A request of the console: by whom, for what, and with which fields."""

    request: Request
    caller: Caller
    request_id: str
    form: Form = field(default_factory=dict)

    @property
    def named(self) -> Mapping[str, str]:
        """The names in the path."""
        params: Mapping[str, str] = self.request.path_params
        return params

    def query(self, name: str) -> str:
        """A text of the address; empty where it is not there."""
        return printable(name, self.request.query_params.get(name, ""))


async def read(request: Request) -> Form:
    """The fields of a form, of which each may stand there once.

    Raises:
        BadEncoding: it is no form in UTF-8, or a field stands there twice.
    """
    body = await bodies.read(
        request.receive,
        headers_of(request.scope),
        max_bytes=MAX_BODY_BYTES,
        accepted=frozenset({FORM}),
    )
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        msg = f"the body is no form of at most {MOST_FIELDS:,} fields in UTF-8"
        raise BadEncoding(msg) from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise BadEncoding("a field stands twice in the form")
    return form


def change(form: Form, caller: Caller) -> Change:
    """Who changes something, and why: whoever is known, else who they say they are.

    Raises:
        InvalidInput: there is no reason, or a very long one.
    """
    reason = printable("reason", form.get("reason", "")).strip()
    by = printable("by", form.get("by", "")).strip()
    if not reason or len(reason) > LONGEST_REASON:
        msg = f"say why, in up to {LONGEST_REASON} characters: changes are kept with their reason"
        raise InvalidInput(msg)
    if len(by) > LONGEST_REASON:
        raise InvalidInput("your name is too long")
    return Change(by or "unknown" if caller == ANONYMOUS else caller.name, reason)


def weights(form: Form) -> dict[str, float]:
    """The weights of a form by version.

    Raises:
        InvalidInput: there are none, or one is no number of at least 0.
    """
    given = {
        name.removeprefix(WEIGHT): text for name, text in form.items() if name.startswith(WEIGHT)
    }
    if not given:
        raise InvalidInput("the form has no weights")
    return {version: _weight(version, text) for version, text in given.items()}


def _weight(version: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise InvalidInput(f"the weight of {version[:80]!r} must be a number of at least 0")
    return weight


def version_number(form: Form, name: str) -> int | None:
    """The number of a version; none where the field is empty.

    Raises:
        InvalidInput: it is no such number.
    """
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise InvalidInput(f"{name!r} must be the number of a version, got {text[:40]!r}")
    return int(text)
