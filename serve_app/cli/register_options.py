"""The options of commands that register a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from serve_app.cli.registries import option_signer


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a model that is registered, as `options` declares it."""

    data: str | None
    profile_data: str | None
    target: str | None
    dtypes: tuple[str, ...]
    na_values: tuple[str, ...]
    labels: str | None
    schema: str | None
    trust: tuple[str, ...]
    code: tuple[str, ...]
    allow_pickle: bool
    evaluate: bool
    compile_: str | None
    quantise: str | None
    held_out: str | None
    tolerance: float
    missing: float | None
    iterations: str | None
    offset: str | None
    alias: str | None
    lineage: str | None = None
    run_id: str | None = None
    parent: str | None = None
    sign_key: str | None = None
    signer: str | None = None


def as_it_is(data: str | None, *, allow_pickle: bool) -> Options:
    """Nothing but what the model itself says, and rows where it has none."""
    return Options(
        data=data,
        profile_data=None,
        target=None,
        dtypes=(),
        na_values=(),
        labels=None,
        schema=None,
        trust=(),
        code=(),
        allow_pickle=allow_pickle,
        evaluate=False,
        compile_=None,
        quantise=None,
        held_out=None,
        tolerance=0.0,
        missing=None,
        iterations=None,
        offset=None,
        alias=None,
    )


_OPTIONS = (
    click.option(
        "--data",
        type=click.Path(exists=True, dir_okay=False),
        help="What it was trained on: CSV or Parquet, the features by name. An ONNX graph needs "
        "none, nor does an MLflow directory with an input example.",
    ),
    click.option(
        "--profile-data",
        type=click.Path(exists=True, dir_okay=False),
        help="Rows of which its profile is made, which later rows are held against: CSV or "
        "Parquet, with the target or without. By default what it was trained on.",
    ),
    click.option(
        "--target",
        help="The column of the data that is predicted, if it is in there; of several things that "
        "are predicted at once, their columns with commas between.",
    ),
    click.option(
        "--dtypes",
        multiple=True,
        metavar="COLUMN=TYPE,…",
        help="Types that columns had in training: string, category, datetime, date, decimal, or "
        "pandas' names; or a .yaml or .json file of them. CSV needs them, Parquet knows its own.",
    ),
    click.option(
        "--na-values",
        multiple=True,
        metavar="WORD,…",
        help='The words that are gaps in CSV, no others; "" is the empty cell. By default those of '
        "pandas, and in columns declared as string only empty cells.",
    ),
    click.option("--labels", help="Names of classes 0, 1, 2 …, with commas between."),
    click.option(
        "--schema", type=click.Path(exists=True, dir_okay=False), help="Corrections (JSON)."
    ),
    click.option("--trust", multiple=True, metavar="TYPE", help="A type in the model to trust."),
    click.option(
        "--code",
        multiple=True,
        type=click.Path(exists=True),
        help="A module of your own (file or folder) that the model needs: stored with it, and run "
        "whenever it is loaded.",
    ),
    click.option("--allow-pickle", is_flag=True, help="Load and store pickles: they can run code."),
    click.option("--evaluate/--no-evaluate", default=True, show_default=True),
    click.option(
        "--no-compile", "compile_", flag_value="never", help="Serve it by its own library."
    ),
    click.option(
        "--require-compiled",
        "compile_",
        flag_value="required",
        help="Refuse what cannot be compiled.",
    ),
    click.option(
        "--quantise",
        type=click.Choice(["int8", "float16"]),
        help="Coarser weights and leaves; refused when the metric falls too far.",
    ),
    click.option(
        "--held-out",
        type=click.Path(exists=True, dir_okay=False),
        help="Rows that --quantise is judged by; without it the last quarter of the data.",
    ),
    click.option("--tolerance", default=0.005, show_default=True, help="How far it may fall."),
    click.option(
        "--missing",
        type=float,
        metavar="NUMBER",
        help="XGBoost: the number that stood for a gap in training (`missing=`); nan if none did.",
    ),
    click.option(
        "--iterations",
        metavar="best|all|N",
        help="XGBoost: which iterations answer; without it all of a Booster, the best of a "
        "wrapper.",
    ),
    click.option(
        "--offset",
        metavar="COLUMN",
        help="XGBoost: the column that was the base margin in training, given with each row.",
    ),
    click.option("--alias", help="An alias that names the new version from now on."),
    click.option(
        "--lineage",
        type=click.Path(exists=True, dir_okay=False),
        help="What it was made of (YAML or JSON): training_window, data, seeds, metrics, run_id, "
        "parent, and more. Code, libraries and the file of --data are written down without it.",
    ),
    click.option("--run-id", help="The run that made it."),
    click.option("--parent", metavar="MODEL@VERSION", help="The version that it follows."),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that register a model: the fields of `Options`."""
    command = option_signer(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
