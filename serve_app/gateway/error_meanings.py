"""What errors mean to whoever gets one, and what to do about it, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serve_app import errors
from serve_app.gateway.errors import STATUS

_AGAIN = "Nothing is wrong with the request: send it again after the seconds in `retry-after`."
_OPERATOR = (
    "Nothing that a caller can mend: tell the operator the request id; the log has the rest."
)
_WORDS: Mapping[type[errors.ServeError], tuple[str, str]] = {
    errors.ServeError: ("Something unexpected happened on this side.", _OPERATOR),
    errors.ClientError: (
        "The request cannot be answered as it is.",
        "The message says what was wrong and where.",
    ),
    errors.InvalidInput: (
        "A row breaks the schema of the endpoint.",
        "`violations` names row, column, rule, what was there and what was expected.",
    ),
    errors.RowsRefused: (
        "Rows fit the schema, and the model takes no such values.",
        "The message is the model's own; ask whoever registered it which values it was made for.",
    ),
    errors.BadEncoding: (
        "The bytes are not what the content type says.",
        "Send JSON in UTF-8 with `content-type: application/json`, or what the type names.",
    ),
    errors.UnsupportedMedia: (
        "The content type or encoding is not spoken at this path.",
        "The message lists those that are.",
    ),
    errors.NotAcceptable: (
        "None of the types in `accept` is spoken at this path.",
        "Leave the header out, or name one of those in the message.",
    ),
    errors.Unauthenticated: (
        "Nobody knows who asks.",
        "Send `authorization: Bearer KEY`; an operator makes keys by `serve-app keys create`.",
    ),
    errors.Forbidden: (
        "Who asks is known, and may not do this.",
        "`scope` is what the key would have to grant.",
    ),
    errors.NotPermitted: (
        "Clients may not do this from here.",
        "The message says who may, or from where.",
    ),
    errors.NotFound: (
        "There is no such endpoint, model or version, or the key may not know of it.",
        "`known` lists those that there are, as far as the key may know; `GET /v1/endpoints` too.",
    ),
    errors.NoSuchPath: (
        "Nothing is at that path.",
        "Compare it with the paths above, also the method and the colon before the verb.",
    ),
    errors.Conflict: (
        "Somebody else changed it first, or it is there already.",
        "Look how it stands now, and decide again.",
    ),
    errors.TooLarge: (
        "The body, its rows or its nesting are above a limit.",
        "Send fewer rows at once; for files there are batch jobs.",
    ),
    errors.HeaderTooLarge: ("A header is longer than allowed.", "Send a shorter one."),
    errors.TooSlow: (
        "The body did not arrive in time.",
        "Send it again; compress large ones, or send fewer rows at once.",
    ),
    errors.Unavailable: ("It cannot be answered now.", _AGAIN),
    errors.Overloaded: ("There is more to do than fits in the queues.", _AGAIN),
    errors.RateLimited: ("This key asks more than it may.", _AGAIN),
    errors.NotReady: ("Whoever answers is still starting, or none is there.", _AGAIN),
    errors.ReplicaDied: (
        "The process that computed it died meanwhile.",
        f"{_AGAIN} If it is the same rows each time, send them apart to see which one it is.",
    ),
    errors.DeadlineExceeded: (
        "The time of the request is over, and its work is dropped.",
        "Send fewer rows at once, or let an operator give the endpoint a longer `timeout_s`.",
    ),
    errors.ServerFault: ("Something failed on this side.", _OPERATOR),
    errors.ModelFailed: ("The model raised while it computed.", _OPERATOR),
    errors.ArtifactRejected: ("A stored version is not what was registered.", _OPERATOR),
    errors.RegistryFailed: ("The registry cannot be read or written.", _OPERATOR),
    errors.RecordsFailed: ("The log of predictions cannot be read or written.", _OPERATOR),
    errors.ConfigError: ("The configuration cannot be served.", _OPERATOR),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """An error by its `code`, the status of HTTP that it has, what it means and what to do."""

    code: str
    status: int
    words: str
    advice: str


def _meaning(kind: type[errors.ServeError], words: str, advice: str) -> Meaning:
    status = next(STATUS[one] for one in kind.__mro__ if one in STATUS)
    return Meaning(kind.code, status, words, advice)


MEANINGS: Mapping[str, Meaning] = {
    one.code: one
    for one in sorted(
        # Of two with the same code, the more general one stands first and stays.
        (_meaning(kind, *words) for kind, words in reversed(tuple(_WORDS.items()))),
        key=lambda one: one.status,
    )
}
"""What every code means, those with the lower statuses first."""
