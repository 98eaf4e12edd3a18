"""`serve-app models delete`: a version, or all versions of a model."""

from __future__ import annotations

import sys

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version
from serve_app.errors import Conflict
from serve_app.registry.store import Registry


@click.command()
@click.argument("reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version)
@click.option("--yes", "-y", is_flag=True, help="Delete a whole model without asking.")
@output.option_state
@output.option_registry
@output.as_json
def delete(reference: str, yes: bool, state: str, registry: str, as_json: bool) -> None:
    """Delete a version, or a model with all of its versions.

    Refused while an alias names it, or the running cluster of --state serves it: as a variant,
    a fallback, a preprocessing step or an application. Numbers are never used again.
    """
    store = Registry(registry)
    name, chosen = _chosen(store, reference)
    _check_unserved(state, registry, [f"{name}@{version}" for version in chosen])
    if "@" not in reference:
        if not yes:
            _confirm(name, chosen)
        deleted = store.delete_model(name)
    else:
        store.delete(name, chosen[0])
        deleted = chosen
    if as_json:
        output.print_json({"deleted": [f"{name}@{version}" for version in deleted]})
        return
    for version in deleted:
        click.echo(f"deleted {name}@{version}")


def _chosen(store: Registry, reference: str) -> tuple[str, list[int]]:
    if "@" in reference:
        name, version = store.resolve(reference)
        return name, [version]
    store.aliases(reference)  # which refuses a name that no model has
    return reference, store.versions(reference)


def _check_unserved(state: str, registry: str, versions: list[str]) -> None:
    # Reading of a cluster takes a moment to import.
    from serve_app.cli.served import holders

    needed = holders(state, registry)
    for version in versions:
        if version in needed:
            msg = (
                f"{version} is not deleted, since the running cluster needs it: "
                f"{', '.join(needed[version])}; take it out of what is deployed first"
            )
            raise Conflict(msg, version=version)


def _confirm(name: str, versions: list[int]) -> None:
    count = f"{len(versions)} version{'' if len(versions) == 1 else 's'}"
    if not sys.stdin.isatty():
        msg = f"{name} has {count}; to delete all of it add --yes, or name one ({name}@1)"
        raise click.UsageError(msg)
    click.confirm(f"Delete {name} with {count} for good?", abort=True, err=True)
