"""Reads the bodies of changes of API keys: what is missing or wrong is said by its name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from serve_app.core.access import KeyOrder
from serve_app.core.caller import Caller
from serve_app.core.detail import detail_of
from serve_app.core.grants import grants_of
from serve_app.errors import Forbidden, InvalidInput
from serve_app.gateway.admin.key_schemas import DAY_S

_MOST = 100
_LONGEST_S = 3650 * DAY_S


def order(document: Mapping[str, Any]) -> KeyOrder:
    """What a new key is to be.

    Raises:
        InvalidInput: a member is missing, or is not what it must be.
    """
    scopes = _texts(document, "scopes")
    if not scopes:
        raise InvalidInput("'scopes' must be a list of what the key may do, such as [\"predict\"]")
    return KeyOrder(
        _text(document, "principal"),
        scopes,
        _text(document, "tenant"),
        _texts(document, "endpoints") or ("*",),
        _time(document, "not_before_s"),
        _time(document, "expires_at_s"),
        _detail(document),
    )


def check_granted(caller: Caller, order: KeyOrder) -> None:
    """Return where a caller may do all that a new key is to grant: nobody hands out more.

    Raises:
        InvalidInput: a scope is none.
        Forbidden: the caller may not do some of it, or is told less.
    """
    own = caller.detail
    if own is not None and not (order.detail and own.covers(detail_of(order.detail))):
        msg = f"{caller.name} is told answers as {own}, and a key of its making no more: name that"
        raise Forbidden(msg, detail=str(own))
    if not caller.grants.cover(grants_of(order.scopes, order.endpoints)):
        raise Forbidden(f"{caller.name} may not do all that this key would grant")


def overlap_s(document: Mapping[str, Any]) -> float:
    """How long two keys are valid together, in seconds.

    Raises:
        InvalidInput: it is no number of seconds up to ten years.
    """
    given = document.get("overlap_s", DAY_S)
    if not _is_number(given) or not 0 <= given <= _LONGEST_S:
        raise InvalidInput("'overlap_s' must be a number of seconds, up to ten years")
    return float(given)


def _text(document: Mapping[str, Any], name: str) -> str:
    given = document.get(name, "")
    if not isinstance(given, str):
        raise InvalidInput(f"{name!r} must be a text")
    return given


def _detail(document: Mapping[str, Any]) -> str:
    given = _text(document, "detail")
    if given:
        detail_of(given)
    return given


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = document.get(name, [])
    is_list = isinstance(given, list) and len(given) <= _MOST
    if not is_list or not all(isinstance(one, str) for one in given):
        raise InvalidInput(f"{name!r} must be a list of up to {_MOST} texts")
    return tuple(given)


def _time(document: Mapping[str, Any], name: str) -> float | None:
    given = document.get(name)
    if given is None:
        return None
    if not _is_number(given) or given < 0:
        raise InvalidInput(f"{name!r} must be a time in seconds since 1970, or null")
    return float(given)


def _is_number(given: Any) -> bool:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return is_number and math.isfinite(given)
