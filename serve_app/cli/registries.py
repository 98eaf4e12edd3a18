"""The registry that a command names, with the signatures that its options ask for checked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.errors import NotPermitted

if TYPE_CHECKING:
    from serve_app.registry.store import Registry
    from serve_app.security.signer import Signer


def open_registry(url: str, signer: Signer | None = None) -> Registry:
    """A registry, whose versions and aliases are held against the keys of `output.option_trust`.

    What is registered and moved is signed by `signer`.

    Raises:
        ConfigError: signatures are required of no key, or a key cannot be read.
    """
    from serve_app.registry.store import Registry

    keys, required = output.trust_given()
    if not keys and not required:
        return Registry(url, signer=signer)
    from serve_app.engine.trusted_registry import required_trust

    return Registry(url, trust=required_trust(keys, required=required), signer=signer)


def open_to_train(url: str, sign_key: str | None, signer: str | None) -> Registry:
    """A registry into which models are trained, which are signed with a key where one is given.

    Raises:
        NotPermitted: signatures are required, and there is no key: nothing would be loaded.
        InvalidInput: the file holds no private key of Ed25519.
        ConfigError: signatures are required of no key, or a key cannot be read.
    """
    signs = signer_of(sign_key, signer)
    if signs is None and output.trust_given()[1]:
        msg = (
            f"versions and aliases of {url} must be signed, and there is no key here to sign what "
            "is trained: name one with --sign-key KEY"
        )
        raise NotPermitted(msg)
    return open_registry(url, signs)


def option_signer(function: Callable[..., Any]) -> Callable[..., Any]:
    """With which key, and in whose name, something is signed."""
    key = click.option(
        "--sign-key",
        type=click.Path(exists=True, dir_okay=False),
        help="Sign it with this private key (PEM); serve-app signing-key makes one.",
    )
    name = click.option(
        "--signer", help="Who signs, as people will read it.  [default: who is logged in]"
    )
    return key(name(function))


def signer_of(key: str | None, name: str | None) -> Signer | None:
    """Who signs; nobody without a key.

    Raises:
        InvalidInput: the file holds no private key of Ed25519.
        ConfigError: `cryptography` is missing.
    """
    if key is None:
        return None
    from serve_app.registry.user import current_user
    from serve_app.security.signer import Signer
    from serve_app.security.signing import private_key

    private = private_key(Path(key).read_bytes())
    return Signer(private, name or current_user(), lambda: datetime.now(UTC))
