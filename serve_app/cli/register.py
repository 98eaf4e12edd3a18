"""`serve-app register`: a trained model of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import click

from serve_app.cli import output
from serve_app.cli.models import compiled_line
from serve_app.errors import InvalidInput


@click.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    help="What it was trained on: CSV or Parquet, the features by name. An ONNX graph needs none.",
)
@click.option("--target", help="The column of the data that is predicted, if it is in there.")
@click.option("--labels", help="Names of classes 0, 1, 2 …, with commas between.")
@click.option("--schema", type=click.Path(exists=True, dir_okay=False), help="Corrections (JSON).")
@click.option("--trust", multiple=True, metavar="TYPE", help="A type in the model to trust.")
@click.option("--allow-pickle", is_flag=True, help="Load and store pickles: they can run code.")
@click.option("--evaluate/--no-evaluate", default=True, show_default=True)
@click.option("--no-compile", "compile_", flag_value="never", help="Serve it by its own library.")
@click.option(
    "--require-compiled", "compile_", flag_value="required", help="Refuse what cannot be compiled."
)
@click.option(
    "--quantise",
    type=click.Choice(["int8", "float16"]),
    help="Coarser weights and leaves; refused when the metric falls too far.",
)
@click.option(
    "--held-out",
    type=click.Path(exists=True, dir_okay=False),
    help="Rows that --quantise is judged by; without it the last quarter of the data.",
)
@click.option("--tolerance", default=0.005, show_default=True, help="How far it may fall.")
@click.option("--alias", help="An alias that names the new version from now on.")
@output.option_registry
@output.as_json
def register(
    name: str,
    file: str,
    data: str | None,
    target: str | None,
    labels: str | None,
    schema: str | None,
    trust: tuple[str, ...],
    allow_pickle: bool,
    evaluate: bool,
    compile_: str | None,
    quantise: str | None,
    held_out: str | None,
    tolerance: float,
    alias: str | None,
    registry: str,
    as_json: bool,
) -> None:
    r"""Register the trained model in FILE as a new version of NAME.

    \b
    FILE is one of
      model.skops          scikit-learn, stored by skops
      model.ubj, .json     XGBoost, stored by save_model
      model.onnx           any ONNX graph of a table, served as it is
      model.pkl, .joblib   a pickle, with --allow-pickle only
    """
    with output.progress().status("importing …") as status:
        from serve_app.engine import register as use_case
        from serve_app.models.files import read_model
        from serve_app.registry.store import Registry

        estimator = read_model(Path(file), trust=trust, allow_pickle=allow_pickle)
        frame, wanted = _data(estimator, data, target)
        status.update("evaluating …")
        evaluation = _evaluation(estimator, frame, wanted) if evaluate else None
        status.update("compiling, proving, storing …")
        candidate = use_case.Candidate(
            name,
            estimator,
            frame,
            labels=tuple(labels.split(",")) if labels else (),
            inputs=_corrected(frame, schema),
            source=data,
            target=target,
            evaluation=evaluation,
        )
        store = Registry(registry)
        manifest = use_case.register(
            store,
            candidate,
            trust=trust,
            allow_pickle=allow_pickle,
            compile=cast("use_case.Compile", compile_ or "auto"),
            coarser=_coarser(quantise, (estimator, held_out, target), (frame, wanted), tolerance),
        )
        if alias:
            store.set_alias(name, alias, manifest.version, by=manifest.created_by)
    if as_json:
        output.print_json(manifest.model_dump(mode="json"))
        return
    click.echo(f"registered {name}@{manifest.version} ({manifest.signature.output.kind})")
    if manifest.compiled is not None:
        click.echo(compiled_line(manifest.compiled))
    if manifest.needs_consent:
        click.echo("it is a pickle: serving it needs `allow_pickle: true` in its args")


def _data(estimator: Any, data: str | None, target: str | None) -> tuple[Any, Any]:
    import pandas as pd

    from serve_app.models.onnx import Graph
    from serve_app.models.onnx_graph import empty_frame

    if data is None:
        if not isinstance(estimator, Graph):
            raise click.UsageError("Missing option '--data': what the model was trained on.")
        return empty_frame(estimator), None
    path = Path(data)
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if target is None:
        return frame, None
    if target not in frame.columns:
        msg = f"{path} has no column {target!r}; it has {', '.join(map(str, frame.columns))}"
        raise InvalidInput(msg)
    return frame.drop(columns=target), frame[target]


def _coarser(
    precision: str | None, judged: tuple[Any, str | None, str | None], data: Any, tolerance: float
) -> Any:
    """The wish for a quantised version, with the rows that judge it."""
    if precision is None:
        return None
    from serve_app.engine.register import Coarser

    estimator, held_out, target = judged
    if target is None:
        raise click.UsageError("--quantise needs --target: without it nothing can be judged.")
    frame, wanted = _data(estimator, held_out, target) if held_out else data
    if not held_out:
        start = len(frame) * 3 // 4
        frame, wanted = frame[start:], wanted[start:]
    return Coarser(cast("Any", precision), frame, wanted, tolerance)


def _evaluation(estimator: Any, frame: Any, target: Any) -> Any:
    """Metrics, where there is a target and the estimator can be fitted again."""
    if target is None or not hasattr(estimator, "get_params") or not hasattr(estimator, "predict"):
        return None
    from serve_app.models.evaluate import evaluate

    return evaluate(estimator, frame, target)


def _corrected(frame: Any, schema: str | None) -> Any:
    """The inferred columns with the corrections of a file: `{"age": {"maximum": 120}}`."""
    if schema is None:
        return None
    from dataclasses import fields, replace

    from serve_app.core.signature import Column
    from serve_app.models.frames import describe

    corrections = json.loads(Path(schema).read_text())
    columns = {column.name: column for column in describe(frame)}
    allowed = {field.name for field in fields(Column)} - {"name", "frame_dtype"}
    for name, changes in corrections.items():
        if name not in columns or not set(changes) <= allowed:
            known = sorted(columns) if name not in columns else sorted(allowed)
            msg = f"{schema}: {name!r}: {changes}: known here are {', '.join(known)}"
            raise InvalidInput(msg)
        if "categories" in changes:
            changes = {**changes, "categories": tuple(changes["categories"])}  # noqa: PLW2901
        columns[name] = replace(columns[name], **changes)
    return tuple(columns.values())
