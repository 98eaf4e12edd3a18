"""Which version people mean: a number, an alias, or the newest."""

from __future__ import annotations

from serve_app.errors import NotFound
from serve_app.registry.store import Registry


def named(store: Registry, reference: str) -> tuple[str, int]:
    """The model and number that NAME@3 or NAME@alias names, or NAME with its newest version.

    Raises:
        NotFound: no such model or alias, or no version of it; names those that exist.
        InvalidInput: it names neither a number nor an alias.
    """
    if "@" in reference:
        return store.resolve(reference)
    versions = store.versions(reference)
    if not versions:
        known = [name for name in store.models() if store.versions(name)]
        msg = f"there is no model {reference!r}; models: {', '.join(known) or 'none'}"
        raise NotFound(msg, known=known)
    return reference, versions[-1]
