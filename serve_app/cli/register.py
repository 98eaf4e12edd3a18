"""`serve-app register`: a trained model of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import click

from serve_app.cli import output, xgboost_options
from serve_app.cli.completion import complete_model
from serve_app.cli.corrections import corrected
from serve_app.cli.models import by_position_line, compiled_line
from serve_app.cli.opened import Opened, opened
from serve_app.errors import InvalidInput
from serve_app.registry import references

DataOf = Callable[[str, str | None], tuple[Any, Any]]
"""Reads a file: its rows without the column of that name, and that column."""


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.argument("file", metavar="PATH", type=click.Path(exists=True))
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    help="What it was trained on: CSV or Parquet, the features by name. An ONNX graph needs none, "
    "nor does an MLflow directory with an input example.",
)
@click.option(
    "--target",
    help="The column of the data that is predicted, if it is in there; of several things that "
    "are predicted at once, their columns with commas between.",
)
@click.option(
    "--dtypes",
    multiple=True,
    metavar="COLUMN=TYPE,…",
    help="Types that columns had in training: string, category, datetime, date, decimal, or "
    "pandas' names; or a .yaml or .json file of them. CSV needs them, Parquet knows its own.",
)
@click.option(
    "--na-values",
    multiple=True,
    metavar="WORD,…",
    help='The words that are gaps in CSV, no others; "" is the empty cell. By default those of '
    "pandas, and in columns declared as string only empty cells.",
)
@click.option("--labels", help="Names of classes 0, 1, 2 …, with commas between.")
@click.option("--schema", type=click.Path(exists=True, dir_okay=False), help="Corrections (JSON).")
@click.option("--trust", multiple=True, metavar="TYPE", help="A type in the model to trust.")
@click.option(
    "--code",
    multiple=True,
    type=click.Path(exists=True),
    help="A module of your own (file or folder) that the model needs: stored with it, and run "
    "whenever it is loaded.",
)
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
    dtypes: tuple[str, ...],
    na_values: tuple[str, ...],
    labels: str | None,
    schema: str | None,
    trust: tuple[str, ...],
    code: tuple[str, ...],
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
      model.txt            LightGBM, stored by save_model of the booster
      model.cbm, .json     CatBoost, stored by save_model
      model.onnx           any ONNX graph of a table, served as it is
      model.pkl, .joblib   a pickle, with --allow-pickle only
      a directory          with MLflow's MLmodel: sklearn, xgboost, lightgbm, catboost or
                           onnx; columns and rows are those of its signature and input
                           example, or of --data
    """  # noqa: D301 - click looks for the character
    if alias:
        references.check_alias(alias)
    with (
        output.progress().status("importing …") as status,
        opened(Path(file), code, (trust, allow_pickle)) as source,
    ):
        from serve_app.engine import register as use_case
        from serve_app.registry.store import Registry

        data_of = _reader(dtypes, na_values, status.console)
        given = _given(source, data_of, (data, target), schema)
        given = _declared(given, (missing, iterations, offset), None if as_json else status)
        candidate = replace(
            _candidate(name, source, given),
            labels=tuple(labels.split(",")) if labels else (),
            source=data,
            target=target,
            example=data is None,
            evaluate=evaluate,
        )
        store = Registry(registry)
        with output.progress_of("serve_app", status):
            manifest = use_case.register(
                store,
                candidate,
                trust=trust,
                allow_pickle=allow_pickle,
                compile=cast("use_case.Compile", compile_ or "auto"),
                coarser=_coarser(quantise, data_of, (held_out, target), given, tolerance),
            )
        if alias:
            store.set_alias(name, alias, manifest.version, by=manifest.created_by)
    _tell(manifest, source, as_json=as_json)


def _declared(given: _Given, options: xgboost_options.Options, status: Any) -> _Given:
    """The same with what the options say of a model of XGBoost's."""
    estimator, frame = xgboost_options.declared(
        given.estimator, given.frame, options, status=status
    )
    return replace(given, estimator=estimator, frame=frame)


def _candidate(name: str, source: Opened, given: _Given) -> Any:
    """What is registered, as far as the file and the data say it."""
    from serve_app.engine.candidate import Candidate

    return Candidate(
        name,
        given.estimator,
        given.frame,
        inputs=given.inputs,
        origin=None if source.directory is None else source.directory.origin,
        truth=given.target,
        targets=tuple(map(str, getattr(given.target, "columns", ()))),
        code=source.code,
        project=source.folder,
    )


def _tell(manifest: Any, source: Opened, *, as_json: bool) -> None:
    if source.warning is not None:
        output.warn(source.warning)
    for warning in manifest.warnings:
        output.warn(warning)
    if as_json:
        output.print_json(manifest.model_dump(mode="json"))
        return
    click.echo(f"registered {manifest.reference} ({manifest.signature.output.kind})")
    for line in _lines(manifest):
        click.echo(line)


def _lines(manifest: Any) -> Iterator[str]:
    """What people should know of a new version."""
    for name, value in xgboost_options.told(manifest):
        yield f"{name}: {value}"
    if manifest.compiled is not None:
        yield compiled_line(manifest.compiled, len(manifest.signature.inputs))
    if manifest.signature.by_position:
        yield by_position_line(manifest.signature)
    if manifest.needs_consent:
        yield "it is a pickle: serving it needs `allow_pickle: true` in its args"
    if manifest.code:
        yield f"stored with it, and run when it is loaded: {', '.join(manifest.code)}"
    if manifest.needs:
        first = manifest.needs[0]
        yield (
            f"it needs {', '.join(manifest.needs)}, which is not stored with it: add "
            f"--code {first}.py (or the folder {first}), or let every node find it (PYTHONPATH)"
        )


@dataclass(frozen=True, slots=True)
class _Given:
    """A model with rows that it takes, their target where it is known, and its columns."""

    estimator: Any
    frame: Any
    target: Any
    inputs: tuple[Any, ...]


def _given(
    source: Opened,
    data_of: DataOf,
    training: tuple[str | None, str | None],
    schema: str | None,
) -> _Given:
    """The model with its data where it is named, else what MLflow or a graph knows of it."""
    from serve_app.models.frames import describe
    from serve_app.models.onnx_ends import Graph
    from serve_app.models.onnx_graph import empty_frame

    data, target = training
    estimator, directory = source.estimator(), source.directory
    if data is not None:
        frame, wanted = data_of(data, target)
        inputs = describe(frame)
    elif directory is not None:
        table = directory.table(estimator)
        frame, wanted, inputs = table.frame, None, table.inputs
    elif isinstance(estimator, Graph):
        frame, wanted = empty_frame(estimator), None
        inputs = describe(frame)
    else:
        raise click.UsageError("Missing option '--data': what the model was trained on.")
    return _Given(estimator, frame, wanted, corrected(inputs, schema))


def _reader(dtypes: Sequence[str], na_values: Sequence[str], console: Any) -> DataOf:
    """What reads a file of rows in the declared types, and tells what it took for granted."""
    from serve_app.models.declared import declared
    from serve_app.models.tables import Reading, read_table

    words = tuple(word for text in na_values for word in text.split(","))
    reading = Reading(declared(dtypes), words if na_values else None)

    def data_of(data: str, target: str | None) -> tuple[Any, Any]:
        table = read_table(Path(data), reading)
        if not len(table.frame):
            raise InvalidInput(f"{data} has a header and no rows; nothing can be proven by it")
        for notice in table.notices:
            console.print(notice, markup=False, highlight=False)
        return _parted(data, table.frame, target)

    return data_of


def _other_delimiter(frame: Any) -> str:
    """What the data has instead; what another delimiter would explain."""
    names = [str(name) for name in frame.columns]
    near = next((d for d in ";\t|" if len(names) == 1 and d in names[0]), None)
    if near is not None:
        return f": its cells are parted by {near!r}; store it with commas, or with tabs as .tsv"
    return f"; it has {', '.join(names)}"


def _parted(data: str, frame: Any, target: str | None) -> tuple[Any, Any]:
    """The rows without the target's columns, and the target."""
    if target is None:
        return frame, None
    if target in frame.columns:
        return frame.drop(columns=target), frame[target]
    targets = [name.strip() for name in target.split(",")]
    for name in targets:
        if name not in frame.columns:
            msg = f"{data} has no column {name!r}{_other_delimiter(frame)}"
            raise InvalidInput(msg)
    if len(set(targets)) < len(targets):
        raise InvalidInput(f"--target {target} names a column twice")
    return frame.drop(columns=targets), frame[targets]


def _coarser(
    precision: str | None,
    data_of: DataOf,
    judged: tuple[str | None, str | None],
    given: _Given,
    tolerance: float,
) -> Any:
    """The wish for a quantised version, with the rows that judge it."""
    if precision is None:
        return None
    from serve_app.engine.register import Coarser

    held_out, target = judged
    if target is None:
        raise click.UsageError("--quantise needs --target: without it nothing can be judged.")
    frame, wanted = data_of(held_out, target) if held_out else (given.frame, given.target)
    if wanted is None:
        raise click.UsageError("--quantise needs --data or --held-out: rows that judge it.")
    if not held_out:
        start = len(frame) * 3 // 4
        frame, wanted = frame[start:], wanted[start:]
    return Coarser(cast("Any", precision), frame, wanted, tolerance)
