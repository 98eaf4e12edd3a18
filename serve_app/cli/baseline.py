"""`serve-app monitor baseline`: recorded rows become what later ones are held against."""

from __future__ import annotations

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_endpoint, complete_version
from serve_app.cli.records_options import option_records, options_time


@click.command()
@click.argument("version", metavar="MODEL@VERSION", shell_complete=complete_version)
@click.option("--endpoint", required=True, shell_complete=complete_endpoint, help="Whose requests.")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="At most so many rows, the oldest first.",
)
@options_time
@option_records
@output.option_registry
@output.option_state
@output.as_json
def baseline(
    version: str,
    endpoint: str,
    rows: int,
    since_s: float | None,
    until_s: float | None,
    records: str,
    registry: str,
    state: str,
    as_json: bool,
) -> None:
    """Make the first recorded rows of a version its reference, where it came without data.

    Gateways count by it within a minute. Versions that were registered with data have a profile
    of it, which stays.
    """
    from serve_app.cli.registries import open_registry
    from serve_app.errors import Conflict
    from serve_app.storage.baselines import BaselineStore
    from serve_app.storage.recorded_baseline import baseline_of
    from serve_app.storage.records.files import Files
    from serve_app.storage.records.reader import Query

    store = open_registry(registry)
    manifest = store.manifest(*store.resolve(version))
    if manifest.profile is not None:
        msg = (
            f"{manifest.reference} has a profile of the data that it was registered with, by "
            "which its rows are judged; a baseline is for versions that came without data"
        )
        raise Conflict(msg)
    transforms = manifest.signature.output.kind == "transform"
    answered_by = None if transforms else manifest.reference
    wanted = Query(endpoint, since_s, until_s, variant=answered_by, limit=rows)
    profile = baseline_of(Files(records), wanted, manifest.signature.output)
    BaselineStore(state).save(manifest.reference, profile)
    if as_json:
        output.print_json(
            {"version": manifest.reference, "rows": profile.rows, "digest": profile.digest}
        )
        return
    click.echo(f"{manifest.reference} is judged by {profile.source} from now on")
