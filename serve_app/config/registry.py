"""Where versions are registered, and whose signatures they need."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from serve_app.config.base import Frozen
from serve_app.config.names import Location
from serve_app.config.secrets import SecretLocation


class RegistrySettings(Frozen):
    """A registry, at a folder or URL.

    `trusted_keys` are files of public keys (PEM). A version, or a move of an alias, that is signed
    must be signed with one of them; with `require_signed` all of them must be. `moves_seen` is a
    file of this machine that remembers how many moves aliases had, so that fewer are noticed.
    """

    # The URL may hold a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: SecretLocation = Field(default="./registry", repr=False)
    require_signed: bool = False
    moves_seen: Location | None = None
    trusted_keys: Annotated[tuple[Location, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _has_keys(self) -> "RegistrySettings":
        if self.require_signed and not self.trusted_keys:
            msg = (
                "`require_signed` needs `trusted_keys`: the files of the public keys that count, "
                "such as [./keys/release.pub.pem]"
            )
            raise ValueError(msg)
        return self

    @property
    def checks_signatures(self) -> bool:
        """Whether anything of it is held against signatures."""
        return bool(self.trusted_keys)


def _form(given: Any) -> str:
    return "settings" if isinstance(given, Mapping | RegistrySettings) else "url"


RegistryArg = Annotated[
    Annotated[Location, Tag("url")] | Annotated[RegistrySettings, Tag("settings")],
    Discriminator(_form),
]
"""A registry as configs have it: a folder or URL alone, or with whose signatures count."""


def registry_settings(given: str | RegistrySettings) -> RegistrySettings:
    """A registry with its settings, also where a folder or URL alone stands for it."""
    return given if isinstance(given, RegistrySettings) else RegistrySettings(url=given)
