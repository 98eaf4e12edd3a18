"""Calls to this machine go past the proxies that the environment names for all others."""

from collections.abc import Mapping

from serve_app.core.hosts import OWN

_NAMES = ("no_proxy", "NO_PROXY")


def past_proxies(environment: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """The variables with which programs reach this machine, and some hosts, past any proxy.

    What the environment excepts already stays excepted, and a proxy still counts for everybody
    else. Some programs read the lower-case name and some the upper, so both say the same.
    """
    given = [part.strip() for name in _NAMES for part in environment.get(name, "").split(",")]
    listed = ",".join(dict.fromkeys(part for part in (*given, *OWN, *hosts) if part))
    return dict.fromkeys(_NAMES, listed)
