"""Models that commands read: files and directories here, or models on a server of MLflow's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.errors import ServeError
from serve_app.redaction import without_secrets
from serve_app.registry.mlflow import address as addresses

if TYPE_CHECKING:
    from serve_app.registry.lineage import Lineage


class ModelPlace(click.Path):
    """A file or directory that exists, or `mlflow+https://host#models:/name@alias`."""

    def __init__(self) -> None:
        super().__init__(exists=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The place as text, once it could be one."""
        if isinstance(value, str) and addresses.is_address(value):
            addresses.parse(value)
            return value
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class Brought:
    """A model on this machine: where it lies, and what the server says that it came from.

    `place` is what was given; `origin` and `lineage` are none of what lay here already.
    """

    place: str
    path: Path
    origin: str | None = None
    lineage: Lineage | None = None

    def completed(self, lineage: Lineage) -> Lineage:
        """A lineage, with what the server knows where it says nothing."""
        if self.lineage is None:
            return lineage
        theirs = self.lineage
        known = {
            name: getattr(theirs, name)
            for name in theirs.model_fields_set
            if getattr(lineage, name) in (None, {}, ())
        }
        return lineage.model_copy(update=known)

    def named(self, text: str) -> str:
        """A text with what was given in place of where that lies meanwhile."""
        if self.origin is None:
            return text
        return text.replace(str(self.path), without_secrets(self.place))


@contextmanager
def brought(place: str) -> Iterator[Brought]:
    """A model that lies here, as long as this is entered.

    Raises:
        ServeError: it cannot be brought; says why. Errors meanwhile name the place that was given.
    """
    if not addresses.is_address(place):
        yield Brought(place, Path(place))
        return
    from serve_app.registry.mlflow.artifacts import download
    from serve_app.registry.mlflow.client import MlflowClient, credentials_of
    from serve_app.registry.mlflow.locating import lineage_of_run, locate

    address = addresses.parse(place)
    client = MlflowClient(address.server, credentials_of(os.environ))
    located = locate(client, address)
    lineage = None if located.run_id is None else lineage_of_run(client, located.run_id)
    with tempfile.TemporaryDirectory(prefix="serve-app-mlflow-") as folder:
        path = Path(folder) / "model"
        path.mkdir()
        download(client, located.uri, path)
        model = Brought(place, path, located.origin, lineage)
        try:
            yield model
        except ServeError as error:
            raise type(error)(model.named(error.message), **error.details) from error
