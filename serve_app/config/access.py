"""`access` of the gateway: who may ask, and what proves who that is."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from serve_app.config.base import Frozen
from serve_app.config.detail import DetailName, DetailSettings
from serve_app.config.management import ManagementSettings
from serve_app.config.names import located, valid
from serve_app.core.grants import grants_of

Mode = Literal["off", "open", "keys", "tokens", "any"]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
]  # fmt: skip
_PREFIX = re.compile(r"[A-Za-z0-9_.:@-]{0,40}")


def _keys(keys: str) -> str:
    """A file, or an https address, without what could make of it another one."""
    if "://" not in keys and not re.match(r"[a-z][a-z0-9+.-]*:", keys, re.IGNORECASE):
        return located(keys)
    parts = urlsplit(keys)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        msg = (
            "the issuer's keys are a file such as ./jwks.json, or an address such as "
            "https://id.example/jwks.json, without a user or password"
        )
        raise ValueError(msg)
    return keys


class TokenSettings(Frozen):
    """Whose tokens (JWT) count, and what their claims mean.

    `keys` is the issuer's JWKS: a file, or an https address that control fetches, at which
    `private_address` lets it reach private networks, and `ca_file` has the certificates of those
    that may vouch for it. Who a token names is `prefix` and its subject, so that nobody can be
    taken for the principal of a key. The claim `detail_claim` may say how exactly it is told what
    models say, as `detail` of a key does. `scopes` says what each scope of a token grants here;
    without it, scopes of tokens are named as ours are.
    """

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    keys: Annotated[str, AfterValidator(_keys)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("ES256", "RS256")
    leeway_s: Annotated[float, Field(ge=0, le=30)] = 30.0
    prefix: str = "jwt:"
    tenant_claim: str = "tenant"
    scope_claim: str = "scope"
    detail_claim: str = "detail"
    scopes: dict[str, Annotated[tuple[str, ...], valid(grants_of)]] = Field(default={})
    private_address: bool = False
    ca_file: str | None = None

    @property
    def address(self) -> str | None:
        """Where control fetches the keys; none where they are in a file."""
        return self.keys if "://" in self.keys else None

    @field_validator("prefix")
    @classmethod
    def _is_short(cls, prefix: str) -> str:
        if _PREFIX.fullmatch(prefix) is None:
            raise ValueError("up to 40 letters, digits, `_`, `.`, `:`, `@` and `-`")
        return prefix


class PrincipalSettings(Frozen):
    """Who shows a client certificate, and what they may do."""

    name: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$")]
    scopes: Annotated[tuple[str, ...], Field(min_length=1), valid(grants_of)]
    tenant: str = ""
    endpoints: tuple[str, ...] = ("*",)
    detail: DetailName | None = None


class CertificateSettings(Frozen):
    """The principals of client certificates, by their subjects, `CN=batch,O=Example,C=DE`.

    With `require` nobody is known without one: whoever shows one that is no principal's needs a
    key or a token as well.
    """

    require: bool = False
    principals: dict[str, PrincipalSettings] = Field(default={})


class AccessSettings(Frozen):
    """Who may ask a gateway.

    `off`: everybody who reaches it, which is this machine alone. `open`: everybody, and other
    machines may reach it. `keys`: whoever shows an API key. `tokens`: whoever shows a token of the
    issuer. `any`: either. Keys are those that control knows, and beside them those of `keys_file`,
    which every gateway reads, and again when it changes. `detail` is how exactly they learn what
    models answer, where their own key, token or certificate says nothing of that. `management`
    bounds what those with the scope `admin:endpoints` may change by the calls of other systems;
    where nobody is asked who they are, nobody may.
    """

    mode: Mode = "off"
    keys_file: Annotated[str, Field(min_length=1), AfterValidator(located)] | None = None
    detail: DetailSettings = DetailSettings()
    tokens: TokenSettings | None = None
    certificates: CertificateSettings | None = None
    management: ManagementSettings = ManagementSettings()

    @field_validator("mode", mode="before")
    @classmethod
    def _off_in_yaml(cls, mode: object) -> object:
        # YAML takes the bare word for a truth value.
        return "off" if mode is False else mode

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "AccessSettings":
        if self.mode in {"tokens", "any"} and self.tokens is None:
            msg = f"`mode: {self.mode}` needs `tokens: {{issuer: …, audience: …, keys: …}}`"
            raise ValueError(msg)
        if self.mode in {"off", "open"} and (self.tokens or self.certificates):
            msg = f"with `mode: {self.mode}` nobody is asked for tokens or certificates"
            raise ValueError(msg)
        if self.keys_file is not None and self.mode not in {"keys", "any"}:
            msg = f"with `mode: {self.mode}` nobody is asked for the keys of `keys_file`"
            raise ValueError(msg)
        return self

    @property
    def is_required(self) -> bool:
        """Whether callers must prove who they are."""
        return self.mode not in {"off", "open"}

    @property
    def proofs(self) -> tuple[str, ...]:
        """By what callers prove who they are: key, token, certificate; none where nobody does."""
        if not self.is_required:
            return ()
        keys = ("key",) if self.mode != "tokens" else ()
        tokens = ("token",) if self.mode != "keys" else ()
        principals = self.certificates is not None and self.certificates.principals
        return (*keys, *tokens, *(("certificate",) if principals else ()))
