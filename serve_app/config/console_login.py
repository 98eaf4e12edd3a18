"""`oidc` of `admin`: people log in to the console at a provider of OpenID Connect."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from serve_app.config.base import Frozen
from serve_app.config.names import located
from serve_app.config.secrets import read_setting
from serve_app.core.hosts import is_loopback


def _discovery(place: str) -> str:
    if "://" not in place:
        return located(place)
    parts = urlsplit(place)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        msg = (
            "the provider describes itself in a file such as ./provider.json, or at an address "
            "such as https://id.example/.well-known/openid-configuration"
        )
        raise ValueError(msg)
    return place


def _own_address(address: str) -> str:
    parts = urlsplit(address)
    is_here = parts.hostname is not None and is_loopback(parts.hostname)
    if (
        parts.scheme not in ({"https", "http"} if is_here else {"https"})
        or not parts.hostname
        or "@" in parts.netloc
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        msg = (
            "the address at which browsers reach the console is one such as "
            "https://ops.example:8091, or of this machine http://127.0.0.1:8091, without a path"
        )
        raise ValueError(msg)
    return address.rstrip("/")


class OidcSettings(Frozen):
    """Where people log in, and as which client of the provider the console does.

    `discovery` describes the provider: its `.well-known/openid-configuration`, or a file of the
    same. `address` is where browsers reach the console: the provider sends them back to
    `/console/login/return` there. Its tokens are those of `access.tokens`, by whose issuer and keys
    they count: with `credential: access_token` the session is whoever the access token is, with
    `id_token` whoever the ID token is. `client_secret` may be `{env: NAME}` or `{file: PATH}`.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    client_id: Annotated[str, Field(min_length=1)]
    discovery: Annotated[str, AfterValidator(_discovery)]
    address: Annotated[str, AfterValidator(_own_address)]
    client_secret: Annotated[str, BeforeValidator(read_setting)] | None = Field(
        default=None, repr=False
    )
    scopes: Annotated[tuple[str, ...], Field(min_length=1)] = ("openid",)
    credential: Literal["access_token", "id_token"] = "access_token"
