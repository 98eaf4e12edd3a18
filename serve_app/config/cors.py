"""Which pages of other origins may ask."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, model_validator

from serve_app.config.base import Frozen
from serve_app.redaction import has_secret

_ORIGIN = re.compile(
    r"((?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\]))(?::(?P<port>[0-9]+))?"
)
_USUAL_PORTS = {"http": 80, "https": 443}


def _origin(text: str) -> str:
    """An origin as browsers write it: in small letters, without the usual port of its scheme."""
    if text == "*":
        return text
    if text == "null":
        msg = "'null' is what any sandboxed page or local file sends; name the pages' own origin"
        raise ValueError(msg)
    origin = _ORIGIN.match(text.lower())
    if origin is None or not text.isascii():
        form = "write scheme://host or scheme://host:port, such as https://app.example.com"
        subdomains = "; each subdomain needs an origin of its own" if "*" in text else ""
        letters = "" if text.isascii() else "; hosts are in ASCII, as browsers send them (xn--…)"
        raise ValueError(f"{text!r} is no origin; {form}{subdomains}{letters}")
    if origin.end() < len(text):
        rest = text[origin.end() :]
        if has_secret(text):
            raise ValueError("an origin has no user or password, and ends with its host and port")
        msg = f"{text!r} has {rest!r} behind the host, where an origin ends: {origin.group()!r}"
        raise ValueError(msg)
    if origin["port"] is None:
        return origin.group()
    port = int(origin["port"][:6])
    if port not in range(1, 65536):
        raise ValueError(f"{text!r} names port {origin['port']}; ports are 1 to 65535")
    return origin[1] if port == _USUAL_PORTS.get(origin["scheme"]) else f"{origin[1]}:{port}"


def _listed(origins: object) -> object:
    if isinstance(origins, str):
        raise ValueError(f"origins are a list; write [{origins!r}]")  # noqa: TRY004 - pydantic's
    return origins


class CorsSettings(Frozen):
    """Which pages of other origins may ask from a browser (CORS).

    The origin `"*"` alone lets every page ask. `credentials` lets browsers send cookies and HTTP
    authentication along, to something in front that asks for them. Browsers remember what they
    were allowed for `max_age_s`.
    """

    origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...],
        BeforeValidator(_listed),
        Field(min_length=1),
    ]
    credentials: bool = False
    max_age_s: NonNegativeInt = 600

    @model_validator(mode="after")
    def _star_stands_alone(self) -> "CorsSettings":
        if "*" not in self.origins:
            return self
        if len(self.origins) > 1:
            msg = "the origin '*' is every page; write it alone, or name origins without it"
            raise ValueError(msg)
        if self.credentials:
            msg = "with `credentials`, origins are named one by one: '*' would let any page act"
            raise ValueError(msg)
        return self
