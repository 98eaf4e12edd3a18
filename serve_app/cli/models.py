"""`serve-app models`: what is registered, and which version an alias names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.completion import complete_version
from serve_app.cli.deletion import delete
from serve_app.cli.endpoints import COLUMN_HEADS, column_rows
from serve_app.cli.xgboost_options import told
from serve_app.core.reference import model_of
from serve_app.core.signature import Output, Signature
from serve_app.registry.aliases import AliasMove
from serve_app.registry.manifest import Compiled
from serve_app.registry.named import named
from serve_app.registry.store import Registry
from serve_app.registry.user import current_user


@click.group()
def models() -> None:
    """See registered models, verify versions, move aliases, delete."""


models.add_command(delete)


@models.command("list")
@output.option_registry
@output.as_json
def list_(registry: str, as_json: bool) -> None:
    """List every model with its versions and aliases."""
    store = Registry(registry)
    rows = [_line(store, name) for name in store.models()]
    if as_json:
        output.print_json(rows)
        return
    if not rows:
        click.echo(f"{registry} is empty; try: serve-app train-examples")
        return
    output.print_table(
        "Models",
        ["model", "versions", "newest", "flavour", "gives", "held-out metrics", "aliases"],
        [
            [
                row["model"],
                len(row["versions"]),
                row["newest"],
                row["flavour"],
                row["gives"],
                ", ".join(f"{name} {_number(v)}" for name, v in row["metrics"].items()),
                ", ".join(f"{alias}={version}" for alias, version in row["aliases"].items()),
            ]
            for row in rows
        ],
    )


def _line(store: Registry, name: str) -> dict[str, Any]:
    """A model in JSON's types; a metric that could not be computed is null."""
    versions = store.versions(name)
    newest = store.manifest(name, versions[-1])
    metrics = newest.metrics.model_dump(mode="json")["held_out"] if newest.metrics else {}
    return {
        "model": name,
        "versions": versions,
        "newest": versions[-1],
        "flavour": newest.flavour,
        "gives": newest.signature.output.kind,
        "metrics": metrics,
        "aliases": store.aliases(name),
    }


@models.command()
@click.argument("reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version)
@output.option_registry
@output.as_json
def show(reference: str, registry: str, as_json: bool) -> None:
    """Show one version's manifest; the newest when none is named."""
    store = Registry(registry)
    name, version = named(store, reference)
    manifest = store.manifest(name, version)
    if as_json:
        output.print_json(manifest.model_dump(mode="json"))
        return
    shown: list[tuple[str, Any]] = [
        ("version", f"{name}@{version}"),
        ("flavour", f"{manifest.flavour} ({manifest.format})"),
        ("gives", _gives(manifest.signature.output)),
        ("libraries", ", ".join(f"{k} {v}" for k, v in manifest.libraries.items())),
        ("registered", f"{manifest.created_at} by {manifest.created_by}"),
        ("came from", manifest.origin),
        ("own code", ", ".join(manifest.code)),
        ("needs modules", ", ".join(manifest.needs)),
        ("git commit", manifest.git_commit),
        ("files", ", ".join(f"{f.path} ({f.size_bytes} bytes)" for f in manifest.files)),
    ]
    shown += told(manifest)
    if manifest.compiled is not None:
        shown.append(
            ("computed by", compiled_line(manifest.compiled, len(manifest.signature.inputs)))
        )
    if manifest.signature.by_position:
        shown.append(("takes", by_position_line(manifest.signature)))
    shown.extend(("warning", warning) for warning in manifest.warnings)
    if manifest.training is not None:
        shown.append(("trained on", f"{manifest.training.rows} rows of {manifest.training.source}"))
    output.print_table("Version", ["what", "value"], shown)
    if manifest.metrics is not None:
        m = manifest.metrics
        output.print_table(
            "Metrics",
            ["metric", "cross-validated", "held out", "baseline, held out"],
            [
                [k, _number(m.cross_validated.get(k)), _number(v), _number(m.baseline.get(k))]
                for k, v in m.held_out.items()
            ],
        )
    inputs = [column.to_json() for column in manifest.signature.inputs]
    output.print_table("Columns", COLUMN_HEADS, column_rows(inputs))


def by_position_line(signature: Signature) -> str:
    """That a model knows no names for its columns, and their order."""
    return f"columns go by position: {', '.join(signature.names)}"


def compiled_line(compiled: Compiled, columns: int) -> str:
    """What became of compiling a version of so many columns, in a sentence."""
    if not compiled.served:
        return f"its own library: {compiled.reason}"
    speed = ", ".join(
        f"{ratio:g} x with {int(rows):,} row{'' if rows == '1' else 's'}"
        for rows, ratio in compiled.speedup.items()
    )
    line = (
        f"its compiled form ({compiled.backend}): equal on {compiled.compared_rows:,} rows"
        f"{_left_out(compiled, columns)}, largest difference {compiled.largest_difference:.1g}; "
        f"speed against the library's own: {speed}"
    )
    trade = compiled.quantised
    if trade is None:
        return line
    return (
        f"{line}; quantised to {trade.precision}: {trade.metric} {trade.before:.4f} became "
        f"{trade.after:.4f}, {trade.size_before:,} bytes became {trade.size_after:,}"
    )


def _left_out(compiled: Compiled, columns: int) -> str:
    """What a proof did not go through, where a model is too wide for all of it."""
    left: list[str] = []
    if compiled.probed_columns is not None and compiled.probed_columns < columns:
        left.append(
            f"values at the edges were tried one by one in {compiled.probed_columns:,} of "
            f"{columns:,} columns"
        )
    if compiled.refused_together:
        rows = compiled.refused_together
        left.append(f"{rows:,} more rows were refused by both, though not each alone")
    return f" ({'; '.join(left)})" if left else ""


def _gives(given: Output) -> str:
    more = {"probabilities": given.probabilities, "raw scores": given.raw_scores}
    of = f" of {', '.join(t.name for t in given.targets)}" if given.targets else ""
    return ", ".join([given.kind + of, *(name for name, there in more.items() if there)])


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


@models.command()
@click.argument("reference", metavar="MODEL[@VERSION]", shell_complete=complete_version)
@click.argument("alias_name", metavar="ALIAS", required=False)
@click.option("--remove", is_flag=True, help="Let ALIAS name no version any more.")
@click.option("--reason", help="Why it moves, for the history.")
@output.option_registry
@output.as_json
def alias(
    reference: str,
    alias_name: str | None,
    remove: bool,
    reason: str | None,
    registry: str,
    as_json: bool,
) -> None:
    """Let ALIAS (such as champion) name a version, or show a model's aliases and history."""
    store = Registry(registry)
    if remove:
        _remove_alias(store, reference, alias_name, reason, as_json=as_json)
        return
    if alias_name is not None:
        name, version = store.resolve(reference)
        move = store.set_alias(name, alias_name, version, by=current_user(), reason=reason)
        words = f"{name}@{alias_name} is now {name}@{version}"
        _moved(alias_name, move, words, as_json=as_json)
        return
    name = model_of(reference)
    moves = [
        {"alias": alias, **asdict(move)}
        for alias, history in store.alias_histories(name).items()
        for move in history
    ]
    if as_json:
        output.print_json(moves)
        return
    heads = ["alias", "version", "previous", "moved_at", "by", "reason"]
    output.print_table(f"Aliases of {name}", heads, [[m[h] for h in heads] for m in moves])


def _remove_alias(
    store: Registry,
    reference: str,
    alias_name: str | None,
    reason: str | None,
    *,
    as_json: bool,
) -> None:
    name, _, named = reference.partition("@")
    wanted = alias_name or named
    if not wanted:
        msg = f"Which alias of {name}? Write: serve-app models alias {name} ALIAS --remove"
        raise click.UsageError(msg)
    move = store.remove_alias(name, wanted, by=current_user(), reason=reason)
    _moved(wanted, move, f"{name}@{wanted} names no version any more", as_json=as_json)


def _moved(alias_name: str, move: AliasMove, words: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"alias": alias_name, **asdict(move)})
    else:
        click.echo(words)


@models.command()
@click.argument(
    "references", metavar="MODEL[@VERSION]...", nargs=-1, shell_complete=complete_version
)
@click.option("--allow-pickle", is_flag=True, help="Load pickles too, which can run any code.")
@output.option_registry
def verify(references: tuple[str, ...], allow_pickle: bool, registry: str) -> None:
    """Verify every digest and replay the sample of versions; all models when none is named."""
    from serve_app.engine.load import load

    store = Registry(registry)
    wanted = references or tuple(store.models())
    for reference in wanted:
        one = "@" in reference
        found = (
            [named(store, reference)]
            if one
            else [(reference, version) for version in store.versions(reference)]
            or [named(store, reference)]
        )
        for name, version in found:
            manifest = store.manifest(name, version)
            if manifest.compiled is not None and manifest.compiled.served:
                load(store, name, version)
            store.verify(name, version)
            coarse = manifest.compiled is not None and manifest.compiled.quantised is not None
            if not coarse and (not manifest.pickle or allow_pickle or manifest.needs_consent):
                load(store, name, version, allow_pickle=allow_pickle, native=True)
            click.echo(f"{name}@{version}: every digest and the sample are as registered")
