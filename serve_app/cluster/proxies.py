"""Calls to this machine and between nodes go past the proxies that the environment names."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.hosts import OWN

_NAMES = ("no_proxy", "NO_PROXY")
# Serve's replicas call each other over gRPC by address, on one machine too, and by one that no
# list of names holds. Nothing else of ours speaks gRPC to addresses.
_ALL_ADDRESSES = ("0.0.0.0/0", "::/0")


def past_proxies(environment: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """The variables with which programs reach this machine, and some hosts, past any proxy.

    What the environment excepts already stays excepted, and a proxy still counts for everybody
    else. Some programs read the lower-case name and some the upper, so both say the same.
    """
    listed = (*_listed(environment, _NAMES), *OWN, *hosts)
    between = (*_listed(environment, ("no_grpc_proxy",)), *listed, *_ALL_ADDRESSES)
    return {
        **dict.fromkeys(_NAMES, ",".join(dict.fromkeys(listed))),
        "no_grpc_proxy": ",".join(dict.fromkeys(between)),
    }


def _listed(environment: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    parts = (part.strip() for name in names for part in environment.get(name, "").split(","))
    return [part for part in parts if part]
