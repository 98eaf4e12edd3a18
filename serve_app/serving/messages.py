"""What is wrong in words for those who are outside: the cause, and nothing of the inside."""

import re
from collections.abc import Mapping
from typing import Any

from serve_app.errors import RegistryFailed, ServeError

LONGEST = 600
_OURS = re.compile(r"serve_app\.errors\.\w+: (.+)")
_FRAME = re.compile(r'^(?:Traceback|\s+File "|\w*ray::)', re.MULTILINE)
_RAISED = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)


def cause(message: str) -> str:
    """The cause of a failure in one line: our own error in it, or else the last that is there.

    A message of Serve's holds the traceback of another process, several times over; one
    without any is given as it is.
    """
    found = _OURS.findall(message)
    if found:
        return " ".join(found[-1].split())[:LONGEST]
    raised = _RAISED.findall(message) if _FRAME.search(message) else []
    if raised:
        kind, said = raised[-1]
        return f"{kind}: {' '.join(said.split())}"[:LONGEST]
    return " ".join(message.split())[:LONGEST]


def causes(application: Mapping[str, Any]) -> str:
    """Why an application does not run: its deployments know better than it does itself.

    `application` is what Serve's REST API says of one.
    """
    deployments = application.get("deployments") or {}
    said = [cause(one["message"]) for one in deployments.values() if one.get("message")]
    return "; ".join(dict.fromkeys(said)) or cause(application.get("message") or "")


def told(error: ServeError) -> str:
    """An error as strangers may see it: what the store says names files of this machine."""
    if isinstance(error, RegistryFailed):
        return "the registry cannot be read or written; the log of control says why"
    return error.message
