"""What is wrong in words for those who are outside: the cause, and nothing of the inside."""

import re
from collections.abc import Mapping
from typing import Any

from serve_app.errors import RegistryFailed, ServeError
from serve_app.redaction import without_secrets

LONGEST = 600
_BEGINNING = 120
_OURS = re.compile(r"serve_app\.errors\.\w+: (.+)")
_FRAME = re.compile(r'^(?:Traceback|\s+File "|\w*ray::)', re.MULTILINE)
_RAISED = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)
_ESCAPES = re.compile(
    r"(?:\x1b|\\x1b|\\033|\\u001b)\[[0-?]*[ -/]*[@-~]"  # colours, and what a repr made of them
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles and links
    r"|\x1b[@-_]?|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f]"  # all other control characters but tab and new line
)


def plain(message: str) -> str:
    """A message without colours, cursor movements and other control characters."""
    return _ESCAPES.sub("", message.replace("\r\n", "\n").replace("\r", "\n"))


def cause(message: str) -> str:
    """The cause of a failure in one line: our own error in it, or else the last that is there.

    A message of Serve's holds the traceback of another process, several times over; one
    without any is given as it is. Of a long one stand a few words of the beginning and all of
    the end, since the cause stands last.
    """
    message = plain(message)
    own = _OURS.findall(message)
    if own:
        return _shortened(own[-1])
    raised = _RAISED.findall(message) if _FRAME.search(message) else []
    if raised:
        kind, text = raised[-1]
        return _shortened(f"{kind}: {text}")
    return _shortened(message)


def causes(application: Mapping[str, Any]) -> str:
    """Why an application does not run: its deployments know better than it does itself.

    `application` is what Serve's REST API says of one.
    """
    deployments = application.get("deployments") or {}
    messages = [cause(one["message"]) for one in deployments.values() if one.get("message")]
    return "; ".join(dict.fromkeys(messages)) or cause(application.get("message") or "")


def words_for_outside(error: BaseException) -> str:
    """An error as strangers may see it: what the store says names files of this machine."""
    if isinstance(error, RegistryFailed):
        return "the registry cannot be read or written; the log of control says why"
    if isinstance(error, ServeError):
        return error.message
    return f"{type(error).__name__}; the log of this process says more"


def _shortened(message: str) -> str:
    line = without_secrets(" ".join(message.split()))
    if len(line) <= LONGEST:
        return line
    return f"{line[:_BEGINNING]} … {line[len(line) - (LONGEST - _BEGINNING - 3) :]}"
