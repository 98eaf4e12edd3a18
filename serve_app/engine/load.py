"""From a registered version to a model that has proven that it still answers alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.errors import ArtifactRejected
from serve_app.models import modules, resolve
from serve_app.models.blame import Blame
from serve_app.models.code import of_version
from serve_app.models.compiled.model import FILE, load_compiled
from serve_app.models.devices import Device, require_cuda
from serve_app.models.own_modules import importable
from serve_app.models.replay import check, sample_columns
from serve_app.models.row_blocks import in_threads
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selecting:
    """A model that takes its own columns, in its own order, out of those that it is given.

    Where it fails and a row explains that, the row is refused in the words of `blame`.
    """

    model: Model
    names: tuple[str, ...]
    blame: Blame

    def in_threads(self, threads: int) -> Selecting:
        """The same, with large batches shared between threads where that changes no bit."""
        return replace(self, model=in_threads(self.model, threads))

    def predict(self, columns: Columns) -> Prediction:
        """Predict every row."""
        return self._asked(self.model.predict, columns)

    def predict_with_scores(self, columns: Columns) -> Prediction:
        """Predict every row, with its raw scores."""
        return self._asked(self.model.predict_with_scores, columns)

    def transform(self, columns: Columns) -> Columns:
        """Transform every row."""
        return self._asked(self.model.transform, columns)

    def _asked(self, compute: Callable[[Columns], T], columns: Columns) -> T:
        own = columns.select(self.names)
        try:
            return compute(own)
        except Exception as error:
            refusal = self.blame(compute, own, error)
            if refusal is None:
                raise
            raise refusal from error


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in memory, with what its manifest says of it."""

    model: Selecting
    manifest: Manifest
    compiled: bool = False

    def in_threads(self, threads: int) -> Loaded:
        """The same version, which computes large batches in so many threads.

        Only where no bit of an answer depends on that; elsewhere one thread computes.
        """
        return replace(self, model=self.model.in_threads(threads))


def load(
    registry: Registry,
    name: str,
    version: int,
    *,
    allow_pickle: bool = False,
    native: bool = False,
    device: Device = "cpu",
) -> Loaded:
    """Read a version, verify what is read, load it and replay its sample.

    The compiled form is taken where there is one, and then nothing else is read, unless
    `native` asks for the library's own. It computes on the CPU; on a GPU libraries do.

    Raises:
        NotFound: no such model or version.
        ArtifactRejected: a byte or an output is not what was registered, or the version
            is a pickle and nobody allowed that.
        ConfigError: it cannot compute on that device.
    """
    if device == "cuda":
        require_cuda(f"{name}@{version}")
        native = True
    manifest = registry.manifest(name, version)
    if native and manifest.compiled is not None and manifest.compiled.quantised is not None:
        msg = f"{manifest.reference} was quantised; its library's own form was not kept"
        raise ArtifactRejected(msg)
    compiled = manifest.compiled is not None and manifest.compiled.served and not native
    artifact = registry.read(name, version, only=FILE if compiled else None)
    model: Model
    if compiled:
        model = load_compiled(artifact.files[FILE], manifest.signature)
        witness = _replayed(model, manifest)
    else:
        with importable(of_version(artifact.files)):
            _require_modules(manifest)
            model = resolve(manifest.flavour).load(
                artifact.files,
                format=manifest.format,
                trusted_types=manifest.trusted_types,
                signature=manifest.signature,
                allow_pickle=allow_pickle,
                device=device,
            )
            witness = _replayed(model, manifest)
    selecting = Selecting(model, manifest.signature.names, Blame(witness))
    return Loaded(selecting, manifest, compiled)


def _replayed(model: Model, manifest: Manifest) -> Columns | None:
    """The first row of the version's sample, once the model has answered all of it alike."""
    if manifest.sample is None:
        return None
    columns = sample_columns(manifest.sample.inputs, manifest.signature)
    check(model, columns, manifest.sample.expected, manifest.signature.output.kind)
    return columns.slice(0, 1) if columns.rows else None


def _require_modules(manifest: Manifest) -> None:
    missing = modules.are_missing(manifest.needs)
    if missing:
        said = modules.missing(missing, who=manifest.reference)
        raise ArtifactRejected(said, version=manifest.reference)
