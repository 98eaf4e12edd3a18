"""`serve-app mlflow models predict`: a line that people type to MLflow, answered by us."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from serve_app.cli import output
from serve_app.cli.pairs import Pair
from serve_app.cli.register_options import Options, as_it_is
from serve_app.errors import ConfigError, InvalidInput

_TYPES = {"json": "application/json", "csv": "text/csv; header=present"}
_MODELS = "models:/"
_SERVER = "MLFLOW_TRACKING_URI"
_NAME = "model"
"""What a directory is called while it answers."""


@click.group()
def models() -> None:
    """Answer files by models with the options of `mlflow models`."""


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `mlflow models predict`, by their names there."""
    for option in reversed(
        (
            click.option(
                "-m",
                "--model-uri",
                required=True,
                metavar="URI",
                help="models:/NAME/3, models:/NAME@ALIAS, models:/NAME/latest or NAME@3 of the "
                "--registry; a directory that MLflow stored; or a model of MLflow's server, as "
                "mlflow+http://HOST#models:/NAME@ALIAS or, with MLFLOW_TRACKING_URI, "
                "runs:/RUN/PATH and models:/m-ID.",
            ),
            click.option(
                "-i",
                "--input-path",
                type=click.Path(exists=True, dir_okay=False),
                help="The file of rows.  [default: standard input]",
            ),
            click.option(
                "-o",
                "--output-path",
                type=click.Path(dir_okay=False),
                help="The file that takes the answer as JSON.  [default: standard output]",
            ),
            click.option(
                "-t",
                "--content-type",
                type=click.Choice(["json", "csv"]),
                default="json",
                show_default=True,
                help="What the input is: JSON with dataframe_split, dataframe_records, instances "
                "or inputs, or CSV with a header.",
            ),
        )
    ):
        function = option(function)
    return function


def _options_of_environments(function: Callable[..., Any]) -> Callable[..., Any]:
    """Those of its options that are about environments, which are not made here."""
    for option in reversed(
        (
            click.option(
                "--env-manager",
                type=click.Choice(["local", "virtualenv", "uv", "conda"]),
                help="Taken, and changes nothing: models answer in this environment.",
            ),
            click.option("--install-mlflow", is_flag=True, help="Taken, and changes nothing."),
            click.option(
                "-r",
                "--pip-requirements-override",
                metavar="NAME==VERSION,…",
                help="Refused: install these packages in this environment.",
            ),
            click.option(
                "--env",
                "variables",
                type=Pair("KEY=VALUE", "OMP_NUM_THREADS=1"),
                multiple=True,
                metavar="KEY=VALUE",
                help="A variable of the environment while the model answers; repeatable.",
            ),
        )
    ):
        function = option(function)
    return function


@models.command()
@_options
@_options_of_environments
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    help="Rows that a directory without an input example is proven by, as for register.",
)
@click.option("--allow-pickle", is_flag=True, help="Load models of pickles, which may run code.")
@output.option_registry
@output.as_json
def predict(model_uri: str, registry: str, allow_pickle: bool, as_json: bool, **given: Any) -> None:
    """Answer the rows of a file by a version, or by a directory that MLflow stored.

    The input is what `/invocations` takes, and the output is its answer: {"predictions": …}. With
    --json and --output-path, what was written where is printed.
    """
    import asyncio

    from serve_app.standalone.one_call import answered, settings_of

    _require_none(given["pip_requirements_override"])
    body = _read(given["input_path"])
    options = as_it_is(given["data"], allow_pickle=allow_pickle)
    with _set(given["variables"]), _placed(model_uri, registry, options) as (place, version):
        settings = settings_of(place, allows_pickle=allow_pickle).trusting(*output.trust_given())
        kind = _TYPES[given["content_type"]]
        answer = asyncio.run(answered(settings, version, body, kind))
    target: str | None = given["output_path"]
    if target is not None:
        Path(target).write_bytes(answer)
        if as_json:
            rows = len(json.loads(answer)["predictions"])
            output.print_json({"output": target, "predictions": rows, "model": model_uri})
    elif as_json:
        output.print_json(json.loads(answer))
    else:
        click.echo(answer.decode())


def _require_none(requirements: str | None) -> None:
    if requirements:
        msg = (
            f"--pip-requirements-override {requirements}: no environment is made here; install "
            "these packages beside serve-app, and leave the option out"
        )
        raise click.UsageError(msg)


def _read(file: str | None) -> bytes:
    return sys.stdin.buffer.read() if file is None else Path(file).read_bytes()


@contextmanager
def _set(variables: tuple[tuple[str, str], ...]) -> Iterator[None]:
    """The environment with more variables, as long as this is entered."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _placed(uri: str, registry: str, options: Options) -> Iterator[tuple[str, str]]:
    """The registry in which a model stands, and which version it is there.

    What is in no registry is registered into one that lasts as long as this is entered: what
    answers was proven as any version is.
    """
    place = _place(uri)
    if place is None:
        from serve_app.cli.registries import open_registry
        from serve_app.registry.named import named

        name, number = named(open_registry(registry), _reference(uri))
        yield registry, f"{name}@{number}"
        return
    from serve_app.cli.register import registered

    with tempfile.TemporaryDirectory(prefix="serve-app-mlflow-") as folder:
        manifest = registered(_NAME, place, folder, options, as_json=True)
        yield folder, manifest.reference


def _place(uri: str) -> str | None:
    """Where a model lies that is in none of our registries; none of a version of ours.

    Raises:
        ConfigError: nobody says on which server it is.
        InvalidInput: it is nowhere where models are read.
    """
    from serve_app.registry.mlflow.address import PREFIX, is_address

    if is_address(uri):
        return uri
    if uri.startswith(("runs:/", f"{_MODELS}m-")):
        server = os.environ.get(_SERVER, "")
        if not server.startswith(("http://", "https://")):
            msg = (
                f"{uri} is a model of MLflow's server: set {_SERVER} to its address, such as "
                f"http://127.0.0.1:5000, or write {PREFIX}http://127.0.0.1:5000#{uri}"
            )
            raise ConfigError(msg)
        return f"{PREFIX}{server}#{uri}"
    if uri.startswith(_MODELS):
        return None
    if uri.startswith("file:"):
        uri = unquote(urlsplit(uri).path)
    if Path(uri).exists():
        return uri
    if "/" in uri:
        msg = f"{uri} is no file or directory here; copy it here, or register it"
        raise InvalidInput(msg)
    return None


def _reference(uri: str) -> str:
    """A version of our registry as we write it: `models:/churn/3` is `churn@3`."""
    name = uri.removeprefix(_MODELS).strip("/")
    if not uri.startswith(_MODELS) or "/" not in name:
        return name
    model, _, version = name.partition("/")
    return model if version == "latest" else f"{model}@{version}"
