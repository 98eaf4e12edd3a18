"""Versions that aliases named before, and that stay loaded so that the way back is short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from serve_app.core.reference import application_name

if TYPE_CHECKING:
    from serve_app.core.snapshot import Endpoint, Snapshot


def kept_by_gateways(endpoints: Iterable[Endpoint], kept: Mapping[str, str]) -> frozenset[str]:
    """The former versions of those that gateways compute themselves.

    `kept` is by the references that endpoints follow.
    """
    return frozenset(
        kept[reference]
        for endpoint in endpoints
        for reference, version in endpoint.follows().items()
        if reference in kept and version in endpoint.loads()
    )


def kept_by_application(
    application: str, placed: Mapping[str, str], follows: Mapping[str, str], kept: Mapping[str, str]
) -> frozenset[str]:
    """The former versions that an application of an alias keeps beside what answers in it.

    `placed` are the applications of all versions that are asked, `follows` the versions that
    references name now. What answers elsewhere needs no second place.
    """
    return frozenset(
        former
        for reference, former in kept.items()
        if application_name(reference) == application
        and placed.get(follows.get(reference, "")) == application
        and former not in placed
    )


def loaded(snapshot: Snapshot) -> frozenset[str]:
    """The versions that answer under a snapshot, and the former ones that stay loaded beside."""
    endpoints, placed, kept = snapshot.endpoints.values(), snapshot.placed(), snapshot.kept
    follows = {r: version for one in endpoints for r, version in one.follows().items()}
    answering = (one.asks() for one in endpoints)
    beside = (
        kept_by_application(application, placed, follows, kept)
        for application in set(placed.values())
    )
    return frozenset().union(*answering, *beside, kept_by_gateways(endpoints, kept))
