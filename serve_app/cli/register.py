"""`serve-app register`: a trained model of the user's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from serve_app.cli import output, xgboost_options
from serve_app.cli.models import compiled_line
from serve_app.errors import InvalidInput


@click.command()
@click.argument("name")
@click.argument("file", metavar="PATH", type=click.Path(exists=True))
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    help="What it was trained on: CSV or Parquet, the features by name. An ONNX graph needs none, "
    "nor does an MLflow directory with an input example.",
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
@click.option(
    "--missing",
    type=float,
    metavar="NUMBER",
    help="XGBoost: the number that stood for a gap in training (`missing=`); nan if none did.",
)
@click.option(
    "--iterations",
    metavar="best|all|N",
    help="XGBoost: which iterations answer; without it all of a Booster, the best of a wrapper.",
)
@click.option(
    "--offset",
    metavar="COLUMN",
    help="XGBoost: the column that was the base margin in training, given with each row.",
)
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
    missing: float | None,
    iterations: str | None,
    offset: str | None,
    alias: str | None,
    registry: str,
    as_json: bool,
) -> None:
    """Register the trained model in PATH as a new version of NAME.

    \b
    PATH is one of
      model.skops          scikit-learn, stored by skops
      model.ubj, .json     XGBoost, stored by save_model
      model.onnx           any ONNX graph of a table, served as it is
      model.pkl, .joblib   a pickle, with --allow-pickle only
      a directory          with MLflow's MLmodel: sklearn, xgboost or onnx; columns and
                           rows are those of its signature and input example, or of --data
    """  # noqa: D301 - click looks for the character
    with output.progress().status("importing …") as status:
        from serve_app.engine import register as use_case
        from serve_app.registry.store import Registry

        read, directory = _read(Path(file))
        estimator = read(trust=trust, allow_pickle=allow_pickle)
        given = _given(estimator, directory, (data, target), schema)
        frame, wanted = given.frame, given.target
        estimator, frame = xgboost_options.declared(
            estimator, frame, (missing, iterations, offset), status=None if as_json else status
        )
        status.update("evaluating …")
        evaluation = _evaluation(estimator, frame, wanted) if evaluate else None
        status.update("compiling, proving, storing …")
        candidate = use_case.Candidate(
            name,
            estimator,
            frame,
            labels=tuple(labels.split(",")) if labels else (),
            inputs=given.inputs,
            source=data,
            target=target,
            evaluation=evaluation,
            example=data is None,
            origin=None if directory is None else directory.origin,
        )
        store = Registry(registry)
        manifest = use_case.register(
            store,
            candidate,
            trust=trust,
            allow_pickle=allow_pickle,
            compile=cast("use_case.Compile", compile_ or "auto"),
            coarser=_coarser(quantise, (held_out, target), (frame, wanted), tolerance),
        )
        if alias:
            store.set_alias(name, alias, manifest.version, by=manifest.created_by)
    _tell(manifest, as_json=as_json)


def _tell(manifest: Any, *, as_json: bool) -> None:
    if as_json:
        output.print_json(manifest.model_dump(mode="json"))
        return
    click.echo(f"registered {manifest.reference} ({manifest.signature.output.kind})")
    for name in ("iterations", "missing", "offset"):
        if name in manifest.parameters:
            click.echo(f"{name}: {manifest.parameters[name]}")
    if manifest.compiled is not None:
        click.echo(compiled_line(manifest.compiled))
    if manifest.needs_consent:
        click.echo("it is a pickle: serving it needs `allow_pickle: true` in its args")


@dataclass(frozen=True, slots=True)
class _Given:
    """Rows that a model takes, with their target where it is known, and its columns."""

    frame: Any
    target: Any
    inputs: tuple[Any, ...]


def _read(path: Path) -> tuple[Callable[..., Any], Any]:
    """How to read the estimator, and the MLflow directory if it is one."""
    if path.is_dir():
        from serve_app.models.mlflow_directory import MlflowDirectory

        directory = MlflowDirectory(path)
        return directory.estimator, directory
    from serve_app.models.files import read_model

    return partial(read_model, path), None


def _given(
    estimator: Any, directory: Any, training: tuple[str | None, str | None], schema: str | None
) -> _Given:
    """The training data where it is named, else what MLflow or an ONNX graph knows of it."""
    from serve_app.models.frames import describe
    from serve_app.models.onnx import Graph
    from serve_app.models.onnx_graph import empty_frame

    data, target = training
    if data is not None:
        frame, wanted = _data(data, target)
        inputs = describe(frame)
    elif directory is not None:
        table = directory.table(estimator)
        frame, wanted, inputs = table.frame, None, table.inputs
    elif isinstance(estimator, Graph):
        frame, wanted = empty_frame(estimator), None
        inputs = describe(frame)
    else:
        raise click.UsageError("Missing option '--data': what the model was trained on.")
    return _Given(frame, wanted, _corrected(inputs, schema))


def _data(data: str, target: str | None) -> tuple[Any, Any]:
    import pandas as pd

    path = Path(data)
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if target is None:
        return frame, None
    if target not in frame.columns:
        msg = f"{path} has no column {target!r}; it has {', '.join(map(str, frame.columns))}"
        raise InvalidInput(msg)
    return frame.drop(columns=target), frame[target]


def _coarser(
    precision: str | None, judged: tuple[str | None, str | None], data: Any, tolerance: float
) -> Any:
    """The wish for a quantised version, with the rows that judge it."""
    if precision is None:
        return None
    from serve_app.engine.register import Coarser

    held_out, target = judged
    if target is None:
        raise click.UsageError("--quantise needs --target: without it nothing can be judged.")
    frame, wanted = _data(held_out, target) if held_out else data
    if wanted is None:
        raise click.UsageError("--quantise needs --data or --held-out: rows that judge it.")
    if not held_out:
        start = len(frame) * 3 // 4
        frame, wanted = frame[start:], wanted[start:]
    return Coarser(cast("Any", precision), frame, wanted, tolerance)


def _evaluation(estimator: Any, frame: Any, target: Any) -> Any:
    """Metrics, where there is a target and the estimator can be fitted again."""
    estimator = xgboost_options.fitted_again(estimator)
    if target is None or not hasattr(estimator, "get_params") or not hasattr(estimator, "predict"):
        return None
    from serve_app.models.evaluate import evaluate

    return evaluate(estimator, frame, target)


def _corrected(inferred: tuple[Any, ...], schema: str | None) -> tuple[Any, ...]:
    """The inferred columns with the corrections of a file: `{"age": {"maximum": 120}}`."""
    if schema is None:
        return inferred
    from serve_app.core.signature import Column

    columns = {column.name: column for column in inferred}
    corrections = json.loads(Path(schema).read_text())
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
