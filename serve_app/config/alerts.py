"""Who is sent alerts, and when."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Location
from serve_app.core.hosts import is_own, leads_nowhere

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
NO_MESSAGES = "at this address clouds keep secrets, or nobody is; no messages are sent there"
Kind = Literal[
    "drift",
    "data_quality",
    "quality",
    "concept",
    "estimate",
    "multivariate",
    "domain",
    "outliers",
    "callers",
    "attribution",
    "shadow",
    "bandits",
    "experiment",
]
"""What a finding may be about: each watch of the monitor has one."""
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        # What stands there may be the secret itself: it is not repeated.
        raise ValueError(
            "this must be the name of an environment variable that holds the secret, such as "
            "SLACK_URL, and not the secret itself"
        )
    return name


def _url(url: str) -> str:
    problem = url_problem(url)
    if problem is not None:
        raise ValueError(problem)
    return url


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or not text.isascii() or not text.isprintable():
        raise ValueError("this must be one e-mail address, such as ops@example.org")
    return text


def url_problem(url: str) -> str | None:
    """What is wrong with a URL to which messages are sent, in words that do not repeat it."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_right:
        return "this must be an http:// or https:// URL with a host, such as https://example.org/x"
    if leads_nowhere(parts.hostname):
        return NO_MESSAGES
    if not url.isascii() or not url.isprintable() or " " in url:
        return "this must be a URL with no spaces or control characters"
    if "@" in parts.netloc:
        return "this URL has a user or password in it; put the whole URL into `url_env`"
    return None


Variable = Annotated[str, AfterValidator(_variable)]
Address = Annotated[str, AfterValidator(_address)]


class ReceiverSettings(Frozen):
    """What every receiver may choose: how grave, of what kinds, of which endpoints.

    Without `kinds` or `endpoints` it is sent those of all.
    """

    # What somebody wrote there by mistake may be a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    severity: Literal["warning", "critical"] = "warning"
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] | None = None
    endpoints: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class LogReceiver(ReceiverSettings):
    """One line of the monitor's log for each message."""

    kind: Literal["log"]


class WebhookReceiver(ReceiverSettings):
    """JSON to a URL: `url`, or what the environment variable `url_env` holds.

    With `secret_env`, each message is signed with what that variable holds. `ca_file` has the
    certificates of those that may vouch for the receiver, in place of the system's.
    """

    kind: Literal["webhook"]
    url: Annotated[str, AfterValidator(_url)] | None = None
    url_env: Variable | None = None
    secret_env: Variable | None = None
    ca_file: Location | None = None
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0

    @model_validator(mode="after")
    def _one_url(self) -> "WebhookReceiver":
        if (self.url is None) == (self.url_env is None):
            raise ValueError("a webhook needs one of `url` and `url_env`")
        return self


class SlackReceiver(ReceiverSettings):
    """An incoming webhook of Slack, or of what takes its form, whose URL `url_env` holds."""

    kind: Literal["slack"]
    url_env: Variable
    ca_file: Location | None = None
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0


class EmailReceiver(ReceiverSettings):
    """E-mail by a server that speaks SMTP, with TLS unless `security` is `none`.

    `username` logs in with the password that the variable `password_env` holds.
    """

    kind: Literal["email"]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$", max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Field(min_length=1, max_length=320)] | None = None
    password_env: Variable | None = None
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=50)]
    ca_file: Location | None = None
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0

    @model_validator(mode="after")
    def _login(self) -> "EmailReceiver":
        if leads_nowhere(self.host):
            raise ValueError(NO_MESSAGES)
        if (self.username is None) != (self.password_env is None):
            raise ValueError("`username` and `password_env` belong together")
        if self.username is not None and self.security == "none" and not is_own(self.host):
            raise ValueError("a password is sent with `security: starttls` or `tls` alone")
        return self


Receiver = Annotated[
    LogReceiver | WebhookReceiver | SlackReceiver | EmailReceiver, Field(discriminator="kind")
]
ReceiverName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$")]


class AlertArgs(Frozen):
    """Who is sent what is wrong, and when; without any of it, the log has it.

    What begins within `group_wait_s` seconds of an endpoint is one message; what stands on is
    sent again every `repeat_s`; it is over once it was away for `resolve_s`. A message that
    cannot be delivered is tried again until it is `give_up_s` old; at most `most_waiting` wait
    for each receiver. `link` is a URL for people, such as that of a dashboard.
    """

    receivers: Annotated[dict[ReceiverName, Receiver], Field(max_length=20)] = Field(
        default={"log": LogReceiver(kind="log")}
    )
    group_wait_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    repeat_s: Seconds = 14_400.0
    resolve_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    give_up_s: PositiveFloat = 21_600.0
    most_waiting: Annotated[PositiveInt, Field(le=1000)] = 100
    link: Annotated[str, AfterValidator(_url)] | None = None

    @model_validator(mode="after")
    def _paces(self) -> "AlertArgs":
        if self.repeat_s < self.group_wait_s:
            raise ValueError("`repeat_s` must be at least `group_wait_s`")
        return self

    def timing(self) -> dict[str, Any]:
        """The times of it, by name."""
        names = {"group_wait_s", "repeat_s", "resolve_s", "give_up_s", "most_waiting"}
        return self.model_dump(include=names)
