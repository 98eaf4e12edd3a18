"""Moves an alias of the registry as somebody wants it."""

from serve_app.gateway.admin.actions import AliasChange, Change
from serve_app.registry.aliases import AliasMove, Expected
from serve_app.registry.store import Registry


def moved_alias(
    registry: Registry, named: tuple[str, str], move: AliasChange, change: Change
) -> AliasMove:
    """Let an alias of a model, `named` together, name another version, or none.

    Raises:
        NotFound: there is no such model, version or alias.
        Conflict: it does not name what was expected.
    """
    model, alias = named
    expected = Expected(move.expected) if move.is_expected else None
    by, reason = change.who, change.why or None
    if move.version is None:
        return registry.remove_alias(model, alias, by=by, reason=reason, expected=expected)
    return registry.set_alias(model, alias, move.version, by=by, reason=reason, expected=expected)
