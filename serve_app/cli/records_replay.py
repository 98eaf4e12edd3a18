"""`serve-app records replay`: recorded requests, computed with another version."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_endpoint, complete_version
from serve_app.cli.records_options import Share, option_records, options_time

if TYPE_CHECKING:
    from serve_app.engine.load import Loaded
    from serve_app.engine.replay import Replayed
    from serve_app.registry.store import Registry


@click.command()
@option_records
@click.option("--endpoint", required=True, shell_complete=complete_endpoint, help="Whose requests.")
@click.option(
    "--version",
    required=True,
    metavar="MODEL@VERSION",
    shell_complete=complete_version,
    help="What computes them.",
)
@options_time
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="At most so many rows.",
)
@click.option(
    "--preprocess",
    metavar="MODEL@VERSION",
    shell_complete=complete_version,
    help="The transformer that runs before.  [default: the endpoint's, where --state is given]",
)
@click.option(
    "--state",
    type=click.Path(exists=True, file_okay=False),
    help="The folder that knows the cluster, whose endpoint says what runs before.",
)
@click.option(
    "--max-changed",
    type=Share(),
    help="Exit with 1 where a larger share of the rows is answered otherwise or refused.",
)
@click.option(
    "--tolerance",
    type=Share(),
    default=1e-9,
    show_default=True,
    help="The part of a number by which it may differ and still be equal.",
)
@click.option("--allow-pickle", is_flag=True, help="Load versions that are pickles, as register.")
@output.option_registry
@output.as_json
def replay(
    records: str, endpoint: str, max_changed: float | None, as_json: bool, **options: Any
) -> None:
    """Compute recorded requests with another version, and compare its answers with theirs."""
    from serve_app.errors import NotFound

    result = _replayed(records, endpoint, **options)
    if not result.rows:
        msg = (
            f"{records} has no answered requests of {endpoint!r} of that time whose features were "
            "kept; serve-app records list shows what there is"
        )
        raise NotFound(msg)
    changed = result.share_changed
    if as_json:
        shares = {"share_equal": result.share_equal, "share_changed": changed}
        examples = [one._asdict() for one in result.examples]
        output.print_json({**asdict(result), **shares, "examples": examples})
    else:
        _print(endpoint, result)
    if max_changed is not None and changed is not None and changed > max_changed:
        click.echo(f"{changed:.2%} of the rows changed, more than {max_changed:.2%}", err=True)
        click.get_current_context().exit(1)


def _replayed(
    records: str,
    endpoint: str,
    *,
    version: str,
    since_s: float | None,
    until_s: float | None,
    limit: int,
    preprocess: str | None,
    state: str | None,
    tolerance: float,
    allow_pickle: bool,
    registry: str,
) -> Replayed:
    from serve_app.cli.registries import open_registry
    from serve_app.engine import replay as replaying
    from serve_app.engine.load import check_kinds
    from serve_app.storage.records.calls import calls_of
    from serve_app.storage.records.files import Files
    from serve_app.storage.records.reader import Query, check_query

    wanted = Query(endpoint, since_s, until_s, limit=limit)
    check_query(wanted)
    store = open_registry(registry)
    before = preprocess or (None if state is None else _declared(state, endpoint))
    loaded = _load(store, version, allow_pickle=allow_pickle)
    prepare = None if before is None else _load(store, before, allow_pickle=allow_pickle)
    check_kinds(loaded, prepare, hint="; see --version")
    calls = (replaying.RecordedCall(*call) for call in calls_of(Files(records), wanted))
    return replaying.replay(
        calls, loaded, clock=time.perf_counter, prepare=prepare, tolerance=tolerance
    )


def _declared(state: str, endpoint: str) -> str | None:
    """The transformer of an endpoint, as the latest snapshot has it."""
    from serve_app.core.snapshot import Snapshot
    from serve_app.errors import NotFound
    from serve_app.storage.snapshots import SnapshotStore

    body = SnapshotStore(state).latest()
    endpoints = {} if body is None else Snapshot.from_json(body).endpoints
    if endpoint not in endpoints:
        known = ", ".join(sorted(endpoints)) or "none"
        raise NotFound(f"{state} knows no endpoint {endpoint!r}; it has {known}")
    preprocess = endpoints[endpoint].preprocess
    return None if preprocess is None else preprocess.version


def _load(store: Registry, reference: str, *, allow_pickle: bool) -> Loaded:
    from serve_app.engine.load import load
    from serve_app.registry.named import named

    return load(store, *named(store, reference), allow_pickle=allow_pickle)


def _print(endpoint: str, result: Replayed) -> None:
    rows: list[tuple[str, Any]] = [
        ("requests", f"{result.calls:,}"),
        ("rows", f"{result.rows:,}"),
        ("refused", f"{result.refused:,}"),
        ("answered otherwise", f"{result.changed:,}"),
        ("equal", None if result.share_equal is None else f"{result.share_equal:.2%}"),
        ("mean difference", _number(result.mean_difference)),
        ("largest difference", _number(result.largest_difference)),
        ("p50 of a call", _milliseconds(result.p50_s)),
        ("p99 of a call", _milliseconds(result.p99_s)),
    ]
    output.print_table(f"{endpoint}, computed with {result.version}", ["what", "value"], rows)
    if result.examples:
        output.print_table(
            "Answered otherwise",
            ["prediction", "row", "recorded", "computed"],
            [list(example) for example in result.examples],
        )
    for reason, count in result.reasons.items():
        click.echo(f"refused {count:,} rows: {reason}")


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"


def _milliseconds(value_s: float | None) -> str | None:
    return None if value_s is None else f"{value_s * 1000:.3f} ms"
