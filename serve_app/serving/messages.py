"""What is wrong in words for those who are outside: the cause, and nothing of the inside."""

import re

from serve_app.errors import RegistryFailed, ServeError

_ENDED = re.compile(r"^\s*(?:\w+\.)*(\w*(?:Error|Exception|Failed|Rejected|Found|Input)): (.+)")
_OURS = frozenset({"ArtifactRejected", "ConfigError", "InvalidInput", "NotFound", "RegistryFailed"})
_LONGEST = 600


def cause(message: str) -> str:
    """The last error that a message of Serve's tells of; all of it in one line where none does.

    Serve puts a remote traceback around what a constructor or an import raised; the line in
    which it ends says what is wrong.
    """
    ended = [found for line in message.splitlines() if (found := _ENDED.match(line))]
    if not ended:
        return " ".join(message.split())[-_LONGEST:]
    kind, said = ended[-1].groups()
    told = said.strip() if kind in _OURS else f"{kind}: {said.strip()}"
    return told[:_LONGEST]


def told(error: ServeError) -> str:
    """An error as strangers may see it: what the store says names files of this machine."""
    if isinstance(error, RegistryFailed):
        return "the registry cannot be read or written; the log of control says why"
    return error.message
