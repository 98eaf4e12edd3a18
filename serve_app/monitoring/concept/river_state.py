"""The state of river's detectors as JSON: their own fields, and nothing that is run when read.

Numbers of the compiled parts are kept as river packs them. Those are handed back only where the
digest is that of what was written: bytes of other origin would end the process.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from river import stats
from river.drift.binary.hddm_w import SampleInfo

from serve_app.errors import InvalidInput

_PACKED = "packed"
_PARTS = (stats.Mean, stats.Var, stats.EWMean, SampleInfo)
"""What the detectors consist of, besides numbers."""
_LOOSE = {"_test_drift"}
"""Fields that the settings decide alone."""


def encode(name: str, settings: Mapping[str, Any], detector: Any) -> bytes:
    """The state of a detector."""
    body = {
        "detector": name,
        "river": version("river"),
        "settings": dict(settings),
        "fields": _fields_of(detector, leave_out={*settings, *_LOOSE}),
    }
    text = json.dumps(body)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"sha256": digest, "body": text}).encode()


def decode(state: bytes, name: str, settings: Mapping[str, Any], fresh: Any) -> None:
    """Give a new detector the fields of a state.

    Raises:
        InvalidInput: that is no state, it was changed, or it is of another detector, of other
            settings or of another version of river.
    """
    body = _body(state)
    if body.get("detector") != name or body.get("settings") != dict(settings):
        raise InvalidInput(f"the state is not that of a {name!r} detector with these settings")
    if body.get("river") != version("river"):
        msg = f"the state is of river {body.get('river')}, and {version('river')} is installed"
        raise InvalidInput(msg)
    _restore(fresh, body["fields"])


def _body(state: bytes) -> dict[str, Any]:
    try:
        outer = json.loads(state)
        text, digest = outer["body"], outer["sha256"]
        intact = hashlib.sha256(text.encode()).hexdigest() == digest
        body = json.loads(text) if intact else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput("the state of a drift detector is not readable") from error
    if not isinstance(body, dict):
        raise InvalidInput("the state of a drift detector was damaged: its digest differs")
    return body


def _fields_of(owner: Any, leave_out: set[str]) -> dict[str, Any]:
    return {name: _encoded(value) for name, value in vars(owner).items() if name not in leave_out}


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, _PARTS):
        return _fields_of(value, leave_out=set())
    return {_PACKED: base64.b64encode(value.__getstate__()).decode()}


def _restore(owner: Any, fields: Mapping[str, Any]) -> None:
    for name, content in fields.items():
        if not isinstance(content, dict):
            setattr(owner, name, content)
        elif _PACKED in content:
            getattr(owner, name).__setstate__(base64.b64decode(content[_PACKED]))
        else:
            _restore(getattr(owner, name), content)
