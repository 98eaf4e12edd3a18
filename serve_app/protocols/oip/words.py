"""Errors of the Open Inference Protocol, in the words that its clients look for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from serve_app.protocols import error_body
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import Refusal, Reply, Words

Phrase = Callable[[Refusal], Refusal]
"""Puts an error in other words."""


def as_triton(refusal: Refusal) -> Refusal:
    """The same, where it says that an endpoint or version is unknown in Triton's words first."""
    endpoint, version = _unknown(refusal)
    if endpoint is None:
        return refusal
    if "asked_version" in refusal.details or version is None:
        first = f"Request for unknown model: '{endpoint}' is not found"
    elif version.isdecimal():
        first = f"Request for unknown model: '{endpoint}' version {version} is not found"
    else:
        first = f"failed to get model version from specified version string '{version}'"
    return refusal._replace(message=f"{first}: {refusal.message}")


def as_mlserver(refusal: Refusal) -> Refusal:
    """The same, where it says that an endpoint or version is unknown in MLServer's words alone."""
    endpoint, version = _unknown(refusal)
    if endpoint is None:
        return refusal
    named = endpoint if version is None else f"{endpoint} with version {version}"
    return refusal._replace(message=f"Model {named} not found")


_PHRASES: Mapping[str, Phrase] = {"mlserver": as_mlserver}


def phrase(server_name: str) -> Phrase:
    """The words of the server that metadata name; Triton's for all but MLServer."""
    return _PHRASES.get(server_name, as_triton)


def only_error(server_name: str) -> Words:
    """An error as the protocol has it, in the words of that server."""
    phrased = phrase(server_name)
    return lambda refusal: json_body.only_error(phrased(refusal))


def in_common_form(refusal: Refusal) -> Reply:
    """Triton's words in the form that clients of other systems read too."""
    return Reply(error_body.envelope(as_triton(refusal)))


def _unknown(refusal: Refusal) -> tuple[str | None, str | None]:
    """The endpoint that is not there, or that has not the version which is asked for."""
    details = refusal.details
    if refusal.code != "not_found" or "endpoint" not in details:
        return None, None
    return details["endpoint"], details.get("asked_version", details.get("version"))
