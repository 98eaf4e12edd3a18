"""Errors of the Open Inference Protocol: the words that Triton's clients look for come first."""

from __future__ import annotations

from serve_app.protocols import error_body, json_body
from serve_app.protocols.dialect import Refusal, Reply


def phrased(refusal: Refusal) -> Refusal:
    """The same, where it says that an endpoint or version is unknown in Triton's words first."""
    endpoint = refusal.details.get("endpoint")
    if refusal.code != "not_found" or not isinstance(endpoint, str):
        return refusal
    version = refusal.details.get("version")
    if version is None:
        first = f"Request for unknown model: '{endpoint}' is not found"
    elif isinstance(version, str) and version.isdecimal():
        first = f"Request for unknown model: '{endpoint}' version {version} is not found"
    else:
        first = f"failed to get model version from specified version string '{version}'"
    return refusal._replace(message=f"{first}: {refusal.message}")


def only_error(refusal: Refusal) -> Reply:
    """An error as the protocol has it."""
    return json_body.only_error(phrased(refusal))


def in_common_form(refusal: Refusal) -> Reply:
    """The same words in the form that clients of other systems read too."""
    return Reply(error_body.envelope(phrased(refusal)))
