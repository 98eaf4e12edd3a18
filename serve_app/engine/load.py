"""From a registered version to a model that has proven that it still answers alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from serve_app.core.columns import Columns
from serve_app.core.ports import Model, Task
from serve_app.core.waiting import T
from serve_app.engine.explaining import ExplainingModel
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models import modules, resolve
from serve_app.models.blame import Blame
from serve_app.models.code import of_version
from serve_app.models.compiled.model import FILE
from serve_app.models.devices import Device, require_cuda
from serve_app.models.one_row.loading import load_fastest
from serve_app.models.own_modules import importable
from serve_app.models.replay import check, sample_columns
from serve_app.models.row_blocks import RowBlocks, in_threads
from serve_app.monitoring.profile.profile import FILE as PROFILE
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from serve_app.tasks.as_model import AsModel


@dataclass(frozen=True, slots=True)
class Selecting(AsModel):
    """A model that takes its own columns, in its own order, out of those that it is given.

    Where it fails and a row explains that, the row is refused in the words of `blame`. What takes
    long is asked of `explaining`, of rows that it has answered.
    """

    model: Model
    names: tuple[str, ...]
    blame: Blame
    explaining: ExplainingModel | None = None

    def in_threads(self, threads: int) -> Selecting:
        """The same, with large batches shared between threads where that changes no bit."""
        return replace(self, model=in_threads(self.model, threads))

    def ask(self, task: Task[T], columns: Columns) -> T:
        """Compute a task for every row; raises as the model does, or RowsRefused."""
        own = columns.select(self.names)
        if task.takes_long and self.explaining is not None:
            return task.compute(self.explaining, own)
        model = self.model
        compute: Callable[[Columns], T] = (
            partial(model.ask, task)
            if isinstance(model, RowBlocks)
            else partial(task.compute, model)
        )
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
    how = _How(allow_pickle, device)
    if native and manifest.compiled is not None and manifest.compiled.quantised is not None:
        msg = f"{manifest.reference} was quantised; its library's own form was not kept"
        raise ArtifactRejected(msg)
    compiled = manifest.compiled is not None and manifest.compiled.served and not native
    model: Model
    if compiled:
        artifact = registry.files_of(manifest, only=FILE)
        model = load_fastest(artifact.files[FILE], manifest.signature)
        sample = _replayed(model, manifest)
    else:
        model, sample = _library_form(registry, manifest, how)
    shared = bool(compiled or getattr(model, "row_by_row", False))
    own_form = partial(_own_form, registry, manifest, how)
    explaining = ExplainingModel(
        model,
        manifest,
        own_form=own_form if compiled or not shared else lambda: model,
        is_shared=shared,
        profile=lambda: profile_of(registry, name, version),
        sample=sample,
    )
    witness = None if sample is None else sample.slice(0, 1)
    selecting = Selecting(model, manifest.signature.names, Blame(witness), explaining)
    return Loaded(selecting, manifest, compiled)


class _How(NamedTuple):
    """How a library's own form may be loaded."""

    allow_pickle: bool
    device: Device


def _library_form(
    registry: Registry, manifest: Manifest, how: _How
) -> tuple[Model, Columns | None]:
    """The form of a version's own library, and its sample, once that was answered alike."""
    artifact = registry.files_of(manifest)
    with importable(of_version(artifact.files)):
        _require_modules(manifest)
        model = resolve(manifest.flavour).load(
            artifact.files,
            format=manifest.format,
            trusted_types=manifest.trusted_types,
            signature=manifest.signature,
            allow_pickle=how.allow_pickle,
            device=how.device,
        )
        return model, _replayed(model, manifest)


def _own_form(registry: Registry, manifest: Manifest, how: _How) -> Model | None:
    """The same beside a compiled form that answers; none where it was not kept."""
    if manifest.compiled is not None and manifest.compiled.quantised is not None:
        return None
    return _library_form(registry, manifest, how)[0]


def profile_of(registry: Registry, name: str, version: int) -> FeatureProfile | None:
    """The profile that was stored with a version; none where it has none.

    Raises:
        NotFound: no such model or version.
        ArtifactRejected: a byte of it has changed, or a later release wrote it.
    """
    manifest = registry.manifest(name, version)
    if manifest.profile is None:
        return None
    artifact = registry.files_of(manifest, only=PROFILE)
    try:
        return FeatureProfile.decode(artifact.files[PROFILE])
    except ValueError as error:
        msg = f"{PROFILE} of {manifest.reference} cannot be read: {error}; register it again"
        raise ArtifactRejected(msg, file=PROFILE, version=manifest.reference) from error


def _replayed(model: Model, manifest: Manifest) -> Columns | None:
    """The rows of the version's sample, once the model has answered all of them alike."""
    if manifest.sample is None:
        return None
    columns = sample_columns(manifest.sample.inputs, manifest.signature)
    check(model, columns, manifest.sample.expected, manifest.signature.output.kind)
    return columns if columns.rows else None


def _require_modules(manifest: Manifest) -> None:
    missing = modules.are_missing(manifest.needs)
    if missing:
        message = modules.missing(missing, who=manifest.reference)
        raise ArtifactRejected(message, version=manifest.reference)


def check_kinds(version: Loaded, prepare: Loaded | None, *, hint: str = "") -> None:
    """Let pass a version that answers rows, and the transformer before it, if there is one.

    Raises:
        InvalidInput: the version answers nothing, or what runs before it is no transformer, which
            ends with `hint`.
    """
    if version.manifest.signature.output.kind == "transform":
        name = version.manifest.reference
        raise InvalidInput(f"{name} is a transformer, which answers nothing; see --preprocess")
    if prepare is not None and prepare.manifest.signature.output.kind != "transform":
        name = prepare.manifest.reference
        raise InvalidInput(f"--preprocess: {name} is no transformer{hint}")
