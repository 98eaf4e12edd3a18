"""Addresses of models on a server of MLflow's: `mlflow+https://host#models:/churn@champion`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from serve_app.core.hosts import leads_nowhere
from serve_app.errors import InvalidInput
from serve_app.redaction import without_secrets

PREFIX = "mlflow+"
_EXAMPLE = "mlflow+http://127.0.0.1:5000#models:/churn@champion"
_FORMS = (
    "models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME/latest, models:/m-ID or runs:/RUN/PATH"
)
_MODEL_ID = re.compile(r"m-[A-Za-z0-9_-]{1,255}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")

Kind = Literal["alias", "version", "latest", "logged", "run"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which model of a server: `name` is a registered model, a logged model's id or a run's.

    `part` is the alias, the number of the version, or the path below the run's artifacts.
    """

    kind: Kind
    name: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A model of a server; `server` is its address without credentials or a slash at its end."""

    server: str
    wanted: Wanted


def is_address(text: str) -> bool:
    """Whether a text is meant as an address on a server of MLflow's."""
    return text.startswith((f"{PREFIX}http://", f"{PREFIX}https://"))


def server_of(text: str) -> str:
    """The server's address in `mlflow+https://host:5000/prefix`, with or without `mlflow+`.

    Raises:
        InvalidInput: it is no address of http or https, or holds a user or a password, which
            would be written down wherever the address is.
    """
    url = text.removeprefix(PREFIX).rstrip("/")
    try:
        parts = urlsplit(url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_good = urlsplit(""), False
    if parts.username is not None or parts.password is not None:
        msg = (
            f"{without_secrets(text)}: a password in an address would be written down with it; "
            "give it as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a token as "
            "MLFLOW_TRACKING_TOKEN"
        )
        raise InvalidInput(msg)
    named = parts.scheme in {"http", "https"} and parts.hostname and port_is_good
    named = named and not leads_nowhere(parts.hostname or "")
    if not named or parts.query or parts.fragment or any(c.isspace() for c in url):
        msg = f"{without_secrets(text)!r} names no server of MLflow's; write such as {_EXAMPLE}"
        raise InvalidInput(msg)
    return url


def parse(text: str) -> Address:
    """Read an address.

    Raises:
        InvalidInput: it is none; says which part is wrong.
    """
    server, _, fragment = text.partition("#")
    return Address(server_of(server), _wanted(text, unquote(fragment)))


def _wanted(text: str, fragment: str) -> Wanted:
    scheme, _, rest = fragment.partition(":/")
    rest = rest.strip("/")
    if scheme == "runs":
        run, _, path = rest.partition("/")
        if _RUN_ID.fullmatch(run):
            return Wanted("run", run, path)
    elif scheme == "models" and _MODEL_ID.fullmatch(rest):
        return Wanted("logged", rest)
    elif scheme == "models" and "@" in rest:
        name, _, alias = rest.rpartition("@")
        if name and alias and "/" not in rest:
            return Wanted("alias", name, alias)
    elif scheme == "models" and "/" in rest:
        name, _, version = rest.partition("/")
        if version == "latest":
            return Wanted("latest", name)
        if _VERSION.fullmatch(version):
            return Wanted("version", name, version)
        msg = f"{without_secrets(text)}: {version!r} is no version of MLflow's; write {_FORMS}"
        raise InvalidInput(msg)
    shown = fragment or "nothing"
    msg = f"{without_secrets(text)}: behind # stands {shown!r}; write {_FORMS}"
    raise InvalidInput(msg)
