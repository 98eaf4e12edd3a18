"""A wheel per version: what a device needs to answer with the server's bits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import serve_app
from serve_app.errors import ArtifactRejected, ConfigError
from serve_app.export.place import Exported
from serve_app.export.vendor import modules_of, vendored
from serve_app.export.wheel_file import (
    Distribution,
    check_version,
    distribution_name,
    package_name,
    wheel_bytes,
)
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import FILE
from serve_app.models.compiled.operation import Operation
from serve_app.models.compiled.trees import Trees
from serve_app.registry.manifest import Manifest
from serve_app.registry.paths import digest_of
from serve_app.registry.store import Registry

PYTHON = ">=3.11"
NUMPY, ONNXRUNTIME = "numpy>=2.0", "onnxruntime>=1.20"
_RUNTIME = "serve_app.export.runtime"
_INIT = '''"""{summary}

`predict(rows)` takes a list of rows, each a mapping of columns to values, or a mapping of columns
to lists. `python -m {package} < rows.json` does so for rows in JSON.
"""

import sys
from functools import cache

from {package}._runtime.errors import ArtifactRejected, InvalidInput, ModelFailed, RowsRefused
from {package}._runtime.export.runtime.edge import EdgeModel, open_model

__all__ = [
    "ArtifactRejected", "InvalidInput", "ModelFailed", "RowsRefused", "model", "predict",
    "predict_proba", "raw_scores", "self_test", "transform",
]  # fmt: skip
__version__ = "{version}"


@cache
def model() -> EdgeModel:
    """The version itself, once it has answered its stored rows as it did when registered."""
    return open_model(__name__)


def predict(rows):
    """The class or the number of each row."""
    return model().predict(rows)


def predict_proba(rows):
    """The probabilities of each row, in the order of `model().classes`."""
    return model().predict_proba(rows)


def raw_scores(rows):
    """The raw scores of each row."""
    return model().raw_scores(rows)


def transform(rows):
    """The columns that a transformer makes of the rows."""
    return model().transform(rows)


def self_test():
    """Raise ArtifactRejected unless the stored rows are answered as when registered."""
    model().self_test()


# A wrong processor or library shows at once. Commands (-m) tell of it in words of their own.
if getattr(sys, "argv", [""])[:1] != ["-m"]:
    model()
'''
_MAIN = '''"""Rows as JSON in, predictions as JSON out."""

import sys

from {package} import model
from {package}._runtime.export.runtime.command import main

sys.exit(main("{package}", model))
'''
_UPDATE = '''"""Updates of this package, and the version that is current."""

import sys

from {package}._runtime.export.runtime.update import Updates, main, slots_of


def current(slots=None):
    """The package of the current version, of which `predict` and all others can be called.

    `slots` is the folder of the updates, the user's own where none is given.
    """
    return Updates("{package}", slots_of("{package}", slots)).current()


if __name__ == "__main__":
    sys.exit(main("{package}"))
'''


@dataclass(frozen=True, slots=True)
class WheelOptions:
    """How a wheel is made.

    `onnxruntime` says whether trees are walked by it, or else by NumPy. `update_key` is the
    public key (32 bytes) of those whose updates the device takes, if any.
    """

    version: str = "1.0.0"
    onnxruntime: bool = True
    update_key: bytes | None = None


def export_wheel(
    registry: Registry, name: str, number: int, options: WheelOptions = WheelOptions()
) -> Exported:
    """The wheel of a version.

    Raises:
        NotFound: no such model or version.
        InvalidInput: the wheel's version is not written as one.
        ArtifactRejected: a byte of the version has changed, or it answers otherwise.
        ConfigError: it has no compiled form that serves, or no stored rows to prove it with.
    """
    check_version(options.version)
    manifest, content = compiled_of(registry, name, number)
    program = storage.load(content)
    if options.onnxruntime:
        needs_onnxruntime = any(isinstance(one, Trees) for one in operations(program))
    else:
        # It needs the onnx package, which the extra `train` brings.
        from serve_app.export.without_onnxruntime import walked  # noqa: PLC0415

        needs_onnxruntime, content = False, storage.dump(walked(program))
    distribution = _distribution(manifest, options, needs_onnxruntime=needs_onnxruntime)
    package = package_name(distribution.name)
    files = {
        f"{package}/{path}": one
        for path, one in _package(package, distribution, manifest, content, options).items()
    }
    wheel = wheel_bytes(distribution, files)
    return Exported(distribution.file_name, wheel, manifest, tuple(distribution.needs))


def compiled_of(registry: Registry, name: str, number: int) -> tuple[Manifest, bytes]:
    """A version's manifest and its compiled form, verified.

    Raises:
        NotFound: no such model or version.
        ArtifactRejected: a byte of it has changed.
        ConfigError: it has no compiled form that serves, or no stored rows.
    """
    manifest = registry.manifest(name, number)
    compiled = manifest.compiled
    if compiled is None or not compiled.served:
        reason = None if compiled is None else compiled.reason
        more = (
            f": {reason}"
            if reason
            else "; register it without --no-compile, or with --require-compiled to see what does "
            "not compile"
        )
        msg = (
            f"{manifest.reference} is served by its library and has no compiled form that a "
            f"device could compute{more}"
        )
        raise ConfigError(msg)
    if manifest.sample is None:
        msg = (
            f"{manifest.reference} was registered without data, so that nothing proves on a "
            "device that it answers alike; register it again with --data"
        )
        raise ConfigError(msg)
    return manifest, registry.files_of(manifest, only=FILE).files[FILE]


def operations(program: Operation) -> list[Operation]:
    """An operation and all inside it."""
    return [program, *(one for part in program.inner_operations() for one in operations(part))]


def _distribution(
    manifest: Manifest, options: WheelOptions, *, needs_onnxruntime: bool
) -> Distribution:
    return Distribution(
        name=distribution_name(manifest.name, manifest.version),
        version=options.version,
        summary=f"{manifest.reference}, a model for {manifest.signature.output.kind}.",
        python=PYTHON,
        needs=(NUMPY, *((ONNXRUNTIME,) if needs_onnxruntime else ())),
        generator=f"serve-app {serve_app.__version__}",
    )


def _package(
    package: str,
    distribution: Distribution,
    manifest: Manifest,
    content: bytes,
    options: WheelOptions,
) -> dict[str, bytes]:
    """The files of the package, by path below it."""
    filled: Callable[[str], bytes] = lambda template: template.format(  # noqa: E731
        package=package, summary=distribution.summary, version=distribution.version
    ).encode()
    modules = [
        f"{_RUNTIME}.command",
        f"{_RUNTIME}.update",
        *modules_of("serve_app.models.compiled"),
    ]
    return {
        "__init__.py": filled(_INIT),
        "__main__.py": filled(_MAIN),
        "update.py": filled(_UPDATE),
        f"data/{FILE}": content,
        "data/manifest.json": manifest.encode(),
        "data/export.json": _description(manifest, content, options),
        **vendored(modules, package),
    }


def _description(manifest: Manifest, content: bytes, options: WheelOptions) -> bytes:
    body: dict[str, Any] = {
        "compiled_sha256": digest_of(content),
        "exported_by": f"serve-app {serve_app.__version__}",
        "manifest_sha256": manifest.digest,
        "model": manifest.name,
        "trees_by": "onnxruntime" if options.onnxruntime else "numpy",
        "update_key": None if options.update_key is None else options.update_key.hex(),
        "version": manifest.version,
    }
    return (json.dumps(body, indent=2, sort_keys=True) + "\n").encode()


__all__ = ["ArtifactRejected", "WheelOptions", "compiled_of", "export_wheel", "operations"]
