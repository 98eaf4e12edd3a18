"""SciPy's special functions, imported when the first of them is needed.

Gateways and control read what is to be watched, and compute none of it: images that only serve
start without SciPy.
"""

from __future__ import annotations

from types import ModuleType

from serve_app.errors import ConfigError


def special() -> ModuleType:
    """The module `scipy.special`.

    Raises:
        ConfigError: SciPy is not installed.
    """
    try:
        import scipy.special  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        msg = (
            "drift is computed with SciPy, which is not installed: pip install 'serve-app[train]', "
            "or take the image `full` for the monitor"
        )
        raise ConfigError(msg) from error
    module: ModuleType = scipy.special
    return module
