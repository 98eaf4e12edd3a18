"""Whether the versions that endpoints ask have an application."""

from collections.abc import Collection, Iterator

from serve_app.core.reference import alias_of, application_name, model_of, parse
from serve_app.core.snapshot import Endpoint


def problems(spec: Endpoint, applications: Collection[str]) -> Iterator[str]:
    """What an endpoint asks by handle and no application holds, each with what to add.

    A version that an alias names may have an application of its own, or one of the alias's.
    """
    references = {version: reference for reference, version in spec.follows().items()}
    numbered = spec.by_number()
    for version in sorted(spec.by_handle()):
        reference = version if version in numbered else references[version]
        if not {application_name(version), application_name(reference)} & set(applications):
            yield _words(version, reference)


def follows(specs: Collection[Endpoint]) -> tuple[str, ...]:
    """The aliases that endpoints follow with what they name, `diagnosis-xgb@champion → 2`."""
    named = {one for spec in specs for one in spec.follows().items()}
    return tuple(f"{reference} → {parse(version)[1]}" for reference, version in sorted(named))


def _words(version: str, reference: str) -> str:
    alias = alias_of(reference)
    named = f"asks {version}" if alias is None else f"asks {reference}, which is {version} now"
    words = (
        f"{named}, but no application holds it; add one with `name: {application_name(version)}`, "
        f"`import_path: serve_app.app:model` and `args: {{model: {model_of(version)}, "
        f"version: {parse(version)[1]}}}`"
    )
    if alias is None:
        return words
    return (
        f"{words}, or one for whatever the alias names, with `name: {application_name(reference)}` "
        f"and `version: {alias}`"
    )
