"""A registry as its settings want it: with the signatures that they ask for checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serve_app.config.registry import RegistrySettings, registry_settings
from serve_app.errors import ConfigError
from serve_app.registry.seen_moves import SeenMoves
from serve_app.registry.store import Registry
from serve_app.security.trusted_keys import TrustedKeys, read_trusted_keys


def open_registry(registry: str | RegistrySettings) -> Registry:
    """The registry of a config; whatever is read from it was checked as its settings want.

    Raises:
        ConfigError: a trusted key cannot be read, or `cryptography` is missing.
        RegistryFailed: the place cannot be used.
    """
    settings = registry_settings(registry)
    file = settings.moves_seen
    seen = None if file is None else SeenMoves(Path(file))
    return Registry(settings.url, trust=trust_of(settings), seen=seen)


def trust_of(settings: RegistrySettings) -> TrustedKeys | None:
    """Whose signatures count; none where nobody's do. Raises ConfigError as `open_registry`."""
    if not settings.checks_signatures:
        return None
    return read_trusted_keys(settings.trusted_keys, required=settings.require_signed)


def required_trust(keys: Sequence[str], *, required: bool) -> TrustedKeys | None:
    """Whose signatures count where files of keys and a switch say so, outside of a config.

    Raises:
        ConfigError: signatures are required of no key, or a key cannot be read.
    """
    if required and not keys:
        msg = (
            "signatures are required, and no key is trusted: name the files of public keys, with "
            "--trusted-key or in SERVE_APP_TRUSTED_KEYS"
        )
        raise ConfigError(msg)
    return read_trusted_keys(keys, required=required) if keys else None
