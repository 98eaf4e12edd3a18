"""`serve-app train-examples`: real models in the registry."""

from __future__ import annotations

import time
from pathlib import Path

import click

from serve_app.cli import output
from serve_app.cli.registries import open_registry
from serve_app.cli.train_places import option_runs
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from serve_app.registry.user import current_user

ORDER = ("diagnosis", "progression", "cultivar", "millimetres", "stacker")


@click.command("train-examples")
@click.argument("examples", nargs=-1, type=click.Choice(ORDER))
@option_runs
@output.option_registry
@output.as_json
def train_examples(examples: tuple[str, ...], runs: str, registry: str, as_json: bool) -> None:
    """Train, evaluate and register EXAMPLES (all of them when none is named).

    Each model comes from a pipeline in pipelines/demo, whose run `serve-app train status` shows.
    A model that is registered already is left as it is.
    """
    manifests = train(open_registry(registry), examples or ORDER, Path(runs))
    if as_json:
        output.print_json([manifest.model_dump(mode="json") for manifest in manifests])
        return
    output.print_table(
        f"Registered in {registry}",
        ["version", "trained on", "metric", "cross-validated", "held out", "baseline"],
        [_row(manifest) for manifest in manifests],
    )


def train(store: Registry, examples: tuple[str, ...], runs: Path) -> list[Manifest]:
    """Train what is not registered yet; gives the manifests of all."""
    with output.progress().status("importing scikit-learn and XGBoost …") as status:
        from serve_app.cli.train_tables import shown
        from serve_app.examples.trained import EXAMPLES, Place, train_example

        place = Place(store, runs, time.time, shown(status, quiet=True))
        manifests: list[Manifest] = []
        for name in (model for example in examples for model in EXAMPLES[example]):
            known = store.versions(name)
            if known:
                manifests.append(store.manifest(name, known[0]))
                continue
            status.update(f"{name}: training, cross-validating against a baseline …")
            manifest = train_example(name, place)
            store.set_alias(
                manifest.name, "champion", manifest.version, by=current_user(),
                reason="first version of the example",
            )  # fmt: skip
            manifests.append(manifest)
    return manifests


def _row(manifest: Manifest) -> list[object]:
    name = f"{manifest.name}@{manifest.version}"
    rows = f"{manifest.training.rows} rows" if manifest.training else None
    metrics = manifest.metrics
    if metrics is None:
        return [name, rows, "(a transformer)", None, None, None]
    first = next(iter(metrics.cross_validated))
    numbers = (metrics.cross_validated, metrics.held_out, metrics.baseline)
    return [name, rows, first, *[f"{values[first]:.3f}" for values in numbers]]
