"""`serve-app models`: what is registered."""

from __future__ import annotations

import json
from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import AdminClient, Place, ask_of_models, option_server
from serve_app.cli.aliases import alias
from serve_app.cli.completion import complete_version
from serve_app.cli.deletion import delete
from serve_app.cli.endpoint_tables import COLUMN_HEADS, column_rows
from serve_app.cli.history import history, where
from serve_app.cli.lineage import card, diff
from serve_app.cli.lineage_rows import lineage_rows
from serve_app.cli.registries import open_registry
from serve_app.cli.version_lines import by_position_line, compiled_line
from serve_app.cli.xgboost_options import settings
from serve_app.core.signature import Output
from serve_app.errors import ArtifactRejected, ServeError
from serve_app.redaction import without_secrets
from serve_app.registry.listed import listed
from serve_app.registry.manifest import Manifest, Profiled
from serve_app.registry.named import named


@click.group()
def models() -> None:
    """See and compare registered models, where they answer, move aliases, delete."""


for command in (alias, card, delete, diff, history, where):
    models.add_command(command)


@models.command("list")
@option_server
@output.option_state
@output.option_registry
@output.as_json
def list_(server: str | None, state: str, registry: str, as_json: bool) -> None:
    """List every model with its versions and aliases."""
    rows = ask_of_models(
        Place(server, state), AdminClient.models, lambda: listed(open_registry(registry))
    )
    if as_json:
        output.print_json(rows)
        return
    if not rows:
        click.echo(f"{server or without_secrets(registry)} is empty; try: serve-app train-examples")
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


@models.command()
@click.argument("reference", metavar="MODEL[@VERSION|@ALIAS]", shell_complete=complete_version)
@option_server
@output.option_state
@output.option_registry
@output.as_json
def show(reference: str, server: str | None, state: str, registry: str, as_json: bool) -> None:
    """Show one version's manifest; the newest when none is named."""

    def of_files() -> dict[str, Any]:
        store = open_registry(registry)
        body: dict[str, Any] = store.manifest(*named(store, reference)).model_dump(mode="json")
        return body

    body = ask_of_models(Place(server, state), lambda client: client.version(reference), of_files)
    if as_json:
        output.print_json(body)
        return
    manifest = Manifest.decode(json.dumps(body).encode())
    _show(manifest, walked_line(registry, manifest))


def walked_line(registry: str, manifest: Manifest) -> str | None:
    """Who walks the trees of a compiled version on this machine; None where it has none here."""
    if manifest.compiled is None or not manifest.compiled.served:
        return None
    from serve_app.models.compiled.model import FILE
    from serve_app.models.native.choice import kernels

    try:
        files = open_registry(registry).files_of(manifest, only=FILE).files
    except ServeError:
        # It was read from a server, whose registry lies elsewhere.
        return None
    try:
        return " and ".join(kernels(files[FILE])) or None
    except ArtifactRejected as error:
        return f"nobody: {error}"


def _show(manifest: Manifest, walked: str | None) -> None:
    shown: list[tuple[str, Any]] = [
        ("version", manifest.reference),
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
    shown += settings(manifest)
    if manifest.compiled is not None:
        shown.append(
            ("computed by", compiled_line(manifest.compiled, len(manifest.signature.inputs)))
        )
    if walked is not None:
        shown.append(("trees walked here by", walked))
    if manifest.profile is not None:
        shown.append(("profile", profile_line(manifest.profile)))
    if manifest.signature.by_position:
        shown.append(("takes", by_position_line(manifest.signature)))
    shown.extend(("warning", warning) for warning in manifest.warnings)
    if manifest.training is not None:
        shown.append(("trained on", f"{manifest.training.rows} rows of {manifest.training.source}"))
    if manifest.lineage is not None:
        shown += lineage_rows(manifest.lineage)
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


def profile_line(profile: Profiled) -> str:
    """Of what the profile of a version was made, in a sentence."""
    columns = f"{profile.features:,} column{'' if profile.features == 1 else 's'}"
    skipped = f" ({profile.skipped:,} more are not counted)" if profile.skipped else ""
    source = f" of {profile.source}" if profile.source else ""
    line = f"{columns}{skipped} in {profile.rows:,} rows{source}"
    if profile.scores_from is None:
        return line
    rows = f"{profile.scored_rows:,} rows"
    whose = {
        "held_out": f"{rows} that a clone was not fitted on",
        "training": f"{rows} of its training",
        "profile_data": f"{rows} of these",
    }
    return f"{line}; predictions of {whose[profile.scores_from]}"


def _gives(given: Output) -> str:
    more = {"probabilities": given.probabilities, "raw scores": given.raw_scores}
    of = f" of {', '.join(t.name for t in given.targets)}" if given.targets else ""
    return ", ".join([given.kind + of, *(name for name, there in more.items() if there)])


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


@models.command()
@click.argument(
    "references", metavar="MODEL[@VERSION]...", nargs=-1, shell_complete=complete_version
)
@click.option("--allow-pickle", is_flag=True, help="Load pickles too, which can run any code.")
@output.option_registry
@output.as_json
def verify(references: tuple[str, ...], allow_pickle: bool, registry: str, as_json: bool) -> None:
    """Verify every digest and replay the sample of versions; all models when none is named."""
    from serve_app.engine.load import load

    store = open_registry(registry)
    verified: list[str] = []
    wanted = references or tuple(store.models())
    for reference in wanted:
        one = "@" in reference
        versions = (
            [named(store, reference)]
            if one
            else [(reference, version) for version in store.versions(reference)]
            or [named(store, reference)]
        )
        for name, version in versions:
            manifest = store.manifest(name, version)
            if manifest.compiled is not None and manifest.compiled.served:
                load(store, name, version)
            store.verify(name, version)
            coarse = manifest.compiled is not None and manifest.compiled.quantised is not None
            if not coarse and (not manifest.pickle or allow_pickle or manifest.needs_consent):
                load(store, name, version, allow_pickle=allow_pickle, native=True)
            verified.append(f"{name}@{version}")
            if not as_json:
                click.echo(f"{verified[-1]}: every digest and the sample are as registered")
    if as_json:
        output.print_json({"verified": verified})
