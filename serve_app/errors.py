"""Every error that this package raises on purpose, grouped by what the caller can do.

    ServeError
    ├── ClientError            mend the request
    │   ├── InvalidInput       the rows break the schema
    │   ├── RowsRefused        the rows fit the schema, and the model takes no such values
    │   ├── BadEncoding        the bytes are not what the content type says
    │   ├── UnsupportedMedia   the content type or encoding is not spoken here
    │   ├── NotAcceptable      none of the content types that the client accepts is spoken here
    │   ├── Unauthenticated    nobody knows who asks
    │   ├── Forbidden          known, but not allowed to do this
    │   ├── NotPermitted       for operators alone, by `serve-app`
    │   ├── NotFound           no such endpoint, version or model
    │   │   └── NoSuchPath     nothing is at that path
    │   ├── Conflict           somebody else changed it first
    │   ├── HeaderTooLarge     a header is longer than its system allows
    │   ├── TooSlow            the body did not arrive in time
    │   └── TooLarge           body, rows or nesting above the limit
    ├── Unavailable            try again
    │   ├── Overloaded         more work than the replicas and their queues hold
    │   │   └── RateLimited    more than this principal may ask
    │   ├── NotReady           still starting
    │   │   └── ReplicaDied    who computed it died
    │   └── DeadlineExceeded   the time that the request had is over
    └── ServerFault            call the operator
        ├── ModelFailed        the model raised
        ├── ArtifactRejected   a digest, a sample or a type is not what was registered
        ├── RegistryFailed     the registry cannot be read or written
        ├── RecordsFailed      the log of predictions cannot be read or written
        └── ConfigError        the configuration cannot be served

An error carries a machine `code` and `details`, never a status: statuses stand in
`gateway/errors.py`. Errors cross process borders, so each survives pickling.
"""

from __future__ import annotations

from typing import Any

from serve_app.redaction import without_secrets

__all__ = [
    "ArtifactRejected",
    "BadEncoding",
    "ClientError",
    "ConfigError",
    "Conflict",
    "DeadlineExceeded",
    "Forbidden",
    "HeaderTooLarge",
    "InvalidInput",
    "ModelFailed",
    "NoSuchPath",
    "NotAcceptable",
    "NotFound",
    "NotPermitted",
    "NotReady",
    "Overloaded",
    "RateLimited",
    "RecordsFailed",
    "RegistryFailed",
    "ReplicaDied",
    "RowsRefused",
    "ServeError",
    "ServerFault",
    "TooLarge",
    "TooSlow",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedMedia",
]


class ServeError(Exception):
    """Base of every error that this package raises on purpose; no message tells a secret."""

    code = "internal"

    def __init__(self, message: str, /, **details: Any) -> None:
        super().__init__(without_secrets(message))
        self.details: dict[str, Any] = {
            name: without_secrets(value) if isinstance(value, str) else value
            for name, value in details.items()
        }

    @property
    def message(self) -> str:
        """What was wrong, where, and what to do, in one sentence or two."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details)


def _rebuild(kind: type[ServeError], message: str, details: dict[str, Any]) -> ServeError:
    return kind(message, **details)


class ClientError(ServeError):
    """The request cannot be served as it is; the caller can mend it."""

    code = "bad_request"


class InvalidInput(ClientError):
    """The rows break the schema; `details["violations"]` lists how."""

    code = "invalid_input"


class RowsRefused(ClientError):
    """The rows fit the schema, but hold values that the model itself refuses."""

    code = "rows_refused"


class BadEncoding(ClientError):
    """The bytes are not what the content type says."""

    code = "bad_encoding"


class UnsupportedMedia(ClientError):
    """The content type or encoding is not spoken here."""

    code = "unsupported_media_type"


class NotAcceptable(ClientError):
    """None of the content types that the client accepts is spoken here."""

    code = "not_acceptable"


class Unauthenticated(ClientError):
    """Nobody knows who asks: no credential, or one that is not valid here."""

    code = "unauthenticated"


class Forbidden(ClientError):
    """Who asks is known, sees what is asked for, and may not do this with it."""

    code = "forbidden"


class NotPermitted(ClientError):
    """Clients may not do this; operators may, by `serve-app`."""

    code = "not_permitted"


class NotFound(ClientError):
    """No such endpoint, version or model; `details["known"]` lists those that exist."""

    code = "not_found"


class NoSuchPath(NotFound):
    """Nothing is at that path."""

    code = "no_such_path"


class Conflict(ClientError):
    """Somebody else changed it first."""

    code = "conflict"


class TooLarge(ClientError):
    """Body or rows above the limit."""

    code = "too_large"


class HeaderTooLarge(ClientError):
    """A header is longer than its system allows."""

    code = "header_too_large"


class TooSlow(ClientError):
    """The body did not arrive in time."""

    code = "too_slow"


class Unavailable(ServeError):
    """Nothing is wrong with the request; try again after `details["retry_after_s"]`."""

    code = "unavailable"


class Overloaded(Unavailable):
    """More work than the replicas and their queues hold."""

    code = "overloaded"


class RateLimited(Overloaded):
    """More than this principal may ask, whatever others ask."""

    code = "rate_limited"


class NotReady(Unavailable):
    """Still starting, or no replica is there to answer."""

    code = "not_ready"


class ReplicaDied(NotReady):
    """The replica that computed this died meanwhile, perhaps by it."""

    code = "replica_died"


class DeadlineExceeded(Unavailable):
    """The time that the request had is over; its work is dropped."""

    code = "deadline_exceeded"


class ServerFault(ServeError):
    """Nothing the caller can do; the operator can."""


class ModelFailed(ServerFault):
    """A model raised while it computed."""

    code = "model_failed"


class ArtifactRejected(ServerFault):
    """A stored version is not, or does not behave like, what was registered."""

    code = "artifact_rejected"


class RegistryFailed(ServerFault):
    """The registry cannot be read or written."""

    code = "registry_failed"


class RecordsFailed(ServerFault):
    """The log of predictions cannot be read or written."""

    code = "records_failed"


class ConfigError(ServerFault):
    """The configuration cannot be served."""

    code = "config_error"


CANNOT = (Unavailable, ServerFault, RowsRefused)
"""What says that one variant cannot answer and another one may."""
