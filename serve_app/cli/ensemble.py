"""`serve-app ensemble`: how much each member of an ensemble should count."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import ensemble_write, output
from serve_app.cli.completion import complete_endpoint
from serve_app.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from serve_app.core.columns import Columns
    from serve_app.core.snapshot import Endpoint
    from serve_app.documents.file_change import FileChange
    from serve_app.engine.held_out import LearnedWeights


@click.group()
def ensemble() -> None:
    """Learn how much each member of an ensemble should count."""


@ensemble.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@click.option("--endpoint", required=True, shell_complete=complete_endpoint, help="Whose members.")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Rows that no member was trained on: CSV, TSV, Parquet or Feather.",
)
@click.option("--target", required=True, help="The column that says what was true.")
@click.option(
    "--write", is_flag=True, help="Put them into CONFIG; its comments and layout stay as they are."
)
@output.option_registry
@output.as_json
def weights(config: str, registry: str, as_json: bool, **given: Any) -> None:
    """Learn the weights of an endpoint of a CONFIG from held-out rows, and print its variants.

    They sum to one, and are those of the least log loss of classes, or squared error of numbers.
    Nothing is changed without --write, and nothing is deployed by it.
    """
    wanted = _Learning(Path(config), **given)
    from serve_app.cli.registries import open_registry
    from serve_app.engine.held_out import learned_weights
    from serve_app.engine.load import load

    store = open_registry(registry)
    text = ensemble_write.read(wanted.config)
    spec = _endpoint(wanted.config, wanted.endpoint, store)
    columns, truth = _rows(Path(wanted.data), wanted.target, spec)

    def model_of(version: str) -> Any:
        name, number = store.resolve(version)
        return load(store, name, number).model

    learned = learned_weights(spec, columns, truth, model_of)
    change = ensemble_write.change_of(wanted.config, text, spec, learned) if wanted.write else None
    if change is not None:
        _require_declarable(change, store)
        change.write()
    if as_json:
        written = {} if change is None else {"written": str(change.file), "diff": change.diff()}
        output.print_json({**asdict(learned), **written})
    else:
        _tell(spec, learned, change)


@ensemble.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False))
@click.option("--endpoint", required=True, shell_complete=complete_endpoint, help="Whose members.")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Rows that no member was trained on: CSV, TSV, Parquet or Feather.",
)
@click.option("--target", required=True, help="The column that says what was true.")
@click.option("--name", required=True, help="The model that it becomes a version of.")
@click.option(
    "--with-column", "with_columns", multiple=True, metavar="COLUMN",
    help="A column of numbers that it takes besides; may be given several times.",
)  # fmt: skip
@output.option_registry
@output.as_json
def stack(config: str, registry: str, as_json: bool, **given: Any) -> None:
    """Train and register a meta-model over what the members of an endpoint of a CONFIG say.

    A logistic or ridge regression, fitted on held-out rows alone: the members are fitted already.
    """
    from serve_app.cli import ensemble_stack

    wanted = ensemble_stack.Stacking(Path(config), **given)
    ensemble_stack.stack(wanted, registry, _rows, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Learning:
    """For which endpoint weights are learned, from what, and whether they are written."""

    config: Path
    endpoint: str
    data: str
    target: str
    write: bool


def _require_declarable(change: FileChange, store: Any) -> None:
    """Refuse weights with which the endpoint could not be declared, such as too many of 0.

    Raises:
        ConfigError: it could not be; says why.
    """
    from serve_app.control.declare import read
    from serve_app.standalone.declaration import declared_in

    declared = declared_in(change.after, change.file).endpoints
    read(declared, store.manifest, store.resolve).checked()


def _endpoint(config: Path, name: str, store: Any) -> Endpoint:
    """The endpoint that a config declares, described in full."""
    from serve_app.control.declare import read
    from serve_app.standalone.declaration import read_config

    declared = read_config(config).endpoints
    endpoints = read(declared, store.manifest, store.resolve).checked()
    if name not in endpoints:
        known = sorted(endpoints)
        msg = f"{config} declares no endpoint {name!r}; it has {', '.join(known)}"
        raise NotFound(msg, known=known)
    return endpoints[name]


def _rows(data: Path, target: str, spec: Endpoint) -> tuple[Columns, list[Any]]:
    """The rows of a file as the endpoint takes them, and what was true of them."""
    from serve_app.core.schema import Policy, Schema
    from serve_app.models.tables import read_table

    frame = read_table(data).frame
    if target not in frame.columns:
        listed = ", ".join(map(str, frame.columns))
        raise InvalidInput(f"{data} has no column {target!r}; it has {listed}")
    truth = frame[target]
    if truth.isna().any():
        raise InvalidInput(f"{target!r} is missing in some rows of {data}; take them out")
    names = [name for name in spec.signature.names if name in frame.columns]
    given = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist()
             for name in names}  # fmt: skip
    schema = Schema(spec.signature.inputs, Policy.from_json(spec.reactions))
    columns, _ = schema.validate(given, len(frame))
    return columns, truth.tolist()


def _tell(spec: Endpoint, learned: LearnedWeights, change: FileChange | None) -> None:
    output.print_table(
        f"{spec.name}: {learned.loss} on {learned.rows} held-out rows",
        ("member", "alone", "weight"),
        [
            (version, f"{learned.alone[version]:.4f}", f"{weight:.4f}")
            for version, weight in learned.weights.items()
        ],
    )
    click.echo(
        f"{learned.loss}: {learned.before:.4f} with the weights of now, {learned.after:.4f} with "
        f"these, {learned.cross_validated:.4f} with weights from other parts of the rows"
    )
    if learned.cross_validated >= learned.before:
        output.warn(
            "on rows that weights were not learned from, they are no better than those of now"
        )
    if change is not None:
        diff = change.diff()
        click.echo(diff or f"{change.file} has these weights already")
        return
    click.echo("combine: weighted\nvariants:")
    for variant in spec.variants:
        weight = learned.weights[variant.version]
        click.echo(f"- {{model: {variant.declared}, weight: {weight:g}}}")
