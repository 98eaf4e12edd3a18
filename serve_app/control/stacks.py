"""The meta-model of a declared stack, held against what its members give."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.config import EndpointSettings
from serve_app.core.meta_model import MetaModel
from serve_app.core.reference import alias_of
from serve_app.core.signature import Column
from serve_app.core.stacking import Member, sources_of
from serve_app.registry.manifest import Manifest

META = ("route", "meta")
"""The keys that lead to the meta-model of an endpoint."""


def meta_of(
    meta: Manifest,
    members: Sequence[Manifest],
    shown: Sequence[Column],
    settings: EndpointSettings,
) -> MetaModel:
    """The meta-model of an endpoint, with where each of its columns comes from.

    `shown` are the columns that members are shown.

    Raises:
        ConfigError: its columns are not what the members give and `with_columns` names.
    """
    route = settings.route
    named = route.meta_model()
    sources = sources_of(
        meta.signature,
        [Member(one.reference, one.signature.output) for one in members],
        {column.name: column for column in shown},
        route.own().get("with_columns") or (),
    )
    return MetaModel(
        version=meta.reference,
        inline=named is not None and named.is_inline(settings.placement),
        labels=meta.signature.output.labels,
        sources=sources,
        alias=None if named is None else alias_of(named.model),
    )
