"""Whether somebody said that the pickles of an endpoint may be loaded."""

from collections.abc import Mapping
from typing import Any

from serve_app.errors import ConfigError
from serve_app.registry.store import Registry
from serve_app.serving.deploying import declaration


def check_consent(
    registry: Registry, settings: Mapping[str, Any], *, allow_pickle: bool
) -> frozenset[str]:
    """The versions of an endpoint that are pickles, where somebody said that they may be loaded.

    Raises:
        ConfigError: nobody did.
        NotFound: a version is not registered.
    """
    pickles = [
        reference
        for reference in sorted(declaration.versions_of(settings))
        if registry.manifest(*registry.resolve(reference)).needs_consent
    ]
    if pickles and not allow_pickle:
        msg = (
            f"{', '.join(pickles)} is a pickle, which can run any code when it is loaded; add "
            "--allow-pickle if you trust whoever registered it"
        )
        raise ConfigError(msg)
    return frozenset(pickles)
