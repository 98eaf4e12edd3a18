"""`serve-app models delete`: a version, or all versions of a model."""

from __future__ import annotations

import sys

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, option_server, reads_registry_itself
from serve_app.cli.completion import complete_version
from serve_app.cli.registries import open_registry
from serve_app.registry.store import Registry


@click.command()
@click.argument("reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version)
@click.option("--yes", "-y", is_flag=True, help="Delete a whole model without asking.")
@click.option("--reason", help="Why, for those who look at `serve-app events` of --server later.")
@option_server
@output.option_state
@output.option_registry
@output.as_json
def delete(
    reference: str,
    yes: bool,
    reason: str | None,
    server: str | None,
    state: str,
    registry: str,
    as_json: bool,
) -> None:
    """Delete a version, or a model with all of its versions.

    Refused while an alias names it, or the running cluster of --state or --server serves it: as a
    variant, a fallback, a preprocessing step or an application. Numbers are never used again.
    Without --server, from --registry.
    """
    if server and not reads_registry_itself():
        client = Place(server, state).client()
        if "@" not in reference and not yes:
            _confirm(reference, client.versions(reference))
        deleted = client.delete(reference, reason)
    else:
        deleted = _of_files(reference, state, registry, yes=yes)
    if as_json:
        output.print_json({"deleted": deleted})
        return
    for version in deleted:
        click.echo(f"deleted {version}")


def _of_files(reference: str, state: str, registry: str, *, yes: bool) -> list[str]:
    # Reading of a cluster takes a moment to import.
    from serve_app.cli.served import holders
    from serve_app.serving.holders import check_unneeded

    store = open_registry(registry)
    name, chosen = _chosen(store, reference)
    check_unneeded([f"{name}@{version}" for version in chosen], holders(state, registry))
    if "@" in reference:
        store.delete(name, chosen[0])
        return [f"{name}@{chosen[0]}"]
    if not yes:
        _confirm(name, chosen)
    return [f"{name}@{version}" for version in store.delete_model(name)]


def _chosen(store: Registry, reference: str) -> tuple[str, list[int]]:
    if "@" in reference:
        name, version = store.resolve(reference)
        return name, [version]
    store.aliases(reference)  # which refuses a name that no model has
    return reference, store.versions(reference)


def _confirm(name: str, versions: list[int]) -> None:
    count = f"{len(versions)} version{'' if len(versions) == 1 else 's'}"
    if not sys.stdin.isatty():
        msg = f"{name} has {count}; to delete all of it add --yes, or name one ({name}@1)"
        raise click.UsageError(msg)
    click.confirm(f"Delete {name} with {count} for good?", abort=True, err=True)
