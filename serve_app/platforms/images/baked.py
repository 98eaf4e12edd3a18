"""A context from which an image of one version is built: one layer on one of our images.

The image has all that it needs when it starts. A kind `edge` holds the package of the version's
wheel and answers rows on standard input; a kind `serve` holds a registry of that version alone,
and answers over HTTP with `serve-app run`.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from serve_app.errors import Conflict
from serve_app.export.place import write_file
from serve_app.export.wheel import compiled_of, export_wheel
from serve_app.export.wheel_file import distribution_name, package_name
from serve_app.platforms.images.places import EVERYWHERE, LIBRARIES, MODEL
from serve_app.platforms.images.quoting import image_reference, labels
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry

Kind = Literal["edge", "serve"]
FOLDER = "model"
"""The folder of the context that becomes the last layer."""
_COMPILE = "PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash"


@dataclass(frozen=True, slots=True)
class BakeOptions:
    """What an image is made on (with its digest), and what else its labels say."""

    image: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baked:
    """The files of a context, by path below its folder, and the version that they are of."""

    files: Mapping[str, bytes]
    manifest: Manifest

    @property
    def size_bytes(self) -> int:
        """What the last layer adds, before it is compressed."""
        return sum(len(one) for path, one in self.files.items() if path.startswith(f"{FOLDER}/"))


def bake(registry: Registry, version: tuple[str, int], kind: Kind, options: BakeOptions) -> Baked:
    """The context of an image that holds one version.

    Raises:
        NotFound: no such model or version.
        InvalidInput: the image has no digest, or a label is none.
        ArtifactRejected: a byte of the version has changed.
        ConfigError: it has no compiled form, with which alone these images answer.
    """
    image_reference(options.image, "the image")
    # Paths in a manifest that would lead elsewhere are refused when it is read.
    manifest, _ = compiled_of(registry, *version)
    inside = _package(registry, version) if kind == "edge" else _registry(registry, manifest)
    files = {f"{FOLDER}/{path}": content for path, content in inside.items()}
    text = _dockerfile(manifest, kind, options)
    ignored = f"*\n!{FOLDER}\n"
    made = {**files, "Dockerfile": text.encode(), ".dockerignore": ignored.encode()}
    return Baked(dict(sorted(made.items())), manifest)


def _package(registry: Registry, version: tuple[str, int]) -> dict[str, bytes]:
    """The files that the version's wheel would install."""
    exported = export_wheel(registry, *version)
    with zipfile.ZipFile(io.BytesIO(exported.content)) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def _registry(registry: Registry, manifest: Manifest) -> dict[str, bytes]:
    """A registry that holds this version alone, as `Registry` reads it."""
    folder = PurePosixPath(manifest.name, str(manifest.version))
    stored = registry.as_stored(manifest.name, manifest.version)
    return {str(folder / path): content for path, content in stored.items()}


def _dockerfile(manifest: Manifest, kind: Kind, options: BakeOptions) -> str:
    own_labels = {
        **options.labels,
        "org.opencontainers.image.title": f"{manifest.reference} ({kind})",
        "serve-app.manifest": f"sha256:{manifest.digest}",
        "serve-app.version": manifest.reference,
    }
    lines = [
        f"# Written by `serve-app build {manifest.reference} --kind {kind}`.",
        f"ARG IMAGE={options.image}",
    ]
    body = _of_edge(manifest) if kind == "edge" else _of_serve(manifest)
    return "\n".join([*lines, *body, *labels(own_labels), ""])


def _of_edge(manifest: Manifest) -> list[str]:
    package = package_name(distribution_name(manifest.name, manifest.version))
    entry = json.dumps(["tini", "--", "python3", "-m", package])
    return [
        "FROM ${IMAGE} AS model",
        "USER 0:0",
        f"COPY {FOLDER}/ {MODEL}/",
        f"RUN {_COMPILE} {MODEL}",
        "FROM ${IMAGE}",
        f"COPY --from=model {MODEL} {MODEL}",
        f'ENV PYTHONPATH="{MODEL}:{LIBRARIES}"',
        f"ENTRYPOINT {entry}",
        "CMD []",
        "HEALTHCHECK NONE",
    ]


def _of_serve(manifest: Manifest) -> list[str]:
    # SageMaker puts `serve` in place of the command, which `run` understands. The port stays open
    # for what platforms say in the environment.
    entry = ["tini", "--", "serve-app", "run"]
    command = [manifest.reference, "--host", EVERYWHERE]
    return [
        "FROM ${IMAGE}",
        f"COPY {FOLDER}/ {MODEL}/",
        f'ENV SERVE_APP_REGISTRY="{MODEL}"',
        f"ENTRYPOINT {json.dumps(entry)}",
        f"CMD {json.dumps(command)}",
    ]


def write_context(baked: Baked, folder: Path, *, force: bool = False) -> None:
    """Write a context into a folder, which is made where it is none yet.

    Raises:
        Conflict: something is in the folder already, and nobody said to overwrite it.
    """
    if folder.is_dir() and any(folder.iterdir()) and not force:
        msg = f"{folder} is not empty; give --force to write into it, or another --out"
        raise Conflict(msg)
    # Files of another version would become part of this one's layer.
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    for path, content in baked.files.items():
        write_file(folder / path, content, force=True)
