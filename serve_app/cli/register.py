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
from serve_app.cli.lineage_options import lineage_of
from serve_app.cli.mlflow_models import Brought, ModelPlace, brought
from serve_app.cli.opened import Opened, opened
from serve_app.cli.register_options import Options, options
from serve_app.cli.version_lines import by_position_line, compiled_line
from serve_app.core import reference as references
from serve_app.errors import InvalidInput

DataOf = Callable[[str, str | None], tuple[Any, Any]]
"""Reads a file: its rows without the column of that name, and that column."""


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.argument("file", metavar="PATH", type=ModelPlace())
@options
@output.option_registry
@output.as_json
def register(name: str, file: str, registry: str, as_json: bool, **given: Any) -> None:
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
      mlflow+http://host:5000#models:/name@alias
                           such a directory on a server of MLflow's; also models:/name/3,
                           models:/name/latest, models:/m-ID and runs:/RUN/PATH (password or
                           token: MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN)
    """  # noqa: D301 - click looks for the character
    manifest = registered(name, file, registry, Options(**given), as_json=as_json)
    if as_json:
        output.print_json(manifest.model_dump(mode="json"))


def registered(name: str, place: str, registry: str, options: Options, *, as_json: bool) -> Any:
    """Register the model at a path or an address of MLflow's, and give its manifest.

    What people should know of it is said; with `as_json` warnings alone, and nobody is asked.

    Raises:
        ServeError: it cannot be registered; says why and what to do.
    """
    consent = (options.trust, options.allow_pickle)
    if options.alias:
        references.check_alias(options.alias)
    with (
        output.progress().status("importing …") as status,
        brought(place) as model,
        opened(model.path, options.code, consent) as source,
    ):
        from serve_app.cli.registries import open_registry, signer_of
        from serve_app.engine.registration import register as use_case

        data_of = _reader(options.dtypes, options.na_values, status.console)
        given = _given(source, data_of, (options.data, options.target), options.schema)
        of_xgboost = (options.missing, options.iterations, options.offset)
        given = _declared(given, of_xgboost, None if as_json else status)
        store = open_registry(registry, signer_of(options.sign_key, options.signer))
        with output.progress_of("serve_app", status):
            manifest = use_case.register(
                store,
                replace(
                    _candidate(name, source, given, options, model),
                    profile_rows=_profile_rows(options, data_of),
                ),
                trust=options.trust,
                allow_pickle=options.allow_pickle,
                compile=cast("use_case.Compile", options.compile_ or "auto"),
                coarser=_coarser(options, data_of, given),
            )
        if options.alias:
            store.set_alias(name, options.alias, manifest.version, by=manifest.created_by)
    warning = None if source.warning is None else model.named(source.warning)
    _tell(manifest, warning, as_json=as_json)
    return manifest


def _declared(given: _Given, options: xgboost_options.Options, status: Any) -> _Given:
    """The same with what the options say of a model of XGBoost's."""
    estimator, frame = xgboost_options.declared(
        given.estimator, given.frame, options, status=status
    )
    return replace(given, estimator=estimator, frame=frame)


def _candidate(name: str, source: Opened, given: _Given, options: Options, model: Brought) -> Any:
    """What is registered, as far as the file and the data say it."""
    from serve_app.engine.registration.candidate import Candidate

    return Candidate(
        name,
        given.estimator,
        given.frame,
        inputs=given.inputs,
        origin=model.origin or (None if source.directory is None else source.directory.origin),
        truth=given.target,
        targets=tuple(map(str, getattr(given.target, "columns", ()))),
        code=source.code,
        project=source.folder,
        labels=tuple(options.labels.split(",")) if options.labels else (),
        source=options.data,
        target=options.target,
        example=options.data is None,
        evaluate=options.evaluate,
        lineage=model.completed(
            lineage_of(
                options.lineage, run_id=options.run_id, parent=options.parent, data=options.data
            )
        ),
    )


def _tell(manifest: Any, warning: str | None, *, as_json: bool) -> None:
    if warning is not None:
        output.warn(warning)
    for each in manifest.warnings:
        output.warn(each)
    if as_json:
        return
    click.echo(f"registered {manifest.reference} ({manifest.signature.output.kind})")
    for line in _lines(manifest):
        click.echo(line)


def _lines(manifest: Any) -> Iterator[str]:
    """What people should know of a new version."""
    for name, value in xgboost_options.settings(manifest):
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
    from serve_app.models import owner
    from serve_app.models.frames import describe, empty_frame

    data, target = training
    estimator, directory = source.estimator(), source.directory
    if data is not None:
        frame, wanted = data_of(data, target)
        inputs = describe(frame)
    elif directory is not None:
        table = directory.table(estimator)
        frame, wanted, inputs = table.frame, None, table.inputs
    elif (flavour := owner(estimator)[1]).knows_columns:
        frame, wanted = empty_frame(flavour.columns(estimator)), None
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


def _profile_rows(options: Options, data_of: DataOf) -> Any:
    """The rows of which the profile is made, where others than those of training are named."""
    if options.profile_data is None:
        return None
    from serve_app.engine.registration.candidate import ProfileRows

    frame, _ = data_of(options.profile_data, None)
    names = [options.target] if options.target in frame.columns else []
    if not names and options.target is not None:
        names = [name.strip() for name in options.target.split(",")]
    if not names or not set(names) <= set(frame.columns):
        return ProfileRows(frame, source=options.profile_data)
    truth = frame[names[0]] if len(names) == 1 else frame[names]
    return ProfileRows(frame.drop(columns=names), truth, options.profile_data)


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


def _coarser(options: Options, data_of: DataOf, given: _Given) -> Any:
    """The wish for a quantised version, with the rows that judge it."""
    if options.quantise is None:
        return None
    from serve_app.engine.registration.register import Coarser

    held_out, target = options.held_out, options.target
    if target is None:
        raise click.UsageError("--quantise needs --target: without it nothing can be judged.")
    frame, wanted = data_of(held_out, target) if held_out else (given.frame, given.target)
    if wanted is None:
        raise click.UsageError("--quantise needs --data or --held-out: rows that judge it.")
    if not held_out:
        start = len(frame) * 3 // 4
        frame, wanted = frame[start:], wanted[start:]
    return Coarser(cast("Any", options.quantise), frame, wanted, options.tolerance)
