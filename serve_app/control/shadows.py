"""The shadows of a declared endpoint, and what of them cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serve_app.config import ShadowSettings
from serve_app.core.reference import alias_of
from serve_app.core.snapshot import Shadow, Variant
from serve_app.registry.manifest import Manifest

KeyPath = tuple[str | int, ...]
Placed = tuple[KeyPath, Manifest | None]
"""The keys that lead to a reference, and the manifest of the version that it names."""


def misplaced(
    variants: Sequence[Placed], shadows: Sequence[Placed], *, rests: bool = False
) -> Iterator[tuple[KeyPath, str]]:
    """Shadows that stand twice, or would be compared with nobody but themselves: where, and why.

    Where all aliases of a route have come to name one version, it `rests`: what a shadow is then
    shown is nothing, until its alias names another one.
    """
    answering = {manifest.reference for _, manifest in variants if manifest is not None}
    seen: set[str] = set()
    for path, manifest in shadows:
        if manifest is None:
            continue
        version = manifest.reference
        if answering == {version} and not (rests and len(variants) > 1):
            message = (
                f"{version} is the only variant here, so that it would be compared with itself "
                "alone; name another version as the shadow"
            )
            yield path, message
        elif version in seen:
            yield path, f"{version} stands twice among the shadows; take one of them out"
        seen.add(version)


def shadows_of(settings: Sequence[ShadowSettings], placed: Sequence[Placed]) -> tuple[Shadow, ...]:
    """The shadows of an endpoint whose manifests are all known."""
    return tuple(
        Shadow(variant_of(manifest, 0.0, one.model), one.sample, one.timeout_s)
        for one, (_, manifest) in zip(settings, placed, strict=True)
        if manifest is not None
    )


def variant_of(manifest: Manifest, weight: float, reference: str) -> Variant:
    """The version of a manifest as a target of an endpoint that names it by a reference."""
    output, alias = manifest.signature.output, alias_of(reference)
    return Variant(manifest.reference, weight, output.labels, output.targets, alias)
