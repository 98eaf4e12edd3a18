"""Calls of other systems that want a run: signed, fresh, and each of them once."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from typing import Any

from serve_app.errors import InvalidInput, Unauthenticated
from serve_app.lifecycle.retraining.trigger import Trigger

WINDOW_S = 300.0
"""So old, or so far ahead, a call's clock may be."""
LONGEST_BODY = 65_536
_SHORTEST_SECRET = 16
_LONGEST_ID = 200


def signature_of(secret: str, model: str, call_id: str, timestamp: str, body: bytes) -> str:
    """What signs a call: HMAC-SHA256 of model, id, time and body, in hexadecimal.

    Source: RFC 2104, with the message `<model>.<id>.<timestamp>.<body>`.
    """
    message = f"{model}.{call_id}.{timestamp}.".encode() + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def of_webhook(
    model: str, secret: str, headers: Mapping[str, str], body: bytes, now_s: float
) -> Trigger:
    """The trigger that a call is, if whoever knows the secret sent it just now.

    `headers` have `webhook-id`, `webhook-timestamp` (seconds since 1970) and
    `webhook-signature`, in lower case. Sent again, it is the same trigger. Its body is JSON: an
    object that may have a `reason`.

    Raises:
        Unauthenticated: its signature is not of this secret, or its time is too far from now.
        InvalidInput: it lacks a header, or its body is no object.
    """
    if len(secret) < _SHORTEST_SECRET:
        raise Unauthenticated(f"the secret of webhooks has fewer than {_SHORTEST_SECRET} letters")
    call_id, timestamp, given = (
        _header(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature")
    )
    if len(body) > LONGEST_BODY:
        raise InvalidInput(f"the body of a call has at most {LONGEST_BODY} bytes")
    wanted = signature_of(secret, model, call_id, timestamp, body)
    # Compared before anything else of it is read, and in the same time whatever it is.
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        raise Unauthenticated("the signature of the call is not of this secret")
    sent_s = _seconds(timestamp)
    if not abs(now_s - sent_s) <= WINDOW_S:
        off_s = now_s - sent_s
        when = f"{off_s:.0f} s ago" if off_s > 0 else f"{-off_s:.0f} s ahead of the clock here"
        msg = f"the call was signed {when}; at most {WINDOW_S:.0f} s may lie between"
        raise Unauthenticated(msg)
    content = _object(body)
    words = str(content.get("reason") or "another system asks for it")[:_LONGEST_ID]
    # JSON may hold halves of characters, which no database keeps.
    reason = words.encode("utf-8", "replace").decode()
    return Trigger(
        model, "webhook", reason, f"webhook:{call_id}", now_s, who="webhook",
        evidence={"id": call_id, "sent_s": sent_s, "body": content},
    )  # fmt: skip


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value or len(value) > _LONGEST_ID:
        raise InvalidInput(f"the call needs a header {name} of at most {_LONGEST_ID} letters")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput("webhook-timestamp is not in seconds since 1970")
    return value


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body of the call is no JSON") from error
    if not isinstance(content, dict):
        raise InvalidInput("the body of the call is no JSON object")
    return content
